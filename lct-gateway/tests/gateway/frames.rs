//! Frames and messages, proper and not.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Raw};
use crate::setup::{lonely, metric};

/// Frames (first byte, payload), and the close code they get.
type Case<'a> = (&'a [(u8, &'a [u8])], u16);

#[tokio::test]
async fn bad_frames_get_the_close_code_of_their_fault() {
    let gateway = lonely(&[]);
    let here = gateway.client_address();
    // A message of 8193 bytes; three frames of 4 KiB; half a code point; a reserved bit; a lone continuation; a
    // reserved opcode; a ping of 126 bytes; a binary message.
    let big = vec![b'x'; 8193];
    let part = vec![b'x'; 4096];
    let long_ping = [0; 126];
    let cases: [Case<'_>; 8] = [
        (&[(0x81, &big)], 1009),
        (&[(0x01, &part), (0x00, &part), (0x80, &part)], 1009),
        (&[(0x81, b"\xc3")], 1007),
        (&[(0xc1, b"x")], 1002),
        (&[(0x80, b"x")], 1002),
        (&[(0x83, b"x")], 1002),
        (&[(0x89, &long_ping)], 1002),
        (&[(0x82, b"x")], 1003),
    ];
    for (frames, code) in cases {
        let mut client = Raw::upgrade(here, None).await;
        for (first, payload) in frames {
            client.frame(*first, payload).await;
        }
        assert_eq!(
            client.close_code().await,
            code,
            "first byte {:#x}",
            frames[0].0
        );
    }
    assert_eq!(
        metric(&gateway, "lct_gateway_closes_total{code=\"1009\"}").await,
        2
    );
}

#[tokio::test]
async fn a_frame_that_announces_a_gibibyte_is_refused_before_it_comes() {
    let gateway = lonely(&[]);
    let mut client = Raw::upgrade(gateway.client_address(), None).await;
    client
        .stream
        .write_all(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4])
        .await
        .unwrap();
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn an_unmasked_frame_is_refused() {
    let gateway = lonely(&[]);
    let mut client = Raw::upgrade(gateway.client_address(), None).await;
    client.stream.write_all(&[0x81, 1, b'x']).await.unwrap();
    assert_eq!(client.close_code().await, 1002);
}

#[tokio::test]
async fn a_close_is_answered_in_kind() {
    let gateway = lonely(&[]);
    let mut client = Raw::upgrade(gateway.client_address(), None).await;
    client.frame(0x88, &1000u16.to_be_bytes()).await;
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn the_largest_message_is_read() {
    let gateway = lonely(&[]);
    let mut client = Client::connect(gateway.client_address()).await;
    let fill = "x".repeat(8192 - json!({"type": "ping", "fill": ""}).to_string().len());
    let pong = client.ask(json!({"type": "ping", "fill": fill})).await;
    assert_eq!(pong["type"], "pong");
}

#[tokio::test]
async fn garbage_gets_an_error_and_the_connection_stays() {
    let gateway = lonely(&[]);
    let mut client = Client::connect(gateway.client_address()).await;
    for garbage in ["", "{", "[1]", "\"hello\"", "{\"type\":1}", "{}"] {
        client.send(Message::text(garbage)).await;
        let error = client.hear().await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("error"), &json!("bad_message"))
        );
    }
    let error = client.ask(json!({"type": "fly", "id": "f"})).await;
    assert_eq!(
        (&error["code"], &error["id"]),
        (&json!("unknown_type"), &json!("f"))
    );
    assert_eq!(
        client.ask(json!({"type": "ping", "id": 1})).await,
        json!({"type": "pong", "id": 1})
    );
}

#[tokio::test]
async fn hello_comes_first() {
    let gateway = lonely(&[]);
    let mut client = Client::connect(gateway.client_address()).await;
    for message in [
        "logVisit",
        "updateVisit",
        "deleteVisit",
        "exposureWarning",
        "alertReceived",
    ] {
        let message = json!({
            "type": message, "id": 5, "place_id": "x", "start": 1, "end": 2, "loggedNodeId": "x", "alerts": [],
            "warning": "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e", "reason": 0
        });
        let error = client.ask(message).await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("hello_first"), &json!(5))
        );
    }
    let session = client
        .ask(json!({"type": "hello", "userID": "u", "username": "weeFox"}))
        .await;
    assert_eq!(
        session,
        json!({"type": "session", "userID": "u", "graphName": "lct", "complete": false}),
        "there is no Redis whose inbox could be read"
    );
}

#[tokio::test]
async fn without_redis_a_visit_is_refused_for_now_and_the_connection_stays() {
    let gateway = lonely(&[]);
    let mut client = Client::hello(gateway.client_address(), "u").await;
    let visit = json!({"type": "logVisit", "id": 1, "place_id": "x", "start": 1, "end": 2});
    assert_eq!(client.ask(visit).await["code"], "unavailable");
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
}
