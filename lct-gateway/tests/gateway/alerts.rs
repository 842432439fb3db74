//! Alerts: kept for who is away, given to every device until one acknowledges, withdrawn, and what is taken back.

use serde_json::json;

use crate::client::Client;
use crate::setup::{Redis, gateway, ready};

const WARNING: &str = "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e";

#[tokio::test]
async fn an_alert_waits_for_who_is_away_and_is_given_until_one_device_acknowledges() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let (east, west) = (gateway(&redis.url(), &[]), gateway(&redis.url(), &[]));
    ready(&east).await;
    ready(&west).await;
    let mut watch = Client::hello(east.client_address(), "a").await;
    redis.meets_and_warns("a", 1).await;
    let alert = watch.hear().await["alerts"][0].clone();
    assert_eq!(
        (&alert["reason"], &alert["state"]),
        (&json!("contact"), &json!("active"))
    );
    assert_eq!(alert["issued"].as_u64().unwrap() % 86_400_000, 0);
    assert_eq!(alert.as_object().unwrap().len(), 4, "nothing else is said");

    // The second device was away, and is on another gateway.
    let (mut phone, waited) = Client::back(west.client_address(), "a").await;
    assert_eq!(waited, std::slice::from_ref(&alert));
    let received = json!({"type": "alertReceived", "id": 9, "alerts": [alert["alert"]]});
    for _ in 0..2 {
        assert_eq!(
            phone.ask(received.clone()).await,
            json!({"type": "ack", "id": 9})
        );
    }
    let (_, waited) = Client::back(east.client_address(), "a").await;
    assert!(waited.is_empty());
    watch.hears_nothing().await;
}

#[tokio::test]
async fn a_retracted_warning_is_withdrawn_also_from_who_had_acknowledged() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut index = Client::hello(gateway.client_address(), "index").await;
    let mut contact = Client::hello(gateway.client_address(), "contact").await;
    let visit = json!({"type": "logVisit", "place_id": "x", "start": 1000, "end": 2000});
    for client in [&mut index, &mut contact] {
        assert_eq!(client.ask(visit.clone()).await["logged"], true);
    }
    let warn =
        json!({"type": "exposureWarning", "id": 1, "warning": WARNING, "reason": "symptoms"});
    assert_eq!(
        index.ask(warn).await,
        json!({"type": "ack", "id": 1, "warned": true})
    );
    let alert = contact.hear().await["alerts"][0].clone();
    let received = json!({"type": "alertReceived", "alerts": [alert["alert"]]});
    assert_eq!(contact.ask(received).await["type"], "ack");

    let unknown = json!({"type": "retractWarning", "id": 2, "warning": "1d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e"});
    let retract = json!({"type": "retractWarning", "id": 2, "warning": WARNING});
    for message in [unknown, retract.clone(), retract] {
        assert_eq!(
            index.ask(message).await,
            json!({"type": "ack", "id": 2}),
            "the same for all"
        );
    }
    let withdrawn = contact.hear().await["alerts"][0].clone();
    assert_eq!(withdrawn["state"], "withdrawn");
    let hex = |alert: &serde_json::Value| alert["alert"].as_str().unwrap()[..32].to_owned();
    assert_eq!(hex(&withdrawn), hex(&alert), "the same alert, changed");
    assert_ne!(withdrawn["alert"], alert["alert"]);
    contact.hears_nothing().await;
}

#[tokio::test]
async fn a_visit_logged_after_the_warning_alerts_too() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let now = lct_gateway::clock::now();
    let visit =
        json!({"type": "logVisit", "place_id": "x", "start": now - 60_000, "end": now - 1_000});
    let mut index = Client::hello(gateway.client_address(), "index").await;
    index.ask(visit.clone()).await;
    index
        .ask(json!({"type": "exposureWarning", "warning": WARNING, "reason": 1}))
        .await;
    let mut contact = Client::hello(gateway.client_address(), "contact").await;
    // The ack and the alert may come in either order.
    contact.say(visit).await;
    let heard = [contact.hear().await, contact.hear().await];
    assert!(
        heard.iter().any(|message| message["logged"] == true),
        "{heard:?}"
    );
    assert!(
        heard
            .iter()
            .any(|message| message["alerts"][0]["reason"] == "contact"),
        "{heard:?}"
    );
}
