//! Junk: in messages, in the hello, on the doorbell.

use crate::world::{CANARY, Guest, HOUR, MINUTE, World, all, every_message, verdict};
use lct_tests::{Client, Role, Value as Reply, args, digests, now};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::AsyncWriteExt;

/// JSON texts that are no good value of any field but a text of any kind, and whether they are such a text.
fn junk() -> Vec<(String, bool)> {
    let printable = [
        "'; FLUSHALL; --",
        "\"}{\"type\":\"revokeMe\"}",
        "*1 $8 FLUSHALL",
        "return redis.call('FLUSHALL')",
        "*?[a-z]{tag}",
        "%s%n%x%1$n",
        "${jndi:ldap://127.0.0.1/x}",
        "<script>alert(1)</script>",
        "../../../../etc/passwd",
        "\u{feff}",
        "\u{202e}drowssap",
        "\u{1f600}\u{301}",
        "lct:cap:salt:day:1",
        "' OR 1=1 --",
        "1e3",
        "null",
    ];
    let broken = [
        "\r\nFLUSHALL\r\n",
        "*1\r\n$8\r\nFLUSHALL\r\n",
        "\0",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "\u{85}",
        "\u{7f}",
        "a\tb\nc\rd",
        &"x".repeat(150),
        &"\u{10348}".repeat(1_000),
    ];
    let quoted = |text: &str| serde_json::to_string(&format!("{CANARY}{text}")).expect("JSON");
    let mut junk: Vec<(String, bool)> = printable.iter().map(|text| (quoted(text), true)).collect();
    junk.extend(broken.iter().map(|text| (quoted(text), false)));
    let raw = [
        "\"canary\\ud800\"",
        "-0",
        "-0.0",
        "-1",
        "1.5",
        "1e3",
        "1e400",
        "-1e400",
        "9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "0x10",
        "010",
        "NaN",
        "Infinity",
        "true",
        "{}",
        "[]",
        "[[]]",
        "{\"$gt\":\"canary\"}",
        "[\"canary\"]",
        "",
        "}",
    ];
    junk.extend(raw.map(|text| (text.to_owned(), false)));
    junk.push(("9".repeat(4_000), false));
    junk.push((format!("{}{}", "[".repeat(3_000), "]".repeat(3_000)), false));
    junk.push(("[".repeat(7_000), false));
    junk.push((
        format!("{}1{}", "{\"a\":".repeat(900), "}".repeat(900)),
        false,
    ));
    junk
}

/// The text of a message with one field in this form, the others good; the field also as a second one of that name.
fn with_junk(message: &Value, field: &str, junk: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (name, value) in message.as_object().expect("an object") {
        if name != field {
            parts.push(format!("{}:{value}", json!(name)));
        }
    }
    parts.push(format!("{}:{junk}", json!(field)));
    format!("{{{}}}", parts.join(","))
}

pub(crate) async fn junk_in_every_field(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let visitor = person.visitor();
    person
        .was_at(&world.place(), now() - HOUR, now() - MINUTE)
        .await;
    let mut redis = world.redis();
    let before = digests(&mut redis, &["lct"]);
    let keys_before = keys_of(&mut redis);
    let mut refusals = BTreeSet::new();
    let mut taken = BTreeMap::new();
    for (kind, mut message) in every_message() {
        message["type"] = kind.into();
        message["id"] = 7.into();
        let mut fields: Vec<String> = Vec::from(["graphName".into()]);
        fields.extend(message.as_object().expect("an object").keys().cloned());
        if kind == "exposureWarning" {
            fields.extend(["since".into(), "code".into()]);
        }
        for field in fields {
            let has_graph = !["ping", "alertReceived"].contains(&kind);
            if field == "graphName" && !has_graph {
                continue; // a field it does not have
            }
            if field == "id" && kind != "ping" {
                continue; // once is enough: it is read in one place
            }
            for (junk, printable) in junk() {
                let text = with_junk(&message, &field, &junk);
                let answer = person.says(&text).await;
                let verdict = verdict(&answer);
                if (kind, field.as_str()) == ("userFeedback", "text") {
                    // Read on a terminal, which would obey them.
                    let text = serde_json::from_str::<String>(&junk).unwrap_or_default();
                    let obeyed = text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
                    assert_eq!(verdict == "bad_value", obeyed, "{junk}: {answer}");
                }
                if verdict != "ack" && verdict != "pong" {
                    let line = answer.to_string();
                    let echo = line.replace(&format!("\"id\":{junk}"), "");
                    assert!(!echo.contains(CANARY), "repeated: {line}");
                    refusals.insert(verdict);
                    continue;
                }
                *taken.entry(format!("{kind} {field}")).or_insert(0) += 1;
                match (kind, field.as_str()) {
                    ("logVisit", "place_id") => {
                        assert!(printable, "{junk}");
                        let place: String = serde_json::from_str(&junk).expect("a text");
                        let visits = redis.call(&["LCT.VISITS", "lct", &visitor]);
                        let stored = |row: &Reply| row.items()[0].bytes() == place.as_bytes();
                        assert!(visits.items().iter().any(stored), "as it was sent: {junk}");
                        let node = json!({"loggedNodeId": answer["loggedNodeId"]});
                        assert_eq!(person.tries("deleteVisit", node).await, "ack");
                    }
                    ("userFeedback", "text") => assert!(printable, "{junk}"),
                    ("ping", "id") => {
                        let id: Value = serde_json::from_str(&junk).expect("JSON");
                        assert_eq!(answer["id"], id, "echoed as it was sent");
                    }
                    // An empty list acknowledges nothing.
                    ("alertReceived", "alerts") => assert_eq!(junk, "[]"),
                    _ => panic!("{kind} {field} {junk}: {answer}"),
                }
            }
            // And once more, in a second field of the same name.
            let twice = format!(
                "{},\"{field}\":{}}}",
                message.to_string().trim_end_matches('}'),
                "7"
            );
            if message.get(&field).is_some() {
                assert_eq!(
                    verdict(&person.says(&twice).await),
                    "bad_message",
                    "{twice}"
                );
            }
        }
        assert_eq!(digests(&mut redis, &["lct"]), before, "after {kind}");
    }
    println!("  taken as text: {taken:?}");
    assert!(taken["logVisit place_id"] >= 10 && taken["ping id"] >= 10);
    redis.expect("EXISTS Sandbox", "0");
    let new: Vec<String> = keys_of(&mut redis)
        .into_iter()
        .filter(|key| !keys_before.contains(key))
        .collect();
    let plain = |key: &String| {
        let hash = key.strip_prefix("lct:cap:lct:").unwrap_or_default();
        key == "lct:feedback:lct" || hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())
    };
    assert!(new.iter().all(plain), "{new:?}");
    // `limited` is what feedback is after ten texts.
    refusals.remove("limited");
    format!("{}; as text where any is taken: ack", all(refusals))
}

