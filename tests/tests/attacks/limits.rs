//! Too much of something, and what somebody leaves behind who goes.

use crate::world::{CANARY, FLAGS, HOUR, MINUTE, Person, World, all, counted, every_message};
use lct_tests::{Gateway, Keys, Role, now};
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) async fn too_many_visits(world: &World) -> String {
    let number = world.number();
    let mut devices = Vec::new();
    for gateway in &world.strict {
        let keys = Keys::of(number);
        devices.push(Person::sign_in(gateway.address(), None, keys, Role::Device).await);
    }
    let (place, start) = (world.place(), now() - HOUR);
    let mut verdicts = Vec::new();
    for n in 0..30 {
        let visit = json!({"place_id": place, "start": start + n, "end": start + MINUTE});
        let device = &mut devices[(n % 2) as usize];
        verdicts.push(device.tries("logVisit", visit).await);
    }
    format!("{}, on any gateway", counted(&verdicts))
}

pub(crate) async fn too_many_warnings(world: &World) -> String {
    let mut victim = world.join(&world.east).await;
    let mut spammer = world.join(&world.east).await;
    world.met(&mut spammer, &mut victim).await;
    let mut verdicts = Vec::new();
    let first = world.warning();
    verdicts.push(spammer.warns(&first).await);
    for _ in 0..9 {
        verdicts.push(spammer.warns(&world.warning()).await);
    }
    let day = counted(&verdicts);
    let again = spammer.warns(&first).await;
    assert_eq!(victim.heard().await, 5, "no more than the cap");

    // A gateway on which the fortnight is what ends first.
    let url = world.shipped.url("gateway");
    let flags = [&FLAGS[..], &["--max-warnings", "50"]].concat();
    let gateway = Gateway::on(&url, &flags);
    let mut spammer = world.join(&gateway).await;
    let mut verdicts = Vec::new();
    for _ in 0..15 {
        verdicts.push(spammer.warns(&world.warning()).await);
    }
    let fortnight = counted(&verdicts);

    let mut verdicts = Vec::new();
    for _ in 0..6 {
        let mut person = world.join_from(3).await;
        verdicts.push(person.warns(&world.warning()).await);
    }
    let address = counted(&verdicts);
    let numbers = [&day, &fortnight, &address].map(|told| {
        let (number, rest) = told.split_once(' ').expect("a number");
        assert_eq!(rest, "times ack, then limited");
        number
    });
    let [day, fortnight, address] = numbers;
    format!("{day}, {fortnight} and {address} times ack, then limited; the same again: {again}")
}

pub(crate) async fn a_toggled_warning(world: &World) -> String {
    let flags = [&FLAGS[..], &["--max-warnings", "1"]].concat();
    let gateway = Gateway::on(&world.shipped.url("gateway"), &flags);
    let mut troll = world.join(&gateway).await;
    let warning = world.warning();
    let mut verdicts = Vec::new();
    for n in 0..25 {
        verdicts.push(match n % 2 {
            0 => troll.warns(&warning).await,
            _ => {
                let fields = json!({"warning": warning});
                troll.tries("retractWarning", fields).await
            }
        });
    }
    counted(&verdicts)
}

pub(crate) async fn too_much_feedback(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let mut verdicts = Vec::new();
    for _ in 0..15 {
        let fields = json!({"text": format!("{CANARY} says thanks")});
        verdicts.push(person.tries("userFeedback", fields).await);
    }
    counted(&verdicts)
}

pub(crate) async fn too_many_exports(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let mut verdicts = Vec::new();
    for _ in 0..25 {
        verdicts.push(person.tries("exportMyData", json!({})).await);
    }
    counted(&verdicts)
}

/// Each leaves something for ever, and a person can be made for each.
pub(crate) async fn too_many_revocations(world: &World) -> String {
    let from = Some([127, 0, 0, 4]);
    let mut verdicts = Vec::new();
    let mut refused = None;
    for _ in 0..103 {
        let gateway = world.west.address();
        let mut person = Person::sign_in(gateway, from, world.keys(), Role::Code).await;
        verdicts.push(person.tries("revokeMe", json!({})).await);
        refused = Some(person);
    }
    let mut refused = refused.expect("the last one");
    let forgotten = refused.tries("forgetMe", json!({})).await;
    let mut elsewhere = world.join(&world.west).await;
    assert_eq!(elsewhere.tries("revokeMe", json!({})).await, "ack");
    format!("{}; forgetMe: {forgotten}", counted(&verdicts))
}

