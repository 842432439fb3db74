//! Two worlds: histories that differ in what nobody may learn give a person the same traffic, byte for byte.
//!
//! What a gateway sends over a connection is recorded as it leaves the socket: the head of the upgrade, every frame,
//! every byte of padding; and so is what it answers by REST. Only what is random by design is blanked: the nonce, the hexadecimal part of alert ids, and the
//! date of the HTTP head.

use lct_tests::{Client, Gateway, Keys, Phone, Raw, Request, Role, Server, now};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The one whose traffic is looked at.
const VICTIM: u64 = 0;
const ANNA: u64 = 1;
const BEN: u64 = 2;
const CLARA: u64 = 3;
/// Further people have numbers from here on.
const CROWD: u64 = 10;

/// The victim's own visits, the same in all worlds: place, and hours before now.
const VISITS: [(&str, u64, u64); 4] = [
    ("cafe", 3, 2),
    ("gym", 30, 29),
    ("office", 72, 66),
    ("school", 120, 115),
];

/// Somebody's visit: who, where, and minutes before now.
type Stay = (u64, &'static str, u64, u64);

const fn hours(person: u64, place: &'static str, from: u64, to: u64) -> Stay {
    (person, place, from * 60, to * 60)
}

/// What a connection has received.
type Seen = Arc<Mutex<Vec<u8>>>;

/// A connection that records what it receives.
struct Tap {
    stream: TcpStream,
    seen: Seen,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let new = &buffer.filled()[before..];
        self.seen.lock().expect("the record").extend(new);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A person's connection, recorded.
struct Line(Raw<Tap>);

impl Line {
    /// Connects and proves who it is; returns what came before `session`, alerts that waited that is.
    async fn open(gateway: SocketAddr, person: u64, seen: &Seen) -> (Self, Vec<Value>) {
        let stream = TcpStream::connect(gateway).await.expect("a connection");
        let tap = Tap {
            stream,
            seen: Arc::clone(seen),
        };
        let mut line = Line(Raw::upgrade(tap, "").await.expect("an upgrade"));
        let challenge = line.read().await;
        let nonce = challenge["nonce"].as_str().expect("a nonce");
        let hello = Keys::of(person).hello(Role::Device, "lct", nonce, "");
        assert!(line.0.say(&hello.to_string()).await);
        let mut waited = Vec::new();
        loop {
            let message = line.read().await;
            if message["type"] == "session" {
                assert_eq!(message["complete"], true);
                return (line, waited);
            }
            waited.push(message);
        }
    }

    async fn read(&mut self) -> Value {
        let text = self.0.text().await.expect("an open connection");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Says something and returns the answer.
    async fn ask(&mut self, message: Value) -> Value {
        assert!(self.0.say(&message.to_string()).await);
        self.read().await
    }

    /// The alert that must come next.
    async fn alert(&mut self) -> Value {
        let message = self.read().await;
        assert_eq!(message["type"], "exposureAlert", "{message}");
        message["alerts"][0].clone()
    }

    /// Logs the visits that are the same in all worlds.
    async fn log_visits(&mut self, now: u64) {
        for (place, from, to) in VISITS {
            let (start, end) = (now - from * HOUR, now - to * HOUR);
            let visit = json!({"type": "logVisit", "place_id": place, "start": start, "end": end});
            assert_eq!(self.ask(visit).await["logged"], true);
        }
    }

    async fn receive(&mut self, alerts: &[Value]) {
        let ids: Vec<&Value> = alerts.iter().map(|alert| &alert["alert"]).collect();
        let answer = self
            .ask(json!({"type": "alertReceived", "alerts": ids}))
            .await;
        assert_eq!(answer["type"], "ack", "{answer}");
    }
}

/// The system in which the worlds follow one another, each from nothing.
struct House {
    server: Server,
    gateway: Gateway,
    now: u64,
    /// Ids for warnings, never the same twice.
    warnings: u64,
}

impl House {
    fn new() -> Self {
        let server = Server::with(&["lct.retention 1209600000", "lct.late 86400000"]);
        // No ping that comes in one world and not in another.
        let gateway = Gateway::with(&server, &["--auth", "key", "--ping-interval", "3600"]);
        House {
            server,
            gateway,
            now: now(),
            warnings: 0,
        }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    fn redis(&self) -> Client {
        self.server.client()
    }

    fn begin(&self) {
        self.redis().expect("FLUSHALL", "OK");
    }

    fn log(&self, stays: &[Stay]) {
        let mut redis = self.redis();
        for &(person, place, from, to) in stays {
            let visitor = Keys::of(person).visitor();
            let (start, end) = (self.now - from * MINUTE, self.now - to * MINUTE);
            redis.expect(
                &format!("LCT.VISIT lct {visitor} {place} {start} {end}"),
                "1",
            );
        }
    }

    fn new_warning(&mut self) -> String {
        self.warnings += 1;
        format!("6d1f2a54-9c1e-4a57-8a0e-{:012x}", self.warnings)
    }

    /// Somebody's inbox as REST tells it, recorded; returns how many alerts there are.
    async fn inbox(&self, person: u64, seen: &Seen) -> usize {
        let request = Request::new("GET", "/v1/alerts", "");
        let request = Keys::of(person).sign_now(Role::Device, request);
        let address = self.address();
        let asked = tokio::task::spawn_blocking(move || request.send(address));
        let answer = asked.await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut record = seen.lock().expect("the record");
        record.extend(answer.head.as_bytes());
        record.extend(answer.body.as_bytes());
        answer.json()["alerts"].as_array().expect("alerts").len()
    }

    /// Somebody warns; returns their phone and the warning.
    async fn warn(&mut self, person: u64, reason: &str) -> (Phone, String) {
        let mut phone = Phone::sign_in(self.address(), &Keys::of(person), Role::Device).await;
        let warning = self.new_warning();
        phone
            .ask(
                "exposureWarning",
                json!({"warning": warning, "reason": reason}),
            )
            .await;
        (phone, warning)
    }
}

/// The record with what is random by design blanked.
fn blanked(seen: &Seen) -> String {
    let mut text = String::from_utf8_lossy(&seen.lock().expect("the record")).into_owned();
    for (before, length) in [("\"alert\":\"", 32), ("\"nonce\":\"", 43), ("date: ", 29)] {
        let mut from = 0;
        while let Some(found) = text[from..].find(before) {
            from += found + before.len();
            text.replace_range(from..from + length, &"_".repeat(length));
        }
    }
    text
}

/// Runs the story in every world and compares what was received in each with the first.
#[track_caller]
fn compare(records: &[(&str, Seen)]) {
    let (first, seen) = &records[0];
    let expected = blanked(seen);
    assert!(
        expected.contains("\"type\":\"session\""),
        "something was received"
    );
    for (name, seen) in &records[1..] {
        let got = blanked(seen);
        assert!(
            got == expected,
            "{name} differs from {first}: {} and {} bytes\n--- {first}\n{}\n--- {name}\n{}",
            got.len(),
            expected.len(),
            legible(&expected),
            legible(&got)
        );
    }
}

fn legible(record: &str) -> String {
    let words: Vec<&str> = record
        .split("   ")
        .filter(|part| !part.trim().is_empty())
        .collect();
    words.join("\n")
}

/// Alerts carry the day on which they were issued: not at midnight.
async fn not_at_midnight() {
    if DAY - now() % DAY < MINUTE {
        sleep(Duration::from_secs(61)).await;
    }
}

/// Who meets the victim, and who warns then.
fn meetings() -> Vec<(&'static str, Vec<Stay>, u64)> {
    let with = |stay: Stay, more: &[Stay]| [&[stay], more].concat();
    let crowd: Vec<Stay> = (CROWD..CROWD + 40)
        .map(|person| hours(person, "stadium", 20, 18))
        .collect();
    let anna = hours(ANNA, "cafe", 3, 2);
    vec![
        ("Anna in the café", vec![anna], ANNA),
        ("Ben instead", vec![hours(BEN, "cafe", 3, 2)], BEN),
        (
            "both there, Ben warns",
            with(anna, &[hours(BEN, "cafe", 3, 2)]),
            BEN,
        ),
        (
            "another place and day",
            vec![hours(ANNA, "gym", 30, 29)],
            ANNA,
        ),
        (
            "three days ago: medium",
            vec![hours(ANNA, "office", 70, 68)],
            ANNA,
        ),
        (
            "five days ago: low",
            vec![hours(ANNA, "school", 118, 116)],
            ANNA,
        ),
        ("for a minute", vec![(ANNA, "cafe", 121, 100)], ANNA),
        (
            "again and again",
            with(
                anna,
                &[hours(ANNA, "gym", 31, 20), hours(ANNA, "school", 119, 117)],
            ),
            ANNA,
        ),
        (
            "over Clara: second order",
            vec![
                hours(ANNA, "park", 20, 19),
                hours(CLARA, "park", 20, 19),
                hours(CLARA, "cafe", 3, 2),
            ],
            ANNA,
        ),
        (
            "both orders",
            with(anna, &[hours(CLARA, "cafe", 3, 2)]),
            ANNA,
        ),
        (
            "with forty others alerted too",
            with(
                anna,
                &[&[hours(ANNA, "stadium", 20, 18)], &crowd[..]].concat(),
            ),
            ANNA,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_does_not_tell_who_where_when_or_over_how_many() {
    not_at_midnight().await;
    let mut house = House::new();
    let mut records = Vec::new();
    for (name, stays, warner) in meetings() {
        house.begin();
        let seen = Seen::default();
        let (mut line, _) = Line::open(house.address(), VICTIM, &seen).await;
        line.log_visits(house.now).await;
        house.log(&stays);
        let (mut phone, warning) = house.warn(warner, "positive").await;
        let alert = line.alert().await;
        assert_eq!(
            (&alert["state"], &alert["reason"]),
            (&json!("active"), &json!("positive"))
        );
        assert_eq!(house.inbox(VICTIM, &seen).await, 1, "{name}");
        line.receive(&[alert]).await;
        phone
            .ask("retractWarning", json!({"warning": warning}))
            .await;
        let alert = line.alert().await;
        assert_eq!(alert["state"], "withdrawn");
        assert_eq!(house.inbox(VICTIM, &seen).await, 1, "{name}");
        line.ask(json!({"type": "exportMyData"})).await;
        // Not confirmed yet, so it comes again.
        let (mut line, waited) = Line::open(house.address(), VICTIM, &seen).await;
        assert_eq!(waited.len(), 1, "{waited:?}");
        line.receive(&[alert]).await;
        let (_line, waited) = Line::open(house.address(), VICTIM, &seen).await;
        assert!(waited.is_empty(), "{waited:?}");
        records.push((name, seen));
    }
    compare(&records);
}

/// What waited for somebody who was away: two alerts, whose priorities are this way round or the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_that_waited_do_not_tell_which_is_more_urgent() {
    not_at_midnight().await;
    let recent = |person| hours(person, "cafe", 3, 2);
    let older = |person| hours(person, "school", 118, 116);
    let mut house = House::new();
    let mut records = Vec::new();
    for (name, stays, warners) in [
        (
            "Anna recently, Ben long ago",
            [recent(ANNA), older(BEN)],
            [(ANNA, "positive"), (BEN, "contact")],
        ),
        (
            "the other way round",
            [older(ANNA), recent(BEN)],
            [(ANNA, "positive"), (BEN, "contact")],
        ),
        (
            "Ben warns first",
            [recent(ANNA), older(BEN)],
            [(BEN, "contact"), (ANNA, "positive")],
        ),
        (
            "both, and Ben first",
            [older(ANNA), recent(BEN)],
            [(BEN, "contact"), (ANNA, "positive")],
        ),
        (
            "the positive one is Ben",
            [recent(ANNA), older(BEN)],
            [(ANNA, "contact"), (BEN, "positive")],
        ),
    ] {
        house.begin();
        let seen = Seen::default();
        let (mut line, _) = Line::open(house.address(), VICTIM, &seen).await;
        line.log_visits(house.now).await;
        drop(line);
        house.log(&stays);
        for (person, reason) in warners {
            drop(house.warn(person, reason).await);
        }
        assert_eq!(house.inbox(VICTIM, &seen).await, 2, "{name}");
        let (mut line, waited) = Line::open(house.address(), VICTIM, &seen).await;
        let alerts: Vec<Value> = waited
            .iter()
            .flat_map(|message| message["alerts"].as_array().expect("alerts"))
            .cloned()
            .collect();
        assert_eq!(alerts.len(), 2, "{waited:?}");
        line.receive(&alerts).await;
        records.push((name, seen));
    }
    compare(&records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_it_does_not_concern_learns_nothing_of_a_warning() {
    let mut house = House::new();
    let mut records = Vec::new();
    for (name, stays, warns) in [
        ("nobody warns", vec![hours(ANNA, "park", 3, 2)], false),
        ("somebody elsewhere", vec![hours(ANNA, "park", 3, 2)], true),
        (
            "somebody who left as they came",
            vec![hours(ANNA, "cafe", 4, 3)],
            true,
        ),
        (
            "somebody who came as they left",
            vec![hours(ANNA, "cafe", 2, 1)],
            true,
        ),
        (
            "their contact's contact, too early",
            vec![
                hours(ANNA, "park", 1, 0),
                hours(CLARA, "park", 1, 0),
                hours(CLARA, "cafe", 3, 2),
            ],
            true,
        ),
    ] {
        house.begin();
        let seen = Seen::default();
        let (mut line, _) = Line::open(house.address(), VICTIM, &seen).await;
        line.log_visits(house.now).await;
        house.log(&stays);
        if warns {
            drop(house.warn(ANNA, "positive").await);
        }
        sleep(Duration::from_millis(500)).await; // for what might come
        assert_eq!(house.inbox(VICTIM, &seen).await, 0, "{name}");
        line.ask(json!({"type": "exportMyData"})).await;
        let (_line, waited) = Line::open(house.address(), VICTIM, &seen).await;
        assert!(waited.is_empty(), "{name}: {waited:?}");
        records.push((name, seen));
    }
    compare(&records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_warns_does_not_learn_how_many_were_exposed() {
    let mut house = House::new();
    let mut records = Vec::new();
    for (name, exposed) in [("nobody exposed", 0), ("one person", 1), ("many", 600)] {
        house.begin();
        let seen = Seen::default();
        let (mut line, _) = Line::open(house.address(), VICTIM, &seen).await;
        line.log_visits(house.now).await;
        let stays: Vec<Stay> = (CROWD..CROWD + exposed)
            .map(|person| hours(person, "cafe", 3, 2))
            .collect();
        house.log(&stays);
        let (warning, unknown) = (house.new_warning(), house.new_warning());
        for message in [
            json!({"type": "exposureWarning", "warning": warning, "reason": "positive"}),
            json!({"type": "exposureWarning", "warning": warning, "reason": "positive"}),
            json!({"type": "exposureWarning", "warning": warning, "reason": "symptoms"}),
            json!({"type": "retractWarning", "warning": warning}),
            json!({"type": "retractWarning", "warning": warning}),
            json!({"type": "retractWarning", "warning": unknown}),
        ] {
            let answer = line.ask(message).await;
            assert_eq!(answer["type"], "ack", "{answer}");
        }
        records.push((name, seen));
    }
    compare(&records);
}
