//! What a phone does besides the main job: it corrects and deletes visits, chooses a graph, makes mistakes, and outlives a break of Redis.

use lct_tests::{Gateway, Phone, Server, Stop};
use serde_json::json;
use std::time::Duration;

const PLACE: &str = "9F4MGC22+22";

#[tokio::test]
async fn a_visit_is_corrected_and_deleted() {
    let server = Server::start();
    let gateway = Gateway::start(&server);
    let mut redis = server.client();
    let mut phone = Phone::connect(gateway.address(), "alice").await;
    let visit = json!({"place_id": PLACE, "start": 1000, "end": 2000});
    let node = phone.ask("logVisit", visit.clone()).await["loggedNodeId"].clone();
    redis.expect("LCT.VISITS lct alice", &format!("[[{PLACE} 1000 2000]]"));
    assert_eq!(
        phone.ask("logVisit", visit).await["loggedNodeId"],
        node,
        "the same visit is the same node"
    );

    let longer = json!({"loggedNodeId": node, "start": 1000, "end": 3000});
    let ack = phone.ask("updateVisit", longer).await;
    assert_eq!(
        (&ack["logged"], &ack["loggedNodeId"]),
        (&json!(true), &node),
        "only the end moved"
    );
    let earlier = json!({"loggedNodeId": node, "start": 500, "end": 3000});
    let moved = phone.ask("updateVisit", earlier).await["loggedNodeId"].clone();
    assert_ne!(moved, node, "the start moved");
    redis.expect("LCT.VISITS lct alice", &format!("[[{PLACE} 500 3000]]"));

    let mut stranger = Phone::connect(gateway.address(), "mallory").await;
    drop(
        stranger
            .ask_anything("deleteVisit", json!({"loggedNodeId": moved}))
            .await,
    );
    redis.expect("LCT.VISITS lct alice", &format!("[[{PLACE} 500 3000]]"));
    let ack = phone
        .ask("deleteVisit", json!({"loggedNodeId": moved}))
        .await;
    assert_eq!(ack["deleted"], true);
    redis.expect("LCT.VISITS lct alice", "[]");
}

#[tokio::test]
async fn the_sandbox_is_a_graph_of_its_own_and_there_is_no_third() {
    let server = Server::start();
    let gateway = Gateway::start(&server);
    let mut redis = server.client();
    let mut phone = Phone::connect(gateway.address(), "alice").await;
    let visit =
        |graph: &str| json!({"place_id": PLACE, "start": 1000, "end": 2000, "graphName": graph});
    phone.ask("logVisit", visit("Sandbox")).await;
    redis.expect("EXISTS lct Sandbox", "1");
    redis.expect(
        "LCT.VISITS Sandbox alice",
        &format!("[[{PLACE} 1000 2000]]"),
    );
    let refused = phone.ask_anything("logVisit", visit("other")).await;
    assert_eq!(refused["type"], "error", "{refused}");
    redis.expect("EXISTS other", "0");
}

#[tokio::test]
async fn a_mistake_is_an_error_and_the_connection_stays() {
    let server = Server::start();
    let gateway = Gateway::start(&server);
    let mut phone = Phone::connect(gateway.address(), "alice").await;
    for (kind, message) in [
        ("logVisit", json!({})),
        (
            "logVisit",
            json!({"place_id": PLACE, "start": 2000, "end": 1000}),
        ),
        (
            "logVisit",
            json!({"place_id": PLACE, "start": -1, "end": 1000}),
        ),
        (
            "logVisit",
            json!({"place_id": PLACE, "start": "1", "end": 1000}),
        ),
        (
            "logVisit",
            json!({"place_id": PLACE, "start": 1.5, "end": 1000}),
        ),
        ("logVisit", json!({"place_id": "", "start": 1, "end": 1000})),
        (
            "logVisit",
            json!({"place_id": "a\u{0}b", "start": 1, "end": 1000}),
        ),
        (
            "logVisit",
            json!({"place_id": "x".repeat(129), "start": 1, "end": 1000}),
        ),
        (
            "logVisit",
            json!({"place_id": PLACE, "start": 1, "end": 9_007_199_254_740_992_u64}),
        ),
        (
            "updateVisit",
            json!({"loggedNodeId": "no node", "start": 1, "end": 2}),
        ),
        ("deleteVisit", json!({"loggedNodeId": 5})),
        (
            "exposureWarning",
            json!({"warning": "no uuid", "reason": "contact"}),
        ),
        (
            "exposureWarning",
            json!({"warning": "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01", "reason": "boredom"}),
        ),
        (
            "exposureWarning",
            json!({"warning": "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01", "reason": 4}),
        ),
        ("noSuchMessage", json!({})),
    ] {
        let reply = phone.ask_anything(kind, message.clone()).await;
        assert_eq!(reply["type"], "error", "{kind} {message}: {reply}");
        assert!(
            reply["message"].is_string() && !reply["code"].is_null(),
            "{reply}"
        );
    }
    server.client().expect("DBSIZE", "0");
    phone
        .ask("logVisit", json!({"place_id": PLACE, "start": 1, "end": 2}))
        .await;
}

#[tokio::test]
async fn a_restart_of_redis_is_survived() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let gateway = Gateway::start(&server);
    let mut phones = [
        Phone::connect(gateway.address(), "alice").await,
        Phone::connect(gateway.address(), "bob").await,
    ];
    for phone in &mut phones {
        phone
            .ask(
                "logVisit",
                json!({"place_id": PLACE, "start": 1000, "end": 2000}),
            )
            .await;
    }
    server.restart(Stop::Kill);
    // Until it has found Redis again it may answer with errors, and a ring may meet nobody who listens. A retry of a warning is no second
    // warning.
    let warning = json!({"warning": "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b03", "reason": "contact"});
    let [alice, bob] = &mut phones;
    for _attempt in 0..60 {
        alice.ask_anything("exposureWarning", warning.clone()).await;
        if bob.hears_alert("contact", Duration::from_millis(500)).await {
            return;
        }
    }
    panic!("half a minute after the restart nobody hears a warning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_one_gateway_leaves_the_caps_of_its_address_to_the_others() {
    let server = Server::start();
    let gateways = [Gateway::start(&server), Gateway::start(&server)];
    let mut phones = Vec::new();
    for person in 0..120 {
        let gateway = gateways[person % 2].address();
        phones.push(Phone::connect(gateway, &format!("person-{person}")).await);
    }
    // All at once, and more than there are lots of visits for an address.
    let visit = json!({"place_id": PLACE, "start": 1000, "end": 2000});
    let log = phones
        .iter_mut()
        .map(|phone| phone.ask("logVisit", visit.clone()));
    for ack in futures_util::future::join_all(log).await {
        assert_eq!(ack["logged"], true);
    }
}