pub(crate) async fn a_full_memory(world: &World) -> String {
    let mut redis = world.redis();
    let limit = redis.run("CONFIG GET maxmemory").get("maxmemory").text();
    let mut victim = world.join(&world.east).await;
    let mut person = world.join(&world.east).await;
    world.met(&mut person, &mut victim).await;
    let warning = world.warning();
    person.warns(&warning).await;
    victim.hears(1).await;
    let node = person
        .was_at(&world.place(), now() - HOUR, now() - MINUTE)
        .await;
    redis.expect("CONFIG SET maxmemory 1", "OK");
    let visit = json!({"place_id": world.place(), "start": now() - HOUR, "end": now()});
    let mut refused = BTreeSet::new();
    for (kind, fields) in [
        ("logVisit", visit),
        (
            "exposureWarning",
            json!({"warning": world.warning(), "reason": "contact"}),
        ),
        ("userFeedback", json!({"text": "x"})),
    ] {
        refused.insert(person.tries(kind, fields).await);
    }
    let mut done = BTreeSet::new();
    for (kind, fields) in [
        ("deleteVisit", json!({"loggedNodeId": node})),
        ("retractWarning", json!({"warning": warning})),
        ("exportMyData", json!({})),
        ("forgetMe", json!({})),
        ("revokeMe", json!({})),
    ] {
        done.insert(person.tries(kind, fields).await);
    }
    victim.hears(2).await;
    let id = victim.alert()["alert"].clone();
    let fields = json!({"alerts": [id]});
    done.insert(victim.tries("alertReceived", fields).await);
    redis.expect(&format!("CONFIG SET maxmemory {limit}"), "OK");
    format!(
        "logging, warning, writing: {}; taking back, acknowledging, exporting, erasing: {}",
        all(refused),
        all(done)
    )
}

pub(crate) async fn a_false_warning_and_away(world: &World) -> String {
    let mut victim = world.join(&world.west).await;
    let mut troll = world.join(&world.east).await;
    world.met(&mut troll, &mut victim).await;
    let warning = world.warning();
    assert_eq!(troll.warns(&warning).await, "ack");
    victim.hears(1).await;
    let id = victim.alert()["alert"].clone();
    victim.ask("alertReceived", json!({"alerts": [id]})).await;
    let gone = troll.tries("forgetMe", json!({})).await;
    drop(troll);
    assert_eq!(victim.heard().await, 1, "the warning stays");
    let listed = world.shipped.operator(&["warnings", "list"]);
    let line = listed.lines().find(|line| line.contains(&warning));
    assert!(line.is_some_and(|line| line.contains("active")), "{listed}");
    let told = world.shipped.operator(&["warnings", "retract", &warning]);
    assert_eq!(told, "withdrawn: 1\n");
    victim.hears(2).await;
    let state = victim.alert()["state"].as_str().expect("a state");
    format!("alert; {gone}; {state}, once an operator retracts it")
}

pub(crate) async fn a_revoked_visitor(world: &World) -> String {
    let number = world.number();
    let [east, west] = [&world.east, &world.west].map(Gateway::address);
    let join = async |gateway, role| Person::sign_in(gateway, None, Keys::of(number), role).await;
    let mut devices = Vec::new();
    for gateway in [east, west, west] {
        devices.push(join(gateway, Role::Device).await);
    }
    devices[0]
        .was_at(&world.place(), now() - HOUR, now() - MINUTE)
        .await;
    let mut bystander = world.join(&world.west).await;
    let mut card = join(east, Role::Code).await;
    assert_eq!(card.tries("revokeMe", json!({})).await, "ack");
    devices.push(card);
    let mut closed = BTreeSet::new();
    for mut device in devices {
        closed.insert(device.raw.close().await.0.to_string());
    }
    assert_eq!(bystander.tries("ping", json!({})).await, "pong");
    let mut answers = BTreeSet::new();
    for (kind, fields) in every_message() {
        if !["logVisit", "exposureWarning"].contains(&kind) {
            continue;
        }
        for gateway in [east, west] {
            let mut again = join(gateway, Role::Device).await;
            let mine = again.ask("exportMyData", json!({})).await;
            assert_eq!(mine["visits"], json!([]));
            let verdict = again.tries(kind, fields.clone()).await;
            answers.insert(format!("{verdict}, then {}", again.raw.close().await.0));
        }
    }
    format!(
        "{} on every gateway; session; {}",
        all(closed),
        all(answers)
    )
}
