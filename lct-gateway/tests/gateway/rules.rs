//! What operators set: caps, one-time codes, holds, policy, replicas; and what people write to them.

use std::io::Write;

use serde_json::{Value, json};

use crate::client::Client;
use crate::setup::{Redis, gateway, ready};

fn warning(n: u32) -> String {
    format!("0d9a5e4c-6c1e-4f0a-9d6b-{n:012x}")
}

fn warn(n: u32, reason: &str) -> Value {
    json!({"type": "exposureWarning", "warning": warning(n), "reason": reason})
}

fn visit(n: u64) -> Value {
    json!({"type": "logVisit", "place_id": "x", "start": n * 10, "end": n * 10 + 9})
}

#[tokio::test]
async fn caps_are_the_same_on_all_gateways_and_a_repeated_warning_takes_nothing() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let flags = ["--max-visits", "10", "--max-warnings", "2"];
    let (east, west) = (gateway(&redis.url(), &flags), gateway(&redis.url(), &flags));
    ready(&east).await;
    ready(&west).await;
    let mut here = Client::hello(east.client_address(), "a").await;
    let mut there = Client::hello(west.client_address(), "a").await;
    for n in 0..5 {
        assert_eq!(here.ask(visit(n)).await["logged"], true);
        assert_eq!(there.ask(visit(n + 5)).await["logged"], true);
    }
    for client in [&mut here, &mut there] {
        assert_eq!(client.ask(visit(20)).await["code"], "limited");
    }
    for n in [1, 1, 2, 1, 2] {
        assert_eq!(here.ask(warn(n, "contact")).await["warned"], true);
    }
    for client in [&mut here, &mut there] {
        assert_eq!(client.ask(warn(3, "contact")).await["code"], "limited");
        assert_eq!(client.ask(warn(1, "contact")).await["warned"], true);
    }
    // Another reason is another warning, though it revises the first.
    assert_eq!(here.ask(warn(1, "symptoms")).await["code"], "limited");
    let mut other = Client::hello(west.client_address(), "b").await;
    assert_eq!(other.ask(visit(1)).await["logged"], true);
    // Nobody can be read out of the books.
    let keys: Vec<String> = redis.run(&["KEYS", "lct:cap:*"]).await;
    assert!(keys.len() > 4, "{keys:?}");
    for key in keys {
        let last = key.rsplit(':').next().unwrap();
        assert!(
            last.len() == 32
                || key.starts_with("lct:cap:salt:")
                || key.starts_with("lct:cap:lct:warnings:"), // hashes of random ids
            "{key}"
        );
        let ttl: i64 = redis.run(&["TTL", &key]).await;
        assert!(ttl > 0, "{key} stays for ever");
    }
}

#[tokio::test]
async fn warning_and_retracting_in_turn_comes_to_an_end() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &["--max-warnings", "1"]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let retract = json!({"type": "retractWarning", "warning": warning(1)});
    for _ in 0..10 {
        assert_eq!(client.ask(warn(1, "contact")).await["warned"], true);
        assert_eq!(client.ask(retract.clone()).await["type"], "ack");
    }
    assert_eq!(client.ask(warn(1, "contact")).await["code"], "limited");
    assert_eq!(client.ask(retract).await["code"], "limited");
}

