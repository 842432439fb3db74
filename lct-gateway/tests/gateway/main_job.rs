//! The main job: visits, a warning, alerts; with the module, over two gateways.

use serde_json::{Value, json};

use crate::client::Client;
use crate::setup::{Redis, gateway, ready};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A version 4 UUID that is new to the test.
fn warning(n: u8) -> String {
    format!("0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c{n:02x}")
}

fn now() -> u64 {
    lct_gateway::clock::now()
}

async fn log(client: &mut Client, place: &str, start: u64, end: u64) -> Value {
    let ack = client
        .ask(json!({"type": "logVisit", "id": 7, "place_id": place, "start": start, "end": end}))
        .await;
    assert_eq!(
        (&ack["type"], &ack["id"], &ack["logged"]),
        (&json!("ack"), &json!(7), &json!(true)),
        "{ack}"
    );
    ack["loggedNodeId"].clone()
}

async fn warn(client: &mut Client, n: u8, reason: Value) {
    let ack = client
        .ask(json!({"type": "exposureWarning", "id": n, "warning": warning(n), "reason": reason}))
        .await;
    assert_eq!(ack, json!({"type": "ack", "id": n, "warned": true}));
}

async fn alerted(client: &mut Client, reason: &str) {
    let message = client.hear().await;
    assert_eq!(message["type"], "exposureAlert", "{message}");
    assert_eq!(message["alerts"][0]["reason"], reason);
}

#[tokio::test]
async fn those_who_shared_the_space_are_alerted_on_every_gateway_and_nobody_else() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let (east, west) = (gateway(&redis.url(), &[]), gateway(&redis.url(), &[]));
    ready(&east).await;
    ready(&west).await;
    let mut index = Client::hello(east.client_address(), "index").await;
    let mut here = Client::hello(east.client_address(), "here").await;
    let mut there = Client::hello(west.client_address(), "there").await;
    let mut later = Client::hello(west.client_address(), "later").await;
    let t = now() - 6 * HOUR;
    log(&mut index, "plaza", t, t + HOUR).await;
    log(&mut here, "plaza", t + HOUR / 2, t + 2 * HOUR).await;
    log(&mut there, "plaza", t, t + 1).await;
    log(&mut later, "plaza", t + HOUR, t + 2 * HOUR).await; // touching is no contact

    warn(&mut index, 1, json!("symptoms")).await;
    alerted(&mut here, "symptoms").await;
    alerted(&mut there, "symptoms").await;

    // A repeated warning is no second one, and its answer is the same; so is that of one that concerns nobody.
    warn(&mut index, 1, json!("symptoms")).await;
    warn(&mut later, 2, json!("LCT warned me of exposure")).await;
    for client in [&mut index, &mut here, &mut there] {
        client.hears_nothing().await;
    }
    later.hears_nothing().await;
}

#[tokio::test]
async fn a_positive_test_reaches_contacts_of_contacts_of_the_last_two_days() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut clients = Vec::new();
    for name in ["index", "contact", "second", "old", "second-old"] {
        clients.push(Client::hello(gateway.client_address(), name).await);
    }
    let [index, contact, second, old, second_old] = &mut clients[..] else {
        panic!("five clients")
    };
    let t = now() - 6 * HOUR;
    log(index, "a", t, t + HOUR).await;
    log(contact, "a", t, t + HOUR).await;
    log(contact, "b", t + HOUR, t + 2 * HOUR).await;
    log(second, "b", t + HOUR, t + 2 * HOUR).await;
    let long_ago = t - 5 * DAY;
    log(index, "c", long_ago, long_ago + HOUR).await;
    log(old, "c", long_ago, long_ago + HOUR).await;
    log(old, "d", long_ago + HOUR, long_ago + 2 * HOUR).await;
    log(second_old, "d", long_ago + HOUR, long_ago + 2 * HOUR).await;

    // By symptoms: contacts only. `since` leaves out what was more than 48 h before.
    let since = json!({"type": "exposureWarning", "warning": warning(1), "reason": 2, "since": t});
    assert_eq!(index.ask(since).await["warned"], true);
    alerted(contact, "symptoms").await;
    old.hears_nothing().await;
    second.hears_nothing().await;

    warn(index, 2, json!(0)).await;
    for client in [contact, second, old] {
        alerted(client, "positive").await;
    }
    second_old.hears_nothing().await;
    index.hears_nothing().await;
}

#[tokio::test]
async fn visits_are_moved_and_deleted_by_their_own_visitor_and_messages_can_be_repeated() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let mut other = Client::hello(gateway.client_address(), "b").await;
    let t = now() - 6 * HOUR;
    let id = log(&mut client, "plaza", t, t + HOUR).await;
    assert_eq!(
        log(&mut client, "plaza", t, t + 2 * HOUR).await,
        id,
        "the same visit, another end"
    );

    let update =
        json!({"type": "updateVisit", "loggedNodeId": id, "start": t + 1, "end": t + HOUR});
    let first = client.ask(update.clone()).await;
    assert_eq!(
        (&first["type"], &first["logged"]),
        (&json!("ack"), &json!(true))
    );
    assert_eq!(client.ask(update.clone()).await, first, "repeated");
    let visits: Vec<(String, u64, u64)> = redis.run(&["LCT.VISITS", "lct", "a"]).await;
    assert_eq!(visits, [("plaza".to_owned(), t + 1, t + HOUR)]);

    // The id means nothing in another's session.
    assert_eq!(other.ask(update).await["code"], "unknown_visit");
    let delete = json!({"type": "deleteVisit", "loggedNodeId": first["loggedNodeId"]});
    assert_eq!(other.ask(delete.clone()).await["deleted"], true);
    let visits: Vec<(String, u64, u64)> = redis.run(&["LCT.VISITS", "lct", "a"]).await;
    assert_eq!(visits.len(), 1, "only its own visitor deletes it");
    for _ in 0..2 {
        assert_eq!(
            client.ask(delete.clone()).await,
            json!({"type": "ack", "deleted": true})
        );
    }
    let visits: Vec<(String, u64, u64)> = redis.run(&["LCT.VISITS", "lct", "a"]).await;
    assert!(visits.is_empty());
}

#[tokio::test]
async fn the_sandbox_is_another_graph() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let t = now() - HOUR;
    let ack = client.ask(json!({"type": "logVisit", "place_id": "x", "start": t, "end": t + 1, "graphName": "Sandbox"}));
    assert_eq!(ack.await["logged"], true);
    let counts: Vec<u64> = vec![
        redis.run(&["EXISTS", "lct"]).await,
        redis.run(&["EXISTS", "Sandbox"]).await,
    ];
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn what_the_module_refuses_is_said_in_the_words_of_the_message() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let _: String = redis.run(&["CONFIG", "SET", "lct.max-ahead", "1000"]).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let t = now() + DAY;
    let error = client
        .ask(json!({"type": "logVisit", "id": 1, "place_id": "x", "start": t, "end": t + 1}))
        .await;
    assert_eq!(
        error,
        json!({"type": "error", "id": 1, "code": "bad_value",
               "message": "start: further ahead than lct.max-ahead allows"})
    );
    let _: u64 = redis.run(&["LCT.REVOKE", "lct", "a"]).await;
    let error = client
        .ask(json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2}))
        .await;
    assert_eq!(error["code"], "revoked");
}
