//! Clients that take their time, and the end of the gateway.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::client::{Client, Raw};
use crate::setup::{PATIENCE, lonely, metric, until};

#[tokio::test]
async fn a_request_that_never_ends_is_closed() {
    let gateway = lonely(&["--header-timeout", "0.3"]);
    for start in ["", "GET /ws HTT", "GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(gateway.client_address()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "closed by the gateway: {start:?}");
        assert!(
            began.elapsed() >= Duration::from_millis(200),
            "not before its time"
        );
    }
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_lengthen_the_deadline() {
    let gateway = lonely(&["--header-timeout", "0.3"]);
    let stream = TcpStream::connect(gateway.client_address()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let drip = tokio::spawn(async move {
        write.write_all(b"GET /ws HTTP/1.1\r\nX-Slow: ").await.ok();
        while write.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let mut rest = Vec::new();
    assert!(
        timeout(PATIENCE, read.read_to_end(&mut rest)).await.is_ok(),
        "closed by the gateway"
    );
    drip.abort();
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_idle() {
    let gateway = lonely(&["--header-timeout", "0.3"]);
    let mut stream = TcpStream::connect(gateway.client_address()).await.unwrap();
    stream
        .write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    assert!(
        timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .is_ok(),
        "closed by the gateway"
    );
    assert!(answer.starts_with(b"HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_client_without_a_hello_is_sent_away() {
    let gateway = lonely(&["--hello-timeout", "0.3"]);
    let mut client = Client::connect(gateway.client_address()).await;
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
    assert_eq!(client.close_code().await, 4002);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_is_not_held_to_its_hello_time() {
    let gateway = lonely(&[
        "--hello-timeout",
        "0.3",
        "--ping-interval",
        "0.2",
        "--ping-timeout",
        "1",
    ]);
    let mut client = Client::hello(gateway.client_address(), "u").await;
    let nothing = timeout(Duration::from_secs(2), client.hear()).await;
    assert!(nothing.is_err(), "quiet but for pings");
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
    let pings = metric(&gateway, "lct_gateway_messages_out_total{type=\"ping\"}").await;
    assert!(pings >= 3, "asked for signs of life: {pings}");
}

#[tokio::test]
async fn a_silent_client_is_asked_once_and_closed() {
    let gateway = lonely(&["--ping-interval", "0.3", "--ping-timeout", "0.3"]);
    let mut client = Raw::upgrade(gateway.client_address(), None).await;
    client
        .frame(0x81, br#"{"type":"hello","userID":"u"}"#)
        .await;
    // There is no Redis, so that the session would be opened later than this.
    let (ping, _) = client.next().await.unwrap();
    let (text, payload) = client.next().await.unwrap();
    assert_eq!((ping, text), (0x89, 0x81));
    assert_eq!(
        (payload.len(), &payload[..15]),
        (512, &br#"{"type":"ping"}"#[..])
    );
    assert_eq!(client.close_code().await, 4012);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let gateway = lonely(&[
        "--write-timeout",
        "0.5",
        "--message-rate",
        "1000000",
        "--message-burst",
        "1000000",
    ]);
    let mut client = Raw::upgrade(gateway.client_address(), Some(4096)).await;
    // Each of these is answered with 512 bytes that nobody reads, until no buffer takes more.
    let flood = tokio::spawn(async move {
        let frame = [0x81, 0x82, 0, 0, 0, 0, b'{', b'}'];
        while client.stream.write_all(&frame).await.is_ok() {}
    });
    until(&gateway, "lct_gateway_closes_total{code=\"4008\"}", 1).await;
    until(&gateway, "lct_gateway_connections", 0).await;
    let ended = timeout(PATIENCE, flood).await;
    assert!(ended.is_ok(), "the gateway let go of the connection");
}

#[tokio::test]
async fn ending_sends_clients_away_and_frees_the_port() {
    let gateway = lonely(&["--drain-timeout", "10"]);
    let here = gateway.client_address();
    let mut first = Client::hello(here, "a").await;
    let mut second = Client::connect(here).await;
    let ((), one, two) = tokio::join!(gateway.end(), first.close_code(), second.close_code());
    assert_eq!((one, two), (4001, 4001));
    assert!(
        TcpStream::connect(here).await.is_err(),
        "nobody listens any more"
    );
}
