//! Who somebody is: hellos, signatures, keys, and what a session may do.

use crate::world::{CANARY, Guest, HOUR, MINUTE, Person, World, all, every_message};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lct_tests::{Role, args, now};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

pub(crate) async fn messages_before_the_hello(world: &World) -> String {
    let mut guest = Guest::arrive(world.east.address(), None, "").await;
    let mut verdicts = BTreeSet::new();
    for (kind, mut fields) in every_message() {
        if kind != "ping" {
            fields["type"] = kind.into();
            fields["userID"] = world.keys().visitor().into();
            verdicts.insert(guest.tries(&fields.to_string()).await);
        }
    }
    all(verdicts)
}

pub(crate) async fn a_replayed_hello(world: &World) -> String {
    let keys = world.keys();
    let mut victim = Guest::arrive(world.east.address(), None, "").await;
    let hello = keys.hello(Role::Device, "lct", &victim.nonce, "");
    let mut verdicts = BTreeSet::new();
    for gateway in [&world.east, &world.west] {
        let thief = Guest::arrive(gateway.address(), None, "").await;
        verdicts.insert(thief.fails(&hello).await);
        assert_eq!(victim.tries(r#"{"type":"ping"}"#).await, "pong");
    }
    assert_eq!(victim.tries(&hello.to_string()).await, "session");
    let again = victim.tries(&hello.to_string()).await;
    let thief = Guest::arrive(world.west.address(), None, "").await;
    verdicts.insert(thief.fails(&hello).await);
    format!("{}; {again}", all(verdicts))
}

pub(crate) async fn a_late_hello(world: &World) -> String {
    let late = world.late.lock().expect("a lock").take();
    let (since, guest) = late.expect("the guest of the start");
    sleep(Duration::from_secs(32).saturating_sub(since.elapsed())).await;
    let hello = world.keys().hello(Role::Device, "lct", &guest.nonce, "");
    guest.fails(&hello).await
}

pub(crate) async fn wrong_signatures(world: &World) -> String {
    let origin = format!("http://{}", world.east.address());
    let from_page = format!("Origin: {origin}\r\n");
    let keys = world.keys();
    let hello = |role, graph, nonce: &str, origin: &str| keys.hello(role, graph, nonce, origin);
    type Forge<'a> = &'a dyn Fn(&str) -> Value;
    let good: Forge<'_> = &|nonce| hello(Role::Device, "lct", nonce, "");
    // As changed after signing.
    let altered = |nonce: &str, change: &dyn Fn(&mut Value)| {
        let mut hello = good(nonce);
        change(&mut hello);
        hello
    };
    let bytes_of = |hello: &Value| {
        let text = hello["signature"].as_str().expect("a signature");
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    };
    let other = world.keys();
    let forgeries: [(&str, Forge<'_>); 12] = [
        ("", &|nonce| {
            altered(nonce, &|hello| hello["graphName"] = "Sandbox".into())
        }),
        ("", &|nonce| {
            let mut hello = hello(Role::Device, "Sandbox", nonce, "");
            hello["graphName"] = "lct".into();
            hello
        }),
        ("", &|nonce| hello(Role::Device, "lct", nonce, &origin)),
        ("", &|nonce| {
            hello(Role::Device, "lct", nonce, "https://evil.example")
        }),
        (&from_page, good),
        (&from_page, &|nonce| {
            hello(Role::Device, "lct", nonce, "https://evil.example")
        }),
        ("", &|_| {
            hello(Role::Device, "lct", &URL_SAFE_NO_PAD.encode([0; 32]), "")
        }),
        ("", &|nonce| {
            hello(Role::Device, "lct", &format!("{nonce}\n"), "")
        }),
        ("", &|nonce| {
            altered(nonce, &|hello| hello["key"] = "code".into())
        }),
        // Another person's signature under one's keys.
        ("", &|nonce| {
            let theirs = other.hello(Role::Device, "lct", nonce, "");
            altered(nonce, &|hello| {
                hello["signature"] = theirs["signature"].clone()
            })
        }),
        ("", &|nonce| {
            altered(nonce, &|hello| {
                let mut bytes = bytes_of(hello);
                bytes[5] ^= 1;
                hello["signature"] = URL_SAFE_NO_PAD.encode(bytes).into();
            })
        }),
        // The same signature with the group's order added to its second half: fits where that is not looked at.
        ("", &|nonce| {
            altered(nonce, &|hello| {
                let mut bytes = bytes_of(hello);
                let mut carry = 0;
                for (byte, order) in bytes[32..].iter_mut().zip(order_of_the_group()) {
                    let sum = u16::from(*byte) + u16::from(order) + carry;
                    (*byte, carry) = (sum as u8, sum >> 8);
                }
                hello["signature"] = URL_SAFE_NO_PAD.encode(bytes).into();
            })
        }),
    ];
    let mut verdicts = BTreeSet::new();
    for (lines, forge) in forgeries {
        let guest = Guest::arrive(world.east.address(), None, lines).await;
        let hello = forge(&guest.nonce);
        verdicts.insert(guest.fails(&hello).await);
    }
    let mut guest = Guest::arrive(world.east.address(), None, &from_page).await;
    let hello = hello(Role::Device, "lct", &guest.nonce, &origin);
    assert_eq!(guest.tries(&hello.to_string()).await, "session", "a page");
    all(verdicts)
}

/// 2^252 + 27742317777372353535851937790883648493, little end first.
fn order_of_the_group() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&27742317777372353535851937790883648493_u128.to_le_bytes());
    bytes[31] = 0x10;
    bytes
}

pub(crate) async fn bad_keys(world: &World) -> String {
    let keys = world.keys();
    let mut guest = Guest::arrive(world.east.address(), None, "").await;
    let good = keys.hello(Role::Device, "lct", &guest.nonce, "");
    // All points of small order, the last ones in forms that are not canonical; signatures exist that fit every text under them.
    let filled = |first: u8, rest: u8, last: u8| {
        let mut bytes = [rest; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let eighth = |hex: &str, last: u8| {
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).expect("digits");
            *byte = u8::from_str_radix(digits, 16).expect("a byte");
        }
        bytes[31] = last;
        bytes
    };
    let five = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let seven = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let mut bad: Vec<Value> = [
        filled(0, 0, 0),
        filled(0, 0, 0x80),
        filled(1, 0, 0),
        filled(1, 0, 0x80),
        filled(0xec, 0xff, 0x7f),
        filled(0xec, 0xff, 0xff),
        eighth(five, 0x05),
        eighth(five, 0x85),
        eighth(seven, 0x7a),
        eighth(seven, 0xfa),
        filled(0xed, 0xff, 0x7f),
        filled(0xed, 0xff, 0xff),
        filled(0xee, 0xff, 0x7f),
        filled(0xee, 0xff, 0xff),
        filled(2, 2, 2), // on no point of the curve
    ]
    .map(|bytes| URL_SAFE_NO_PAD.encode(bytes).into())
    .into();
    let device = good["devicePublicKey"].as_str().expect("a key");
    bad.extend([
        "".into(),
        format!("{device}=").into(),
        format!("{device}A").into(),
        format!(" {device}").into(),
        device[1..].into(),
        "+/+/+/".into(),
        CANARY.into(),
    ]);
    let mut verdicts = BTreeSet::new();
    for key in bad {
        for field in ["devicePublicKey", "codePublicKey"] {
            let mut hello = good.clone();
            hello[field] = key.clone();
            // That signature of zeros which fits every text, where a weak key is believed.
            for signature in [
                good["signature"].clone(),
                URL_SAFE_NO_PAD.encode([&[1][..], &[0; 63]].concat()).into(),
            ] {
                hello["signature"] = signature;
                verdicts.insert(guest.tries(&hello.to_string()).await);
            }
        }
    }
    let mut twice = good.clone();
    twice["codePublicKey"] = good["devicePublicKey"].clone();
    verdicts.insert(guest.tries(&twice.to_string()).await);
    let session = guest.tries(&good.to_string()).await;
    assert_eq!(session, "session", "its nonce was not used yet");
    all(verdicts)
}

pub(crate) async fn the_code_key(world: &World) -> String {
    let keys = world.keys();
    let visitor = keys.visitor();
    let mut redis = world.redis();
    let (start, end, place) = (now() - HOUR, now() - MINUTE, world.place());
    redis.call(&args!["LCT.VISIT", "lct", visitor, place, start, end]);
    let mut card = Person::sign_in(world.east.address(), None, keys, Role::Code).await;
    let mut verdicts: [BTreeSet<String>; 2] = Default::default();
    for (kind, fields) in every_message() {
        if ["ping", "revokeMe"].contains(&kind) {
            continue;
        }
        let visits = redis.call(&["LCT.VISITS", "lct", &visitor]);
        assert_eq!(visits.items().len(), 1, "before {kind}");
        for graph in ["lct", "Sandbox"] {
            let mut fields = fields.clone();
            if kind != "alertReceived" {
                fields["graphName"] = graph.into();
            }
            let erases = kind == "forgetMe";
            let verdict = card.tries(kind, fields).await;
            verdicts[usize::from(erases)].insert(verdict);
        }
    }
    let visits = redis.call(&["LCT.VISITS", "lct", &visitor]);
    assert_eq!(visits.items().len(), 0, "forgotten");
    let [refused, done] = verdicts.map(all);
    format!("{refused}; what it may do: {done}")
}

pub(crate) async fn a_forged_visitor(world: &World) -> String {
    let mut victim = world.join(&world.east).await;
    let mut index = world.join(&world.east).await;
    world.met(&mut index, &mut victim).await;
    index.warns(&world.warning()).await;
    victim.hears(1).await;
    let mut redis = world.redis();
    let mut theirs = |who: &str| {
        ["LCT.VISITS", "LCT.ALERTS"].map(|name| redis.call(&[name, "lct", who]).to_string())
    };
    let before = theirs(&victim.visitor());
    let mut attacker = world.join(&world.east).await;
    let mut verdicts = BTreeSet::new();
    for (kind, mut fields) in every_message() {
        for name in [
            "userID",
            "userId",
            "visitor",
            "visitorId",
            "uid",
            "sub",
            "username",
            "nickname",
            "devicePublicKey",
            "__proto__",
            "role",
            "key",
            "onBehalfOf",
        ] {
            fields[name] = victim.visitor().into();
        }
        let own = match kind {
            "logVisit" => Some(1),
            "exportMyData" => Some(1),
            "forgetMe" => Some(0),
            _ => None,
        };
        if kind == "updateVisit" || kind == "ping" {
            continue; // there is none to update, and a ping is answered by a pong
        }
        if kind == "exportMyData" {
            let visits = attacker.ask(kind, fields).await;
            assert_eq!(visits["visits"].as_array().map(Vec::len), own);
            continue;
        }
        verdicts.insert(attacker.tries(kind, fields).await);
        if let Some(own) = own {
            let visits = world
                .redis()
                .call(&["LCT.VISITS", "lct", &attacker.visitor()]);
            assert_eq!(visits.items().len(), own, "after {kind}");
        }
        assert_eq!(theirs(&victim.visitor()), before, "after {kind}");
    }
    assert_eq!(victim.heard().await, 1, "nothing new");
    format!("{}, about the session's own visitor", all(verdicts))
}
