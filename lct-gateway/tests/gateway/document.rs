//! The conversations of docs/protocol.md, held with a gateway.

use serde_json::Value;

use crate::client::{Client, Keys};
use crate::setup::{Redis, gateway, ready};

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The lines of the conversation fenced with this word.
fn conversation(fence: &str) -> Vec<(char, Value)> {
    let (_, rest) = DOCUMENT
        .split_once(&format!("\n```conversation{fence}\n"))
        .expect("the conversation");
    let (lines, _) = rest.split_once("```").expect("its end");
    let line = |line: &str| {
        let mut characters = line.chars();
        let who = characters.next().expect("> or <");
        let value = serde_json::from_str(characters.as_str()).expect("JSON");
        (who, value)
    };
    lines.lines().map(line).collect()
}

/// Whether `heard` is what is written, where `…` stands for any text or number.
fn fits(written: &Value, heard: &Value) -> bool {
    match (written, heard) {
        (Value::String(any), Value::String(_) | Value::Number(_)) if any == "…" => true,
        (Value::Object(written), Value::Object(heard)) => {
            written.keys().eq(heard.keys())
                && written.iter().all(|(key, value)| fits(value, &heard[key]))
        }
        (Value::Array(written), Value::Array(heard)) => {
            written.len() == heard.len()
                && written
                    .iter()
                    .zip(heard)
                    .all(|(written, heard)| fits(written, heard))
        }
        _ => written == heard,
    }
}

async fn hold(client: &mut Client, lines: &[(char, Value)]) {
    for (who, value) in lines {
        if *who == '>' {
            client.say(value.clone()).await;
        } else {
            let heard = client.hear().await;
            assert!(fits(value, &heard), "written: {value}\nheard: {heard}");
        }
    }
}

#[tokio::test]
async fn the_conversations_of_the_document_are_true() {
    let Some(redis) = Redis::with_module().await else {
        return;
    };
    let open = gateway(&redis.url(), &[]);
    ready(&open).await;
    let lines = conversation("");
    assert!(lines.len() > 20);
    let mut client = Client::connect(open.client_address()).await;
    hold(&mut client, &lines).await;

    redis.meets_and_warns("anna", 1).await;
    let mut client = Client::connect(open.client_address()).await;
    hold(&mut client, &conversation(" alert")).await;

    let keyed = gateway(&redis.url(), &["--auth", "key"]);
    ready(&keyed).await;
    let mut client = Client::connect(keyed.client_address()).await;
    let lines = conversation(" key");
    let [(_, challenge), (_, hello), rest @ ..] = &lines[..] else {
        panic!("challenge and hello");
    };
    let heard = client.hear().await;
    assert!(fits(challenge, &heard), "{heard}");
    let nonce = heard["nonce"].as_str().expect("a nonce");
    let mut signed = Keys::of(1).hello("device", nonce, "lct", "");
    signed["id"] = hello["id"].clone();
    signed
        .as_object_mut()
        .expect("an object")
        .remove("graphName");
    assert!(fits(hello, &signed), "{signed}");
    client.say(signed).await;
    hold(&mut client, rest).await;
    assert_eq!(client.close_code().await, 4403);
}
