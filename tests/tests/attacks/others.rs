//! What belongs to others, and what can be learnt about them.

use crate::world::{HOUR, MINUTE, World, all, json_of, verdict};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lct_tests::{Value as Reply, args, digests, now};
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) async fn foreign_visits(world: &World) -> String {
    let mut victim = world.join(&world.east).await;
    let (place, start) = (world.place(), now() - HOUR);
    let theirs = victim.was_at(&place, start, start + MINUTE).await;
    let unknown = URL_SAFE_NO_PAD.encode([&[1, 0, 0, 0, 0, 0, 0, 0, 5], place.as_bytes()].concat());
    let mut attacker = world.join(&world.east).await;
    let mut redis = world.redis();
    let before = digests(&mut redis, &["lct"]);
    let mut answers = Vec::new();
    for node in [theirs, unknown.into()] {
        let update = json!({"type": "updateVisit", "id": 7, "loggedNodeId": node, "start": start, "end": start + 1});
        let delete = json!({"type": "deleteVisit", "id": 7, "loggedNodeId": node});
        let update = attacker.says(&update.to_string()).await;
        answers.push((update, attacker.says(&delete.to_string()).await));
    }
    assert_eq!(answers[0], answers[1], "theirs, and one that is nobody's");
    assert_eq!(digests(&mut redis, &["lct"]), before);
    let (update, delete) = &answers[0];
    let verdicts = [verdict(update), verdict(delete)].join(", ");
    format!("as for an unknown one: {verdicts}")
}

pub(crate) async fn foreign_alerts(world: &World) -> String {
    let mut victim = world.join(&world.east).await;
    let mut index = world.join(&world.east).await;
    world.met(&mut index, &mut victim).await;
    index.warns(&world.warning()).await;
    victim.hears(1).await;
    let id = victim.alert()["alert"].clone();
    let mut attacker = world.join(&world.west).await;
    let mut answers = Vec::new();
    for id in [id.clone(), "00112233445566778899aabbccddeeff.1".into()] {
        let message = json!({"type": "alertReceived", "id": 7, "alerts": [id]});
        answers.push(attacker.says(&message.to_string()).await);
    }
    assert_eq!(answers[0], answers[1], "theirs, and one that is nobody's");
    let inbox = world
        .redis()
        .call(&["LCT.ALERTS", "lct", &victim.visitor()]);
    assert_eq!(inbox.items().len(), 1, "still there");
    format!("as for an unknown one: {}", verdict(&answers[0]))
}

pub(crate) async fn a_foreign_warning(world: &World) -> String {
    let mut index = world.join(&world.east).await;
    let mut victim = world.join(&world.east).await;
    let mut attacker = world.join(&world.east).await;
    world.met(&mut index, &mut victim).await;
    world.met(&mut attacker, &mut victim).await;
    let warning = world.warning();
    assert_eq!(index.warns(&warning).await, "ack");
    victim.hears(1).await;
    let answer = attacker.warns(&warning).await;
    assert_eq!(victim.heard().await, 1, "no second alert");
    answer
}

pub(crate) async fn a_guessed_retraction(world: &World) -> String {
    let mut index = world.join(&world.east).await;
    let mut victim = world.join(&world.east).await;
    world.met(&mut index, &mut victim).await;
    let warning = world.warning();
    index.warns(&warning).await;
    victim.hears(1).await;
    // The alert's id made to look like a random UUID, and the neighbours of an earlier warning of one's own.
    let alert = victim.alert()["alert"].as_str().expect("an id").to_owned();
    let hex = alert.split('.').next().expect("32 digits");
    let guess = [
        &hex[..8],
        &hex[8..12],
        &format!("4{}", &hex[13..16]),
        "8a0e",
        &hex[20..32],
    ]
    .join("-");
    let mut verdicts = BTreeSet::new();
    for guess in [guess, world.warning(), world.warning()] {
        verdicts.insert(
            victim
                .tries("retractWarning", json!({"warning": guess}))
                .await,
        );
    }
    assert_eq!(victim.heard().await, 1);
    assert_eq!(victim.alert()["state"], "active");
    format!("{}; the alert stands", all(verdicts))
}

pub(crate) async fn planted_visits(world: &World) -> String {
    let mut index = world.join(&world.east).await;
    let (old, recent) = (world.place(), world.place());
    index
        .was_at(&old, now() - 26 * HOUR, now() - 25 * HOUR)
        .await;
    index.was_at(&recent, now() - HOUR, now() - MINUTE).await;
    assert_eq!(index.warns(&world.warning()).await, "ack");
    let mut told = Vec::new();
    for way in [
        "late",
        "moved there late",
        "within lct.late",
        "long, and within it",
    ] {
        let mut attacker = world.join(&world.east).await;
        match way {
            "late" => {
                let (start, end) = (now() - 26 * HOUR, now() - 25 * HOUR);
                attacker.was_at(&old, start, end).await;
            }
            "moved there late" => {
                let node = attacker.was_at(&old, now() - 2 * HOUR, now() - HOUR).await;
                let (start, end) = (now() - 26 * HOUR, now() - 25 * HOUR);
                let moved = json!({"loggedNodeId": node, "start": start, "end": end});
                assert_eq!(attacker.tries("updateVisit", moved).await, "ack");
            }
            "within lct.late" => {
                let (start, end) = (now() - HOUR, now() - MINUTE);
                attacker.was_at(&recent, start, end).await;
            }
            _ => {
                let (start, end) = (now() - 47 * HOUR, now() - 23 * HOUR - 1_000);
                attacker.was_at(&old, start, end).await;
            }
        }
        let answer = match attacker.heard().await {
            0 => "no alert",
            _ => "alert",
        };
        told.push(format!("{way}: {answer}"));
    }
    told.join("; ")
}

pub(crate) async fn the_size_of_a_warning(world: &World) -> String {
    let mut redis = world.redis();
    let (start, end) = (now() - HOUR, now() - MINUTE);
    let mut answers = Vec::new();
    for (crowd, held) in [(0, false), (1, false), (1_000, false), (1_000, true)] {
        let place = world.place();
        let mut command = args!["LCT.VISIT", "lct"];
        for n in 0..crowd {
            command.extend(args![format!("{place} {n}"), place, start, end]);
        }
        if crowd > 0 {
            assert_eq!(redis.call(&command), Reply::Int(crowd));
        }
        let mut index = match held {
            true => world.join_from(11).await,
            false => world.join(&world.east).await,
        };
        index.was_at(&place, start, end).await;
        let warning = world.warning();
        for message in [
            json!({"type": "exposureWarning", "id": 7, "warning": warning, "reason": "contact"}),
            json!({"type": "retractWarning", "id": 7, "warning": warning}),
        ] {
            index.raw.say(&message.to_string()).await;
            let frame = index.raw.next().await.expect("an answer").1;
            answers.push((message["type"].to_string(), frame));
        }
        let first = redis.call(&args!["LCT.ALERTS", "lct", format!("{place} 0")]);
        let told = usize::from(crowd > 0 && !held);
        assert_eq!(first.items().len(), told, "{crowd} visitors");
    }
    for (kind, answer) in &answers {
        let same = answers.iter().filter(|(other, _)| other == kind);
        for (_, other) in same {
            assert_eq!(answer, other, "{kind}");
        }
    }
    let text = String::from_utf8(answers[0].1.clone()).expect("UTF-8");
    assert_eq!(text.len(), 512);
    format!("{}, byte for byte the same", verdict(&json_of(&text)))
}