/// Makes codes with the program, as an operator does.
fn new_codes(redis: &Redis, args: &[&str]) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lct-gateway"))
        .args(["codes", "new", "--redis", &redis.url()])
        .args(args)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_one_warning_and_its_retries() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let flags = ["--warning-codes", "required", "--max-warnings", "100"];
    let gateway = gateway(&redis.url(), &flags);
    ready(&gateway).await;
    let codes = new_codes(&redis, &["--count", "2"]);
    assert_eq!(codes.len(), 2);
    let with = |n: u32, code: &str| {
        let mut message = warn(n, "positive");
        message["code"] = code.into();
        message
    };
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let mut other = Client::hello(gateway.client_address(), "b").await;
    assert_eq!(client.ask(warn(1, "positive")).await["code"], "bad_code");
    assert_eq!(
        client.ask(warn(1, "contact")).await["warned"],
        true,
        "needs none"
    );
    for _ in 0..2 {
        let ack = client.ask(with(2, &codes[0])).await;
        assert_eq!(ack["warned"], true, "{ack}");
    }
    assert_eq!(client.ask(with(3, &codes[0])).await["code"], "bad_code");
    assert_eq!(other.ask(with(4, &codes[0])).await["code"], "bad_code");
    let typed = codes[1].to_lowercase().replace('-', " ");
    assert_eq!(other.ask(with(4, &typed)).await["warned"], true);

    // What is left of a code names nobody.
    let keys: Vec<String> = redis.run(&["KEYS", "lct:code:*"]).await;
    assert_eq!(keys.len(), 2);
    for key in &keys {
        let fields: Vec<String> = redis.run(&["HKEYS", key]).await;
        assert_eq!(fields, ["day", "warning"]);
        let rest: Vec<String> = redis.run(&["HVALS", key]).await;
        assert!(!rest.concat().contains("0d9a5e4c"), "{rest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_codes_is_locked_out_and_a_code_s_day_wins() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let flags = ["--warning-codes", "required", "--max-warnings", "100"];
    let gateway = gateway(&redis.url(), &flags);
    ready(&gateway).await;
    let mut guesser = Client::hello(gateway.client_address(), "guesser").await;
    let with = |n: u32, code: &str| {
        let mut message = warn(n, "positive");
        message["code"] = code.into();
        message
    };
    for n in 0..10 {
        let guess = lct_gateway::codes::OneTimeCode::random().encode();
        let error = guesser.ask(with(n, &guess)).await;
        assert_eq!(error["code"], "bad_code", "{error}");
    }
    let [code] = &new_codes(&redis, &["--since", "2021-05-14"])[..] else {
        panic!("not one code");
    };
    let error = guesser.ask(with(1, code)).await;
    assert_eq!(error["code"], "limited", "even with a good one: {error}");
    let keys: Vec<String> = redis.run(&["KEYS", "lct:code:*"]).await;
    assert_eq!(keys.len(), 1, "guesses leave nothing behind");

    // Two days before the code's day is where it begins, whatever the client says.
    let day = 1_620_950_400_000_u64;
    let (early, late) = (day - 3 * 86_400_000, day - 86_400_000);
    let mut index = Client::hello(gateway.client_address(), "index").await;
    let mut before = Client::hello(gateway.client_address(), "before").await;
    let mut after = Client::hello(gateway.client_address(), "after").await;
    for start in [early, late] {
        index
            .ask(json!({"type": "logVisit", "place_id": "x", "start": start, "end": start + 9}))
            .await;
    }
    before
        .ask(json!({"type": "logVisit", "place_id": "x", "start": early, "end": early + 9}))
        .await;
    after
        .ask(json!({"type": "logVisit", "place_id": "x", "start": late, "end": late + 9}))
        .await;
    let mut message = with(50, code);
    message["since"] = early.into();
    assert_eq!(index.ask(message).await["warned"], true);
    assert_eq!(after.hear().await["type"], "exposureAlert");
    before.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_that_would_alert_too_many_waits_for_an_operator() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &["--hold", "1"]);
    ready(&gateway).await;
    let mut clients = Vec::new();
    for name in ["index", "a", "b"] {
        let mut client = Client::hello(gateway.client_address(), name).await;
        client.ask(visit(1)).await;
        clients.push(client);
    }
    let [index, a, b] = &mut clients[..] else {
        panic!("three");
    };
    let ack = index.ask(warn(1, "contact")).await;
    assert_eq!(ack, json!({"type": "ack", "warned": true}), "as always");
    a.hears_nothing().await;
    let operator = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lct-gateway"))
            .arg("warnings")
            .args(args)
            .args(["--redis", &redis.url()])
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let list = operator(&["list"]);
    assert!(
        list.starts_with(&format!("{}  visitor  contact  held  20", warning(1))),
        "{list}"
    );
    assert_eq!(operator(&["release", &warning(1)]), "alerted: 2\n");
    let again = operator(&["release", &warning(1)]);
    assert_eq!(again, "it is not held: nothing was done\n");
    for client in [a, b] {
        assert_eq!(client.hear().await["alerts"][0]["state"], "active");
    }
    assert_eq!(operator(&["retract", &warning(1)]), "withdrawn: 2\n");
}

