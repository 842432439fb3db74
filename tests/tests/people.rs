//! People with keys, over a server as shipped: the gateway's user and the operator's are enough for everything, and nobody is refused.

use lct_tests::{Gateway, Keys, Phone, Role, Shipped, now};
use serde_json::json;
use std::time::Duration;

const PLACE: &str = "9F4MGC22+22";
const WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_users_are_enough_for_everything() {
    let shipped = Shipped::start();
    let flags = [
        "--auth",
        "key",
        "--warning-codes",
        "required",
        "--hold",
        "1",
    ];
    let gateways = [
        Gateway::on(&shipped.url("gateway"), &flags),
        Gateway::on(&shipped.url("gateway"), &flags),
    ];
    let [east, west] = gateways.each_ref().map(Gateway::address);
    let people: Vec<Keys> = (0..3).map(Keys::of).collect();
    let mut index = Phone::sign_in(east, &people[0], Role::Device).await;
    let mut friend = Phone::sign_in(west, &people[1], Role::Device).await;
    let mut guest = Phone::sign_in(west, &people[2], Role::Device).await;
    let (start, end) = (now() - 3_600_000, now() - 60_000);
    for phone in [&mut index, &mut friend, &mut guest] {
        let visit = json!({"place_id": PLACE, "start": start, "end": end});
        let node = phone.ask("logVisit", visit).await["loggedNodeId"].clone();
        let moved = json!({"loggedNodeId": node, "start": start + 1, "end": end});
        phone.ask("updateVisit", moved).await;
        let other = json!({"place_id": "elsewhere", "start": start, "end": end});
        let node = phone.ask("logVisit", other).await["loggedNodeId"].clone();
        phone
            .ask("deleteVisit", json!({"loggedNodeId": node}))
            .await;
    }

    let wrong = json!({"warning": WARNING, "reason": "positive", "code": "0000-0000-0000-0000"});
    assert_eq!(
        index.ask_anything("exposureWarning", wrong).await["code"],
        "bad_code"
    );
    let code = shipped.operator(&["codes", "new"]);
    let warning = json!({"warning": WARNING, "reason": "positive", "code": code.trim()});
    for _ in 0..2 {
        assert_eq!(
            index.ask("exposureWarning", warning.clone()).await["warned"],
            true
        );
    }
    assert!(
        !friend
            .hears_alert("positive", Duration::from_millis(300))
            .await,
        "held"
    );
    assert!(shipped.operator(&["warnings", "list"]).contains("held"));
    let released = shipped.operator(&["warnings", "release", WARNING]);
    assert_eq!(released, "alerted: 2\n");
    for phone in [&mut friend, &mut guest] {
        phone.wait_for_alert("positive").await;
        let id = phone.alerts[0]["alert"].clone();
        phone.ask("alertReceived", json!({"alerts": [id]})).await;
    }
    index
        .ask("retractWarning", json!({"warning": WARNING}))
        .await;
    let export = friend.ask("exportMyData", json!({})).await;
    assert_eq!(export["visits"].as_array().map(Vec::len), Some(1));
    friend
        .ask("userFeedback", json!({"text": "thank you"}))
        .await;

    let mut card = Phone::sign_in(east, &people[1], Role::Code).await;
    assert_eq!(card.ask("forgetMe", json!({})).await["removed"], 1);
    let mut card = Phone::sign_in(east, &people[2], Role::Code).await;
    assert_eq!(card.ask("revokeMe", json!({})).await["removed"], 1);

    let mut redis = shipped.server.client();
    assert_eq!(redis.run("ACL LOG").to_string(), "[]", "nobody was refused");
    redis.expect("XLEN lct:feedback:lct", "1");
    for gateway in &gateways {
        let log = gateway.log();
        for person in &people {
            assert!(!log.contains(&person.visitor()), "an id in the log:\n{log}");
        }
        assert!(!log.contains(PLACE) && !log.contains(WARNING), "{log}");
    }
}
