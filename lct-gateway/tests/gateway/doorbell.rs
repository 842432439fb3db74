//! The doorbell: what gateways tell each other, and what happens when they cannot hear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lct_gateway::gateway::Gateway;
use serde_json::{Value, json};

use crate::client::{Client, Raw};
use crate::setup::{PATIENCE, Redis, gateway, get, metric, ready, until};

/// Publishes, as another gateway or the module would; returns how many heard it.
async fn publish(redis: &Redis, channel: &str, payload: &str) -> u64 {
    redis.run(&["PUBLISH", channel, payload]).await
}

/// Waits until this many gateways listen.
async fn listeners(redis: &Redis, count: u64) {
    for _ in 0..200 {
        if publish(redis, "lct:alerts:lct", "[]").await == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {count} gateways are listening");
}

/// How long ago the gateway last heard itself, in seconds.
async fn age(gateway: &Gateway) -> f64 {
    let text = get(gateway.ops_address(), "/metrics").await;
    text.lines()
        .find_map(|line| line.strip_prefix("lct_gateway_doorbell_age_seconds "))
        .map_or(0.0, |value| value.parse().expect("a number"))
}

fn ids(message: &Value) -> Vec<&str> {
    let alerts = message["alerts"].as_array().expect("alerts");
    let id = |alert: &'_ Value| alert["alert"].as_str().map(str::len);
    assert!(alerts.iter().all(|alert| id(alert).is_some()), "{message}");
    alerts
        .iter()
        .filter_map(|alert| alert["alert"].as_str())
        .collect()
}

#[tokio::test]
async fn what_a_ring_says_is_not_believed() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let forged =
        json!([{"visitor": "a", "alert": "00112233445566778899aabbccddeeff.1", "state": "active"}]);
    publish(&redis, "lct:alerts:lct", &forged.to_string()).await;
    client.hears_nothing().await;
    for bad in ["x", r#"{"visitor":"a"}"#, r#"[{"visitor":1}]"#] {
        publish(&redis, "lct:alerts:lct", bad).await;
    }
    publish(&redis, "lct:control:lct", "a").await;
    redis.meets_and_warns("a", 1).await;
    assert_eq!(ids(&client.hear().await).len(), 1);
    assert_eq!(
        metric(&gateway, "lct_gateway_rings_unreadable_total").await,
        3
    );
}

#[tokio::test]
async fn after_a_broken_subscription_every_inbox_is_read() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    for n in 1..=5 {
        let _: u64 = redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        redis.meets_and_warns("a", n).await; // rung for nobody
        assert_eq!(ids(&client.hear().await).len(), 1, "the new one only");
    }
    listeners(&redis, 1).await;
    until(&gateway, "lct_gateway_doorbell_heard", 1).await;
}

#[tokio::test]
async fn a_subscription_that_died_in_silence_is_noticed() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    // The connection stands, but what was subscribed to is not heard any more: Redis forgets it when the user may not.
    let _: String = redis
        .run(&["ACL", "SETUSER", "default", "resetchannels"])
        .await;
    until(&gateway, "lct_gateway_doorbell_heard", 0).await;
    redis.meets_and_warns("a", 1).await;
    let _: String = redis
        .run(&["ACL", "SETUSER", "default", "allchannels"])
        .await;
    assert_eq!(ids(&client.hear().await).len(), 1);
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
    // More than it ever is between two probes.
    let aged = async {
        while age(&gateway).await < 3.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let aged = tokio::time::timeout(2 * PATIENCE, aged).await;
    aged.expect("the age grows while there is nothing to hear");
    redis.restart().await;
    until(&gateway, "lct_gateway_doorbell_heard", 1).await;
    assert_eq!(client.ask(visit).await["code"], "internal");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_alerts_is_closed_and_others_are_served() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &["--write-timeout", "0.5"]);
    ready(&gateway).await;
    let mut slow = Raw::upgrade(gateway.client_address(), Some(4096)).await;
    slow.frame(0x81, br#"{"type":"hello","userID":"a"}"#).await;
    slow.next().await.unwrap();
    let mut quick = Client::hello(gateway.client_address(), "a").await;
    let mut heard = 0;
    for n in 1..=400 {
        redis.meets_and_warns("a", n).await;
        while heard < n as usize {
            heard += ids(&quick.hear().await).len();
        }
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
    let mut client = Client::connect(gateway.client_address()).await;
    let (session, _) = client.open(json!({"type": "hello", "userID": "a"})).await;
    assert_eq!(session["complete"], false, "the inbox could not be read");
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    assert_eq!(client.ask(visit).await["code"], "internal");
}

/// Passes bytes on between gateway and Redis until it is told to swallow them: connections stand and nothing answers.
async fn swallowing_proxy(redis: &Redis) -> (String, impl Fn()) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let target = redis.url().replace("redis://", "");
    // Connections up to this number are swallowed.
    let (swallow, swallowed) = tokio::sync::watch::channel(0_u64);
    let accepted = Arc::new(AtomicU64::new(0));
    let swallow_all = {
        let accepted = Arc::clone(&accepted);
        move || {
            swallow.send_replace(accepted.load(Ordering::SeqCst));
        }
    };
    tokio::spawn(async move {
        for number in 1.. {
            let Ok((near, _)) = listener.accept().await else {
                return;
            };
            accepted.store(number, Ordering::SeqCst);
            let far = tokio::net::TcpStream::connect(&target)
                .await
                .expect("Redis");
            let mut swallowed = swallowed.clone();
            tokio::spawn(async move {
                let (mut near, mut far) = (near, far);
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = async { drop(swallowed.wait_for(|&newest| number <= newest).await) } => {
                        // Read away, and answer nothing.
                        let _ = tokio::io::copy(&mut near, &mut tokio::io::sink()).await;
                    }
                }
            });
        }
    });
    (format!("redis://{address}"), swallow_all)
}

#[tokio::test]
async fn connections_that_fell_silent_are_replaced() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let (url, swallow_all) = swallowing_proxy(&redis).await;
    let gateway = gateway(&url, &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1, "end": 2});
    assert_eq!(client.ask(visit.clone()).await["logged"], true);
    swallow_all();
    redis.meets_and_warns("a", 1).await;
    // Both the subscription and the connection that reads inboxes are found dead.
    assert_eq!(ids(&client.hear_within(6 * PATIENCE).await).len(), 1);
    assert_eq!(client.ask(visit).await["logged"], true);
}