#[tokio::test]
async fn the_policy_says_who_counts() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(file, "[contact]\nmintime = 9\n").expect("written");
    let path = file.path().to_str().expect("a path in UTF-8");
    let gateway = gateway(&redis.url(), &["--policy", path]);
    ready(&gateway).await;
    let mut index = Client::hello(gateway.client_address(), "index").await;
    let mut long = Client::hello(gateway.client_address(), "long").await;
    let mut short = Client::hello(gateway.client_address(), "short").await;
    index.ask(visit(1)).await;
    long.ask(visit(1)).await;
    short
        .ask(json!({"type": "logVisit", "place_id": "x", "start": 11, "end": 19}))
        .await;
    assert_eq!(index.ask(warn(1, "contact")).await["warned"], true);
    assert_eq!(long.hear().await["type"], "exposureAlert");
    short.hears_nothing().await;
    assert_eq!(index.ask(warn(2, "symptoms")).await["warned"], true);
    for client in [&mut long, &mut short] {
        assert_eq!(client.hear().await["alerts"][0]["reason"], "symptoms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_with_a_right_code_is_no_guess() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let flags = ["--warning-codes", "required", "--max-warnings", "100"];
    let gateway = gateway(&redis.url(), &flags);
    ready(&gateway).await;
    let code = new_codes(&redis, &[]).remove(0);
    let mut message = warn(1, "positive");
    message["code"] = code.into();
    let mut client = Client::hello(gateway.client_address(), "a").await;
    let _: String = redis.run(&["ACL", "SETUSER", "default", "-hsetnx"]).await;
    for _ in 0..11 {
        assert_eq!(client.ask(message.clone()).await["code"], "internal");
    }
    let _: String = redis.run(&["ACL", "SETUSER", "default", "+hsetnx"]).await;
    let ack = client.ask(message).await;
    assert_eq!(ack["warned"], true, "{ack}");
}

#[tokio::test]
async fn a_warning_is_acknowledged_once_its_replica_has_it() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &["--replicas", "1"]);
    ready(&gateway).await;
    let mut index = Client::hello(gateway.client_address(), "index").await;
    let mut contact = Client::hello(gateway.client_address(), "contact").await;
    for client in [&mut index, &mut contact] {
        let ack = client.ask(visit(1)).await;
        assert_eq!(ack["logged"], true, "visits do not wait");
    }
    let error = index.ask(warn(1, "contact")).await;
    assert_eq!(error["code"], "unavailable", "nobody has it: {error}");
    // It was carried out, and what was not acknowledged is sent again.
    assert_eq!(contact.hear().await["type"], "exposureAlert");
    let replica = redis.replica().await;
    assert_eq!(index.ask(warn(1, "contact")).await["warned"], true);
    let rows: Vec<(String, String, String, String, u64)> =
        replica.run(&["LCT.ALERTS", "lct", "contact"]).await;
    assert_eq!(rows.len(), 1, "the replica has it");
    contact.hears_nothing().await;
    // A refusal is told from a missing replica.
    let _: u64 = redis.run(&["LCT.REVOKE", "lct", "index"]).await;
    assert_eq!(index.ask(warn(1, "contact")).await["code"], "revoked");
    drop(replica);
    let error = contact.ask(warn(2, "contact")).await;
    assert_eq!(error["code"], "unavailable", "{error}");
}

#[tokio::test]
async fn what_people_write_is_kept_without_their_names_or_the_hour() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let gateway = gateway(&redis.url(), &[]);
    ready(&gateway).await;
    let mut client = Client::hello(gateway.client_address(), "weeFox").await;
    for n in 0..10 {
        let text = format!("it works {n}");
        let ack = client
            .ask(json!({"type": "userFeedback", "id": n, "text": text}))
            .await;
        assert_eq!(ack, json!({"type": "ack", "id": n}));
    }
    let error = client
        .ask(json!({"type": "userFeedback", "text": "too much"}))
        .await;
    assert_eq!(error["code"], "limited");
    let entries: Vec<(String, Vec<String>)> =
        redis.run(&["XRANGE", "lct:feedback:lct", "-", "+"]).await;
    assert_eq!(entries.len(), 10);
    for (n, (id, fields)) in entries.iter().enumerate() {
        let (day, _) = id.split_once('-').expect("a stream id");
        assert_eq!(
            day.parse::<u64>().expect("a number") % 86_400_000,
            0,
            "{id}"
        );
        assert_eq!(*fields, ["text".to_owned(), format!("it works {n}")]);
    }
}
