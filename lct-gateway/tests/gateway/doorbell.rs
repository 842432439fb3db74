//! Rings between gateways; these need redis-server, not the module.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::setup::{Redis, gateway, get, metric, until};

const ALERT: &str = "00112233445566778899aabbccddeeff.1";

fn ring(visitor: &str, alert: &str) -> Value {
    json!({"visitor": visitor, "alert": alert, "state": "active", "reason": "contact"})
}

/// Rings, as another gateway or the module would; returns how many heard it.
async fn publish(redis: &Redis, channel: &str, payload: &Value) -> u64 {
    redis.run(&["PUBLISH", channel, &payload.to_string()]).await
}

/// Waits until this many gateways listen.
async fn listeners(redis: &Redis, count: u64) {
    for _ in 0..200 {
        if publish(redis, "lct:alerts:lct", &json!([])).await == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {count} gateways are listening");
}

#[tokio::test]
async fn a_ring_reaches_every_device_of_its_visitor_on_every_gateway_once() {
    let Some(redis) = Redis::plain().await else {
        return;
    };
    let (east, west) = (gateway(&redis.url(), &[]), gateway(&redis.url(), &[]));
    listeners(&redis, 2).await;
    let mut phone = Client::hello(east.client_address(), "a").await;
    let mut watch = Client::hello(west.client_address(), "a").await;
    let mut other = Client::hello(west.client_address(), "b").await;
    let mut player = Client::connect(west.client_address()).await;
    player
        .ask(json!({"type": "hello", "userID": "a", "graphName": "Sandbox"}))
        .await;

    let rings = json!([ring("a", ALERT), ring("nobody", ALERT), ring("a", ALERT)]);
    assert_eq!(publish(&redis, "lct:alerts:lct", &rings).await, 2);
    for client in [&mut phone, &mut watch] {
        let message = client.hear().await;
        assert_eq!(message["type"], "exposureAlert");
        let [alert] = &message["alerts"].as_array().unwrap()[..] else {
            panic!("not one alert");
        };
        let issued = alert["issued"].as_u64().unwrap();
        assert_eq!(issued % 86_400_000, 0, "a UTC midnight");
        assert_eq!(
            *alert,
            json!({"alert": ALERT, "reason": "contact", "state": "active", "issued": issued})
        );
        client.hears_nothing().await;
    }
    other.hears_nothing().await;
    player.hears_nothing().await;

    publish(&redis, "lct:alerts:Sandbox", &json!([ring("a", ALERT)])).await;
    assert_eq!(player.hear().await["type"], "exposureAlert");
    phone.hears_nothing().await;
}

#[tokio::test]
async fn a_ring_that_cannot_be_read_is_counted_and_the_next_is_heard() {
    let Some(redis) = Redis::plain().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    listeners(&redis, 1).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    for bad in [
        json!("x"),
        json!([{"visitor": "a"}]),
        json!([ring("a", "zz.1")]),
    ] {
        publish(&redis, "lct:alerts:lct", &bad).await;
    }
    publish(&redis, "lct:alerts:lct", &json!([ring("a", ALERT)])).await;
    assert_eq!(client.hear().await["alerts"][0]["alert"], ALERT);
    assert_eq!(
        metric(&gateway, "lct_gateway_rings_unreadable_total").await,
        3
    );
}

#[tokio::test]
async fn a_killed_subscription_comes_back_by_itself() {
    let Some(redis) = Redis::plain().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    listeners(&redis, 1).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let killed: u64 = redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(killed, 1);
    listeners(&redis, 1).await;
    until(&gateway, "lct_gateway_doorbell_heard", 1).await;
    publish(&redis, "lct:alerts:lct", &json!([ring("a", ALERT)])).await;
    assert_eq!(client.hear().await["alerts"][0]["alert"], ALERT);
}

#[tokio::test]
async fn a_restarted_redis_is_found_again() {
    let Some(mut redis) = Redis::plain().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    until(&gateway, "lct_gateway_doorbell_heard", 1).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    // Without the module the answer is an error, but one that Redis gave.
    assert_eq!(client.ask(visit.clone()).await["code"], "internal");
    redis.kill();
    until(&gateway, "lct_gateway_doorbell_heard", 0).await;
    assert_eq!(client.ask(visit.clone()).await["code"], "unavailable");
    redis.restart().await;
    until(&gateway, "lct_gateway_doorbell_heard", 1).await;
    assert_eq!(client.ask(visit).await["code"], "internal");
    publish(&redis, "lct:alerts:lct", &json!([ring("a", ALERT)])).await;
    assert_eq!(client.hear().await["alerts"][0]["alert"], ALERT);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_alerts_is_closed_and_others_are_served() {
    let Some(redis) = Redis::plain().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &["--write-timeout", "0.5"]);
    listeners(&redis, 1).await;
    let mut slow = crate::client::Raw::upgrade(gateway.client_address(), Some(4096)).await;
    slow.frame(0x81, br#"{"type":"hello","userID":"a"}"#).await;
    slow.next().await.unwrap();
    let mut quick = Client::hello(gateway.client_address(), "a").await;
    for n in 1..=1_000 {
        let alert = format!("00112233445566778899aabbccddeeff.{n}");
        publish(&redis, "lct:alerts:lct", &json!([ring("a", &alert)])).await;
        assert_eq!(quick.hear().await["alerts"][0]["alert"], alert);
    }
    until(&gateway, "lct_gateway_closes_total{code=\"4008\"}", 1).await;
    until(&gateway, "lct_gateway_connections", 1).await;
}

#[tokio::test]
async fn a_redis_without_the_module_is_not_ready() {
    let Some(redis) = Redis::plain().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    listeners(&redis, 1).await;
    let answer = get(gateway.ops_address(), "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("LCT module"),
        "{answer}"
    );
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    assert_eq!(client.ask(visit).await["code"], "internal");
}
