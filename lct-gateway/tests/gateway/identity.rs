//! Who a client is with `--auth key`, the default: proofs, roles, export, erasure and revocation.

use serde_json::{Value, json};

use crate::client::{Client, Keys};
use crate::setup::{Redis, gateway, ready};

const KEY: &[&str] = &["--auth", "key"];

#[tokio::test]
async fn a_hello_proves_itself_once_and_on_its_own_connection() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), KEY);
    ready(&gateway).await;
    let address = gateway.client_address();
    let keys = Keys::of(1);
    let mut first = Client::connect(address).await;
    let nonce = first.hear().await["nonce"].as_str().unwrap().to_owned();
    let hello = keys.hello("device", &nonce, "lct", "");
    let (session, _) = first.open(hello.clone()).await;
    assert_eq!(session["userID"], keys.visitor());

    // Replayed elsewhere, for another graph or page, by the wrong key, or under somebody else's keys it proves nothing.
    let stranger = Keys::of(2);
    let forgeries: [&dyn Fn(&str) -> Value; 5] = [
        &|_| hello.clone(),
        &|nonce| {
            let mut forged = keys.hello("device", nonce, "Sandbox", "");
            forged["graphName"] = "lct".into();
            forged
        },
        &|nonce| keys.hello("device", nonce, "lct", "https://evil.example"),
        &|nonce| {
            let mut forged = keys.hello("device", nonce, "lct", "");
            forged["key"] = "code".into();
            forged
        },
        &|nonce| {
            let mut forged = stranger.hello("device", nonce, "lct", "");
            forged["devicePublicKey"] = hello["devicePublicKey"].clone();
            forged
        },
    ];
    for forge in forgeries {
        let mut client = Client::connect(address).await;
        let nonce = client.hear().await["nonce"].as_str().unwrap().to_owned();
        let error = client.ask(forge(&nonce)).await;
        assert_eq!(error["code"], "bad_signature", "{error}");
        assert_eq!(client.close_code().await, 4401);
    }
    // A userID alone is nothing here.
    let mut client = Client::connect(address).await;
    client.hear().await;
    let error = client
        .ask(json!({"type": "hello", "userID": keys.visitor()}))
        .await;
    assert_eq!(error["code"], "bad_value");
}

#[tokio::test]
async fn the_key_code_reads_alerts_and_erases_and_gives_nothing_else_away() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), KEY);
    ready(&gateway).await;
    let keys = Keys::of(1);
    let (mut phone, _) = Client::sign_in(gateway.client_address(), &keys, "device").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1000, "end": 2000});
    assert_eq!(phone.ask(visit.clone()).await["logged"], true);
    redis.meets_and_warns(&keys.visitor(), 1).await;
    phone.hear().await;
    let export = phone.ask(json!({"type": "exportMyData", "id": 4})).await;
    assert_eq!(
        export["visits"][0],
        json!({"place_id": "x", "start": 1000, "end": 2000})
    );
    assert_eq!(
        (&export["visits"].as_array().unwrap().len(), &export["more"]),
        (&2, &json!(false))
    );

    let (mut card, alerts) = Client::sign_in(gateway.client_address(), &keys, "code").await;
    assert_eq!(alerts.len(), 1);
    for message in [
        visit,
        json!({"type": "exportMyData"}),
        json!({"type": "alertReceived", "alerts": [alerts[0]["alert"]]}),
    ] {
        let error = card.ask(message).await;
        assert_eq!(
            (&error["code"], error.get("visits")),
            (&json!("not_allowed"), None)
        );
    }
    assert_eq!(
        card.ask(json!({"type": "forgetMe", "id": 5})).await,
        json!({"type": "ack", "id": 5, "removed": 2})
    );
    let export = phone.ask(json!({"type": "exportMyData"})).await;
    assert_eq!(export, json!({"type": "ack", "visits": [], "more": false}));
    let (_, alerts) = Client::sign_in(gateway.client_address(), &keys, "device").await;
    assert!(alerts.is_empty());
}

#[tokio::test]
async fn a_revocation_closes_every_connection_of_the_visitor_on_every_gateway() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let (east, west) = (gateway(&redis.url(), KEY), gateway(&redis.url(), KEY));
    ready(&east).await;
    ready(&west).await;
    let (keys, others) = (Keys::of(1), Keys::of(2));
    let (mut phone, _) = Client::sign_in(east.client_address(), &keys, "device").await;
    let (mut thief, _) = Client::sign_in(west.client_address(), &keys, "device").await;
    let (mut other, _) = Client::sign_in(west.client_address(), &others, "device").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    phone.ask(visit.clone()).await;
    let (mut card, _) = Client::sign_in(west.client_address(), &keys, "code").await;
    assert_eq!(
        card.ask(json!({"type": "revokeMe", "id": 1})).await,
        json!({"type": "ack", "id": 1, "removed": 1})
    );
    for client in [&mut card, &mut phone, &mut thief] {
        assert_eq!(client.close_code().await, 4403);
    }
    assert_eq!(other.ask(visit.clone()).await["logged"], true);
    // The hello is answered as for anybody, and the first write says it.
    let (mut again, _) = Client::sign_in(east.client_address(), &keys, "device").await;
    assert_eq!(again.ask(visit).await["code"], "revoked");
    assert_eq!(again.close_code().await, 4403);
}

#[tokio::test]
async fn a_gateway_that_did_not_hear_of_a_revocation_reads_of_it() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), KEY);
    ready(&gateway).await;
    let keys = Keys::of(1);
    let (mut card, _) = Client::sign_in(gateway.client_address(), &keys, "code").await;
    card.ask(json!({"type": "revokeMe", "id": 1})).await;
    assert_eq!(card.close_code().await, 4403);
    // That is over; whoever signs in now was told nothing, as is one whose gateway was not listening.
    let (mut idle, _) = Client::sign_in(gateway.client_address(), &keys, "device").await;
    let (mut other, _) = Client::sign_in(gateway.client_address(), &Keys::of(2), "device").await;
    let _: u64 = redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(idle.close_code().await, 4403);
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    assert_eq!(other.ask(visit).await["logged"], true);
}

#[tokio::test]
async fn without_keys_nobody_exports_erases_or_revokes() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    for kind in ["exportMyData", "forgetMe", "revokeMe"] {
        let error = client.ask(json!({"type": kind, "id": 1})).await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("not_allowed"), &json!(1))
        );
    }
}
