//! The main job over real sockets: everyone of a recorded office logs their visits through two gateways, one person warns, and exactly
//! those who met that person are told.

use lct_model::data;
use lct_tests::{Gateway, Phone, Server, now};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// 92 people; the two gateways get every other one of them.
const SET: &str = "invs13";
/// Random UUIDs in real life.
const WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01";
const MARKER_WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b02";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_reaches_exactly_the_contacts_whichever_gateway_they_use() {
    let Some(set) = data::sets().into_iter().find(|set| set.name == SET) else {
        return;
    };
    let server = Server::start();
    // Ten days of visits at once are more than a phone sends in a day.
    let flags = ["--message-burst", "100000", "--max-visits", "0"];
    let gateways = [
        Gateway::with(&server, &flags),
        Gateway::with(&server, &flags),
    ];

    let mut diaries: BTreeMap<String, Vec<(String, u64, u64)>> = BTreeMap::new();
    for visit in &set.visits {
        diaries.entry(text(&visit.visitor)).or_default().push((
            text(&visit.space),
            visit.span.start,
            visit.span.end,
        ));
    }
    let mut logging = Vec::new();
    for (index, (person, diary)) in diaries.into_iter().enumerate() {
        let gateway = gateways[index % 2].address();
        logging.push(tokio::spawn(async move {
            let mut phone = Phone::connect(gateway, &person).await;
            for (place, start, end) in diary {
                let ack = phone
                    .ask(
                        "logVisit",
                        json!({"place_id": place, "start": start, "end": end}),
                    )
                    .await;
                assert_eq!(ack["logged"], true, "the ack of a visit: {ack}");
                assert!(ack["loggedNodeId"].is_string(), "the ack of a visit: {ack}");
            }
            (person, phone)
        }));
    }
    let mut phones = BTreeMap::new();
    for phone in logging {
        let (person, phone) = phone.await.expect("a phone");
        phones.insert(person, phone);
    }
    let stored = server.client().run("LCT.INFO lct").get("visits").int();
    assert_eq!(stored, set.visits.len() as i64, "visits in the graph");

    // Somebody with contacts on both gateways, and with people they never met.
    let index_case = set.contacts[0].a.clone();
    let met = |a: &[u8], b: &[u8]| (a == index_case).then(|| text(b));
    let contacts: BTreeSet<String> = set
        .contacts
        .iter()
        .filter_map(|pair| met(&pair.a, &pair.b).or_else(|| met(&pair.b, &pair.a)))
        .collect();
    assert!(contacts.len() > 1 && contacts.len() < phones.len() - 1);
    let index_case = text(&index_case);
    let ack = warn(
        phones.get_mut(&index_case).expect("the index case"),
        WARNING,
        "contact",
    )
    .await;
    assert_eq!(ack["warned"], true, "the ack of a warning: {ack}");

    // How long does one wait for nothing? Until everyone has received a second warning, by somebody all of them met just now: a
    // gateway passes on what it hears in order. The index case meets nobody, else the first warning would concern that meeting too.
    let marker_time = now();
    let meet = json!({"place_id": "marker", "start": marker_time - 1000, "end": marker_time});
    let mut marker = Phone::connect(gateways[0].address(), "marker").await;
    marker.ask("logVisit", meet.clone()).await;
    for (_, phone) in phones
        .iter_mut()
        .filter(|(person, _)| **person != index_case)
    {
        phone.ask("logVisit", meet.clone()).await;
    }
    let ack = warn(&mut marker, MARKER_WARNING, "symptoms").await;
    assert_eq!(ack["warned"], true);

    for (person, phone) in phones
        .iter_mut()
        .filter(|(person, _)| **person != index_case)
    {
        phone.wait_for_alert("symptoms").await;
        let reasons: BTreeSet<&str> = phone
            .alerts
            .iter()
            .map(|alert| alert["reason"].as_str().expect("a reason"))
            .collect();
        let expected = if contacts.contains(person) {
            BTreeSet::from(["contact", "symptoms"])
        } else {
            BTreeSet::from(["symptoms"])
        };
        assert_eq!(reasons, expected, "what {person} was told");
        let ids: BTreeSet<&str> = phone
            .alerts
            .iter()
            .map(|alert| alert["alert"].as_str().expect("an alert id"))
            .collect();
        assert_eq!(
            ids.len(),
            expected.len(),
            "one alert a warning for {person}: {:?}",
            phone.alerts
        );
        for alert in &phone.alerts {
            let fields: BTreeSet<&str> = alert
                .as_object()
                .expect("an object")
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(
                fields,
                BTreeSet::from(["alert", "issued", "reason", "state"]),
                "an alert says nothing else"
            );
            assert_eq!(alert["state"], "active");
            assert_eq!(
                alert["issued"].as_u64().expect("a time") % 86_400_000,
                0,
                "issued tells the day only"
            );
        }
    }
    // The index case is asked last, with a request behind which nothing can still be under way.
    let phone = phones.get_mut(&index_case).expect("the index case");
    tokio::time::sleep(Duration::from_millis(200)).await;
    phone
        .ask(
            "logVisit",
            json!({"place_id": "home", "start": 0, "end": 1}),
        )
        .await;
    assert!(
        phone.alerts.is_empty() && marker.alerts.is_empty(),
        "who warns is not alerted: {:?}",
        phone.alerts
    );
}

async fn warn(phone: &mut Phone, warning: &str, reason: &str) -> serde_json::Value {
    phone
        .ask(
            "exposureWarning",
            json!({"warning": warning, "reason": reason}),
        )
        .await
}

fn text(id: &[u8]) -> String {
    String::from_utf8(id.to_vec()).expect("UTF-8")
}
