//! One-time codes.

use crate::world::{CANARY, Person, World, all, counted};
use futures_util::future::join_all;
use lct_tests::{Gateway, Keys, Role, Value as Reply};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// New one-time codes.
fn codes(world: &World, count: usize) -> Vec<String> {
    let text = world
        .shipped
        .operator(&["codes", "new", "--count", &count.to_string()]);
    let codes: Vec<String> = text.lines().map(str::to_owned).collect();
    for code in &codes {
        world.note(code.clone());
    }
    codes
}

/// Codes that were good once: 24 hours pass for all of them in a moment.
async fn expired_codes(world: &World, count: usize) -> Vec<String> {
    let codes = codes(world, count);
    let mut redis = world.redis();
    for key in redis.run("KEYS lct:code:lct:*").items() {
        assert_eq!(redis.call(&[b"PEXPIRE", key.bytes(), b"1"]), Reply::Int(1));
    }
    sleep(Duration::from_millis(20)).await;
    assert_eq!(redis.run("KEYS lct:code:lct:*").to_string(), "[]");
    codes
}

async fn positive(person: &mut Person, warning: &str, code: &str) -> String {
    let fields = json!({"warning": warning, "reason": "positive", "code": code});
    person.tries("exposureWarning", fields).await
}

pub(crate) async fn guessed_codes(world: &World) -> String {
    let wrong = expired_codes(world, 100).await;
    let right = codes(world, 3);
    let [one, other] = world.strict.each_ref().map(Gateway::address);
    let (here, elsewhere) = (Some([127, 0, 0, 5]), Some([127, 0, 0, 6]));
    let number = world.number();
    let mut guesser = Person::sign_in(one, here, Keys::of(number), Role::Device).await;
    let mut verdicts = Vec::new();
    for code in &wrong[..10] {
        verdicts.push(positive(&mut guesser, &world.warning(), code).await);
    }
    verdicts.push(positive(&mut guesser, &world.warning(), &right[0]).await);
    // The same visitor from another address, on another gateway.
    let mut moved = Person::sign_in(other, elsewhere, Keys::of(number), Role::Device).await;
    verdicts.push(positive(&mut moved, &world.warning(), &right[0]).await);
    let visitor = counted(&verdicts);
    // Nobody else is locked out yet.
    let mut person = world.join_from(5).await;
    assert_eq!(
        positive(&mut person, &world.warning(), &right[1]).await,
        "ack"
    );

    join_all(wrong[10..].chunks(10).map(async |lot| {
        let mut guesser = world.join_from(5).await;
        for code in lot {
            let verdict = positive(&mut guesser, &world.warning(), code).await;
            assert_eq!(verdict, "bad_code");
        }
    }))
    .await;
    let mut person = world.join_from(5).await;
    let address = positive(&mut person, &world.warning(), &right[2]).await;
    assert_eq!(address, "limited");
    let mut person = world.join_from(6).await;
    let free = positive(&mut person, &world.warning(), &right[2]).await;
    format!("{visitor}, with the right one too; 100 times from an address; from elsewhere: {free}")
}

pub(crate) async fn other_codes(world: &World) -> String {
    let (mut person, mut other) = (world.join_from(7).await, world.join_from(8).await);
    let mut verdicts = BTreeSet::new();
    let fields = json!({"warning": world.warning(), "reason": 0});
    verdicts.insert(person.tries("exposureWarning", fields).await);
    let expired = expired_codes(world, 1).await;
    verdicts.insert(positive(&mut person, &world.warning(), &expired[0]).await);
    let good = codes(world, 1).remove(0);
    let mistyped = format!("{}-{}", &good[10..], &good[..9]);
    for text in [&mistyped, "", "0000-0000-0000-0000", &good[..18], CANARY] {
        verdicts.insert(positive(&mut person, &world.warning(), text).await);
    }
    let warning = world.warning();
    for _ in 0..2 {
        let verdict = positive(&mut person, &warning, &good).await;
        assert_eq!(verdict, "ack", "once, and a retry");
    }
    verdicts.insert(positive(&mut person, &world.warning(), &good).await);
    verdicts.insert(positive(&mut other, &world.warning(), &good).await);
    all(verdicts)
}

pub(crate) async fn a_stolen_code(world: &World) -> String {
    let (mut person, mut thief) = (world.join_from(9).await, world.join_from(10).await);
    let (code, warning) = (codes(world, 1).remove(0), world.warning());
    assert_eq!(positive(&mut person, &warning, &code).await, "ack");
    positive(&mut thief, &warning, &code).await
}