fn keys_of(redis: &mut Client) -> BTreeSet<String> {
    redis
        .run("KEYS *")
        .items()
        .iter()
        .map(Reply::text)
        .collect()
}

pub(crate) async fn junk_in_the_hello(world: &World) -> String {
    let keys = world.keys();
    let mut guest = Guest::arrive(world.east.address(), None, "").await;
    let hello = keys.hello(Role::Device, "lct", &guest.nonce, "");
    let mut refusals = BTreeSet::new();
    for field in [
        "graphName",
        "devicePublicKey",
        "codePublicKey",
        "key",
        "signature",
    ] {
        for (junk, _) in junk() {
            let text = with_junk(&hello, field, &junk);
            refusals.insert(guest.tries(&text).await);
        }
        let mut without = hello.clone();
        without.as_object_mut().expect("an object").remove(field);
        if field != "graphName" {
            refusals.insert(guest.tries(&without.to_string()).await);
        }
    }
    let open = with_junk(&hello, "key", "\"open\"");
    refusals.insert(guest.tries(&open).await);
    let believed = json!({"type": "hello", "userID": keys.visitor()});
    refusals.insert(guest.tries(&believed.to_string()).await);
    let session = guest.tries(&hello.to_string()).await;
    assert_eq!(session, "session", "its nonce was not used yet");
    all(refusals)
}

pub(crate) async fn a_megabyte(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let mut bytes = vec![0x81, 0xff];
    bytes.extend(1_048_576_u64.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(vec![b'x'; 4_000]);
    person.raw.stream.write_all(&bytes).await.expect("a start");
    let (code, _) = person.raw.close().await;
    code.to_string()
}

pub(crate) async fn junk_on_the_doorbell(world: &World) -> String {
    let mut index = world.join(&world.east).await;
    let mut victim = world.join(&world.west).await;
    world.met(&mut index, &mut victim).await;
    index.warns(&world.warning()).await;
    victim.hears(1).await;
    // What follows is not what a gateway would say, nor a secret.
    let mut owner = world.redis();
    owner.expect("CONFIG SET slowlog-log-slower-than -1", "OK");
    let mut redis = world.redis();
    redis.expect("AUTH gateway secret", "OK");
    let visitor = victim.visitor();
    let ring = |visitor: &str| {
        let entry = json!({"visitor": visitor, "alert": "x", "state": "active"});
        json!(vec![entry; 512]).to_string().into_bytes()
    };
    let mut payloads = vec![
        Vec::new(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"[{\"visitor\":7}]".to_vec(),
        b"[{}]".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'['; 900_000],
        vec![b'9'; 900_000],
        b"00000000000000000000000000000000".to_vec(),
        b"zz".to_vec(),
        ring(&visitor),
        ring(&"x".repeat(1_000)),
        ring("\r\n\0"),
    ];
    payloads.extend(junk().into_iter().map(|(text, _)| text.into_bytes()));
    let before = world.west.metric("lct_gateway_rings_unreadable_total");
    for round in 0..20 {
        for channel in ["lct:alerts:", "lct:control:"] {
            for graph in ["lct", "Sandbox", "other"] {
                let channel = format!("{channel}{graph}");
                let publish = |payload: &Vec<u8>| args!["PUBLISH", channel, payload];
                let commands: Vec<_> = payloads.iter().map(publish).collect();
                let replies = redis.pipeline(&commands).expect("replies");
                assert!(!replies.iter().any(Reply::is_error), "round {round}");
            }
        }
        redis.call(&["PUBLISH", "lct:probe:x", "y"]);
    }
    owner.expect("CONFIG SET slowlog-log-slower-than 0", "OK");
    let answer = victim.tries("ping", json!({})).await;
    assert_eq!(answer, "pong");
    assert!(world.west.metric("lct_gateway_rings_unreadable_total") > before);
    assert_eq!(victim.heard().await, 1, "nothing is sent twice");
    // And the bell still works.
    let mut index = world.join(&world.east).await;
    world.met(&mut index, &mut victim).await;
    index.warns(&world.warning()).await;
    victim.hears(2).await;
    assert_eq!(world.west.metric("lct_gateway_doorbell_heard"), 1);
    let new: BTreeSet<_> = victim
        .alerts
        .iter()
        .map(|a| a["alert"].to_string())
        .collect();
    assert_eq!(new.len(), 2, "each once");
    "nothing; alerts come once".into()
}
