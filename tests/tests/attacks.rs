//! The table of attacks: each tried for real against gateways with `--auth key` over the server as shipped, and each with the answer it
//! must get. `cargo test -p lct-tests --test attacks -- --nocapture` prints it.
//!
//! All of them happen in one world, one after the other. At its end nobody was refused by the ACL, and nothing that any of them sent is in
//! a log, a metric, the name of a channel or a key, or whatever else operators see.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use lct_tests::{Client, Gateway, Keys, Raw, Role, Shipped, Value as Reply, args, digests, now};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How long a phone listens for an alert that must not come. Alerts are there within milliseconds.
const A_WHILE: Duration = Duration::from_millis(400);

/// In every place, text and value of an attacker: whatever repeats it has repeated something.
const CANARY: &str = "canary";

/// Declares the attacks that are tried here, in this order: what is tried, the answer, and the function that tries it and tells the answer.
macro_rules! attacks {
    ($($what:literal => $answer:literal, $attack:ident;)*) => {
        async fn try_all(world: &World) -> Vec<[String; 3]> {
            let mut tried = Vec::new();
            $(
                println!("… {}", $what);
                tried.push([$what.to_string(), $answer.to_string(), $attack(world).await]);
            )*
            tried
        }
    };
}

attacks! {
    "messages before the hello" => "hello_first", messages_before_the_hello;
    "a hello captured on another connection, and sent again on its own" => "bad_signature, then 4401; already_open", a_replayed_hello;
    "a signature for another graph, origin, nonce, key or text; one altered" => "bad_signature, then 4401", wrong_signatures;
    "low-order, malformed and equal keys" => "bad_value", bad_keys;
    "the code key logs, changes, deletes, warns, retracts, acknowledges, exports, writes" => "not_allowed; what it may do: ack", the_code_key;
    "another visitor named in every message" => "ack, about the session's own visitor", a_forged_visitor;
    "a loggedNodeId of another visitor" => "as for an unknown one: unknown_visit, ack", foreign_visits;
    "an alert id of another visitor" => "as for an unknown one: ack", foreign_alerts;
    "a warning id of another visitor, sent" => "bad_value", a_foreign_warning;
    "a warning that one did not send, retracted by what its alert tells" => "ack; the alert stands", a_guessed_retraction;
    "a visit planted into a warned space" => "late: no alert; moved there late: no alert; within lct.late: alert; long, and within it: alert", planted_visits;
    "a warning to nobody, to a thousand, and one that is held" => "ack, byte for byte the same", the_size_of_a_warning;
    "more visits than a day has" => "20 times ack, then limited, on any gateway", too_many_visits;
    "more warnings than a day, a fortnight and an address have" => "5, 10 and 3 times ack, then limited; the same again: ack", too_many_warnings;
    "a warning toggled, where one a day is allowed" => "20 times ack, then limited", a_toggled_warning;
    "more feedback than a day has" => "10 times ack, then limited", too_much_feedback;
    "more revocations than an address has" => "100 times ack, then limited; forgetMe: ack", too_many_revocations;
    "guessing codes" => "10 times bad_code, then limited, with the right one too; 100 times from an address; from elsewhere: ack", guessed_codes;
    "no code, a mistyped one, a used one, one that has expired" => "bad_code", other_codes;
    "a code somebody else used, with their warning's id" => "bad_value", a_stolen_code;
    "a false warning, then forgetMe" => "alert; ack; withdrawn, once an operator retracts it", a_false_warning_and_away;
    "a visitor who was revoked comes back" => "4403 on every gateway; session; revoked, then 4403", a_revoked_visitor;
    "junk in every field of every message" => "bad_code, bad_message, bad_value, unknown_graph, unknown_type; as text where any is taken: ack", junk_in_every_field;
    "junk in the hello" => "bad_message, bad_value, unknown_graph", junk_in_the_hello;
    "a message of a megabyte" => "1009", a_megabyte;
    "the server's memory filled up" => "logging, warning, writing: unavailable; taking back, acknowledging, exporting, erasing: ack", a_full_memory;
    "junk on the doorbell and between gateways" => "nothing; alerts come once", junk_on_the_doorbell;
    "a hello half a minute after its challenge" => "bad_signature, then 4401", a_late_hello;
}

/// What other tests try: attack, answer, file and function.
const ELSEWHERE: [[&str; 4]; 14] = [
    [
        "a page of a foreign origin",
        "403",
        "edge",
        "foreign_pages_are_refused",
    ],
    [
        "requests that smuggle, tunnel or upgrade elsewhere",
        "404, 405, 426, 400, 413",
        "edge",
        "every_answer_has_its_headers_and_only_ws_upgrades",
    ],
    [
        "oversize and fragmented frames, invalid UTF-8",
        "1009, 1002, 1003, 1007",
        "edge",
        "bad_frames_get_the_code_of_their_fault",
    ],
    [
        "fragments without end",
        "4013",
        "edge",
        "fragments_are_put_together_and_have_an_end",
    ],
    [
        "a flood of pings",
        "4013",
        "edge",
        "a_flood_of_pings_or_pongs_is_closed",
    ],
    [
        "a flood of messages",
        "rate_limited, then 4013",
        "edge",
        "messages_over_the_rate_are_refused_then_taken_then_closed",
    ],
    [
        "ten thousand idle sockets from one address",
        "all but 100 closed; others are served",
        "edge",
        "ten_thousand_idle_sockets_from_one_address_leave_room_for_others",
    ],
    [
        "sockets that never say hello",
        "closed beyond their cap",
        "edge",
        "those_without_a_session_have_a_cap_of_their_own",
    ],
    [
        "slowloris; no hello; half a TLS handshake",
        "closed; 4002; closed",
        "edge",
        "the_slow_are_let_go_and_the_quick_do_not_notice",
    ],
    [
        "a reader that does not read",
        "4008",
        "edge",
        "who_does_not_read_is_given_up",
    ],
    [
        "a forged X-Forwarded-For",
        "429; not believed",
        "edge",
        "a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does",
    ],
    [
        "the gateway's user asks who met whom",
        "NOPERM",
        "shipped_config",
        "each_user_may_do_their_job_and_nothing_else",
    ],
    [
        "forged dumps and files",
        "refused",
        "hostile_restore",
        "forged_payloads_neither_kill_nor_hang_nor_bloat_the_server",
    ],
    [
        "looking at ids with MONITOR and SLOWLOG",
        "not there",
        "citizen",
        "nobody_sees_ids_in_monitor_or_slowlog",
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_gets_its_answer() {
    let world = World::new().await;
    let tried = try_all(&world).await;
    println!("\n| attack | answer | test |\n|---|---|---|");
    for [what, answer, _] in &tried {
        println!("| {what} | {answer} | |");
    }
    for [what, answer, file, test] in ELSEWHERE {
        println!("| {what} | {answer} | {file}: {test} |");
        let path = lct_tests::root().join(format!("tests/tests/{file}.rs"));
        let source = fs::read_to_string(path).expect("a file of tests");
        assert!(source.contains(&format!("fn {test}(")), "{file}: no {test}");
    }
    for [what, answer, got] in tried {
        assert_eq!(got, answer, "the answer to: {what}");
    }
    world.nothing_leaked();
}

// ---------------------------------------------------------------- The world

/// A server as shipped, two gateways with their defaults but for the rate of messages, and two with codes and small caps.
struct World {
    shipped: Shipped,
    east: Gateway,
    west: Gateway,
    strict: [Gateway; 2],
    /// A connection whose challenge was sent at the start, for the late hello.
    late: Mutex<Option<(Instant, Guest)>>,
    /// Ids that must be nowhere.
    ids: Mutex<Vec<String>>,
}

const FLAGS: [&str; 8] = [
    "--auth",
    "key",
    "--log-level",
    "debug",
    "--message-rate",
    "100000",
    "--message-burst",
    "100000",
];

impl World {
    async fn new() -> Self {
        let shipped = Shipped::start();
        let mut redis = shipped.server.client();
        redis.expect("CONFIG SET slowlog-log-slower-than 0", "OK");
        redis.expect("CONFIG SET slowlog-max-len 100000", "OK");
        let url = shipped.url("gateway");
        let patient = ["--hello-timeout", "90", "--ping-interval", "90"];
        let patient = [&FLAGS[..], &patient].concat();
        let strict = [
            &FLAGS[..],
            &["--warning-codes", "required", "--max-visits", "20"],
            &["--max-warnings-per-address", "3", "--hold", "500"],
        ]
        .concat();
        let world = Self {
            east: Gateway::on(&url, &patient),
            west: Gateway::on(&url, &FLAGS),
            strict: [Gateway::on(&url, &strict), Gateway::on(&url, &strict)],
            shipped,
            late: Mutex::default(),
            ids: Mutex::default(),
        };
        let guest = Guest::arrive(world.east.address(), None, "").await;
        *world.late.lock().expect("a lock") = Some((Instant::now(), guest));
        world
    }

    fn redis(&self) -> Client {
        self.shipped.server.client()
    }

    /// Remembers an id that must not be found anywhere at the end; how many those are.
    fn note(&self, id: String) -> u64 {
        let mut ids = self.ids.lock().expect("a lock");
        ids.push(id);
        ids.len() as u64
    }

    /// The number of somebody who was never here before, for [`Keys::of`].
    fn number(&self) -> u64 {
        let number = self.note(CANARY.into());
        self.note(Keys::of(number).visitor());
        number
    }

    /// Somebody who was never here before.
    fn keys(&self) -> Keys {
        Keys::of(self.number())
    }

    /// A place where nobody was before.
    fn place(&self) -> String {
        format!("{CANARY} place {}", self.note(CANARY.into()))
    }

    /// A warning id that was never used before.
    fn warning(&self) -> String {
        let id = format!("6d1f2a54-9c1e-4a57-8a0e-{:012x}", self.note(CANARY.into()));
        self.note(id.clone());
        id
    }

    async fn join(&self, gateway: &Gateway) -> Person {
        Person::sign_in(gateway.address(), None, self.keys(), Role::Device).await
    }

    /// Somebody new at the first of the strict gateways, from another address of this machine, 127.0.0.`last`.
    async fn join_from(&self, last: u8) -> Person {
        let (gateway, from) = (self.strict[0].address(), Some([127, 0, 0, last]));
        Person::sign_in(gateway, from, self.keys(), Role::Device).await
    }

    /// Two people at the same place just now; the place.
    async fn met(&self, one: &mut Person, other: &mut Person) -> String {
        let place = self.place();
        for person in [one, other] {
            person.was_at(&place, now() - HOUR, now() - MINUTE).await;
        }
        place
    }

    /// Looks for everything that anybody sent in everything that operators, and gateways in the wrong hands, could see.
    fn nothing_leaked(&self) {
        let mut redis = self.redis();
        assert_eq!(redis.run("ACL LOG").to_string(), "[]", "who was refused");
        let mut seen = vec![("the server's log", self.shipped.server.log())];
        for command in [
            "CLIENT LIST",
            "PUBSUB CHANNELS *",
            "SLOWLOG GET -1",
            "INFO everything",
            "LATENCY LATEST",
            "KEYS *",
        ] {
            let reply = redis.run(command);
            let known = match command {
                "PUBSUB CHANNELS *" => "lct:control:lct",
                "SLOWLOG GET -1" => "lct:cap:lct:",
                "KEYS *" => "lct:feedback:lct",
                "CLIENT LIST" => "user=gateway",
                _ => "",
            };
            assert!(reply.to_string().contains(known), "{command}: {reply}");
            // What people write to the operator is for the operator; nobody but the default user may see it there.
            let text = reply.to_string();
            let hidden = |entry: &&str| !entry.contains("lct:feedback:");
            let text = match command {
                "SLOWLOG GET -1" => text.split("] [").filter(hidden).collect(),
                _ => text,
            };
            seen.push((command, text));
        }
        for gateway in [&self.east, &self.west].into_iter().chain(&self.strict) {
            let log = gateway.log();
            assert!(log.contains("connection ended"), "a log of everything");
            seen.push(("a gateway's log", log));
            let metrics = gateway.ask("/metrics");
            assert!(metrics.contains("lct_gateway_connections"), "{metrics}");
            seen.push(("/metrics", metrics));
        }
        let ids = self.ids.lock().expect("a lock");
        assert!(ids.len() > 100, "people, places and warnings");
        for (what, text) in seen {
            for id in ids.iter() {
                if let Some(at) = text.find(id.as_str()) {
                    let around = &text.as_bytes()[at.saturating_sub(300)..text.len().min(at + 300)];
                    panic!("{what} shows an id: {}", around.escape_ascii());
                }
            }
            assert!(!text.contains("127.0.0.5"), "{what} shows an address");
        }
    }
}

/// A connection that has its challenge and no session yet.
struct Guest {
    raw: Raw<TcpStream>,
    nonce: String,
}

impl Guest {
    async fn arrive(gateway: SocketAddr, from: Option<[u8; 4]>, lines: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(from) = from {
            let from = (Ipv4Addr::from(from), 0);
            socket
                .bind(from.into())
                .expect("an address of this machine");
        }
        let stream = socket.connect(gateway).await.expect("a connection");
        let mut raw = Raw::upgrade(stream, lines).await.expect("an upgrade");
        let challenge = json_of(&raw.text().await.expect("a challenge"));
        assert_eq!(challenge["type"], "challenge");
        let nonce = challenge["nonce"].as_str().expect("a nonce").to_owned();
        Self { raw, nonce }
    }

    /// Says something; the answer's code or type.
    async fn tries(&mut self, text: &str) -> String {
        assert!(self.raw.say(text).await, "still connected");
        let answer = self.raw.text().await.expect("an answer");
        assert!(!answer.contains(CANARY), "a value is repeated: {answer}");
        verdict(&json_of(&answer))
    }

    /// Says a hello that must end it; the answer's code and that of the close.
    async fn fails(mut self, hello: &Value) -> String {
        let answer = self.tries(&hello.to_string()).await;
        let (code, reason) = self.raw.close().await;
        assert!(!reason.contains("retry_ms"), "{code} is final: {reason}");
        format!("{answer}, then {code}")
    }
}

/// A connection with a session. It sees each text as it came, and finds none in it that repeats what it sent.
struct Person {
    keys: Keys,
    raw: Raw<TcpStream>,
    requests: u64,
    /// Alerts in the order they came.
    alerts: Vec<Value>,
}

impl Person {
    async fn sign_in(gateway: SocketAddr, from: Option<[u8; 4]>, keys: Keys, role: Role) -> Self {
        let Guest { mut raw, nonce } = Guest::arrive(gateway, from, "").await;
        raw.say(&keys.hello(role, "lct", &nonce, "").to_string())
            .await;
        let mut person = Self {
            keys,
            raw,
            requests: 0,
            alerts: Vec::new(),
        };
        let session = person.next().await;
        assert_eq!(session["type"], "session", "{session}");
        assert_eq!(session["userID"], person.keys.visitor());
        person
    }

    fn visitor(&self) -> String {
        self.keys.visitor()
    }

    /// The next message that is no alert and no ping; alerts are kept.
    async fn next(&mut self) -> Value {
        loop {
            let message = json_of(&self.raw.text().await.expect("a message"));
            match message["type"].as_str() {
                Some("exposureAlert") => {
                    let alerts = message["alerts"].as_array().expect("alerts");
                    self.alerts.extend(alerts.iter().cloned());
                }
                Some("ping") => {}
                _ => return message,
            }
        }
    }

    /// Sends a text as it is; the answer.
    async fn says(&mut self, text: &str) -> Value {
        assert!(self.raw.say(text).await, "still connected");
        self.next().await
    }

    /// Sends a message of that type; its answer.
    async fn ask(&mut self, kind: &str, mut fields: Value) -> Value {
        self.requests += 1;
        fields["type"] = kind.into();
        fields["id"] = self.requests.into();
        let answer = self.says(&fields.to_string()).await;
        assert_eq!(answer["id"], self.requests, "{kind}: {answer}");
        let text = answer.to_string();
        let own = kind == "exportMyData";
        assert!(own || !text.contains(CANARY), "a value is repeated: {text}");
        answer
    }

    /// The same; `ack` or the error's code.
    async fn tries(&mut self, kind: &str, fields: Value) -> String {
        verdict(&self.ask(kind, fields).await)
    }

    /// Logs a visit; its loggedNodeId.
    async fn was_at(&mut self, place: &str, start: u64, end: u64) -> Value {
        let visit = json!({"place_id": place, "start": start, "end": end});
        let ack = self.ask("logVisit", visit).await;
        assert_eq!(ack["logged"], true, "{ack}");
        ack["loggedNodeId"].clone()
    }

    async fn warns(&mut self, warning: &str) -> String {
        let fields = json!({"warning": warning, "reason": "contact"});
        self.tries("exposureWarning", fields).await
    }

    /// Listens until there are so many alerts in all, for at most 20 seconds.
    async fn hears(&mut self, count: usize) {
        while self.alerts.len() < count {
            self.listen(Duration::from_secs(20)).await;
        }
        assert_eq!(self.alerts.len(), count, "{:?}", self.alerts);
    }

    /// Waits for one message that nobody asked for.
    async fn listen(&mut self, within: Duration) {
        // Cancelled in the middle of a frame it would lose its place; the frames here are there at once.
        let Ok(text) = timeout(within, self.raw.text()).await else {
            return;
        };
        let message = json_of(&text.expect("still connected"));
        if let Some(alerts) = message["alerts"].as_array() {
            self.alerts.extend(alerts.iter().cloned());
        }
    }

    /// How many alerts it has heard, a while from now.
    async fn heard(&mut self) -> usize {
        let until = Instant::now() + A_WHILE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.listen(left).await;
        }
        self.alerts.len()
    }

    fn alert(&self) -> &Value {
        self.alerts.last().expect("an alert")
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// `ack` or the code of an `error`, which has a message of one line.
fn verdict(answer: &Value) -> String {
    if answer["type"] != "error" {
        return answer["type"].as_str().expect("a type").into();
    }
    let line = answer["message"].as_str().expect("a message");
    assert!(!line.is_empty() && !line.contains(char::is_control));
    answer["code"].as_str().expect("a code").into()
}

fn all(verdicts: BTreeSet<String>) -> String {
    Vec::from_iter(verdicts).join(", ")
}

/// `n times ack, then limited`: how often in a row it was `first`, and what came then, all the rest alike.
fn counted(verdicts: &[String]) -> String {
    let first = &verdicts[0];
    let times = verdicts.iter().take_while(|verdict| *verdict == first);
    let times = times.count();
    let rest = BTreeSet::from_iter(verdicts[times..].iter().cloned());
    format!("{times} times {first}, then {}", all(rest))
}

// ---------------------------------------------------------------- Who somebody is

/// A good message of every type but `hello`, which names nobody's anything.
fn every_message() -> [(&'static str, Value); 11] {
    let node = URL_SAFE_NO_PAD.encode([&[1, 0, 0, 0, 0, 0, 0, 0, 5], &b"x"[..]].concat());
    let warning = "3b6c1e0a-5d7f-4c2b-9e8a-0123456789ab";
    let (start, end) = (now() - HOUR, now() - MINUTE);
    [
        (
            "logVisit",
            json!({"place_id": "x", "start": start, "end": end}),
        ),
        (
            "updateVisit",
            json!({"loggedNodeId": node, "start": start, "end": end}),
        ),
        ("deleteVisit", json!({"loggedNodeId": node})),
        (
            "exposureWarning",
            json!({"warning": warning, "reason": "contact"}),
        ),
        ("retractWarning", json!({"warning": warning})),
        (
            "alertReceived",
            json!({"alerts": ["00112233445566778899aabbccddeeff.1"]}),
        ),
        ("exportMyData", json!({})),
        ("userFeedback", json!({"text": "x"})),
        ("forgetMe", json!({})),
        ("revokeMe", json!({})),
        ("ping", json!({})),
    ]
}

async fn messages_before_the_hello(world: &World) -> String {
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

async fn a_replayed_hello(world: &World) -> String {
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

async fn a_late_hello(world: &World) -> String {
    let late = world.late.lock().expect("a lock").take();
    let (since, guest) = late.expect("the guest of the start");
    sleep(Duration::from_secs(32).saturating_sub(since.elapsed())).await;
    let hello = world.keys().hello(Role::Device, "lct", &guest.nonce, "");
    guest.fails(&hello).await
}

async fn wrong_signatures(world: &World) -> String {
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

async fn bad_keys(world: &World) -> String {
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

async fn the_code_key(world: &World) -> String {
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

async fn a_forged_visitor(world: &World) -> String {
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

// ---------------------------------------------------------------- What belongs to others

async fn foreign_visits(world: &World) -> String {
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

async fn foreign_alerts(world: &World) -> String {
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

async fn a_foreign_warning(world: &World) -> String {
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

async fn a_guessed_retraction(world: &World) -> String {
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

// ---------------------------------------------------------------- Learning

async fn planted_visits(world: &World) -> String {
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

async fn the_size_of_a_warning(world: &World) -> String {
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

// ---------------------------------------------------------------- Too much

async fn too_many_visits(world: &World) -> String {
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

async fn too_many_warnings(world: &World) -> String {
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

async fn a_toggled_warning(world: &World) -> String {
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

async fn too_much_feedback(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let mut verdicts = Vec::new();
    for _ in 0..15 {
        let fields = json!({"text": format!("{CANARY} says thanks")});
        verdicts.push(person.tries("userFeedback", fields).await);
    }
    counted(&verdicts)
}

/// Each leaves something for ever, and a person can be made for each.
async fn too_many_revocations(world: &World) -> String {
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

async fn a_full_memory(world: &World) -> String {
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

// ---------------------------------------------------------------- Codes

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

async fn guessed_codes(world: &World) -> String {
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

async fn other_codes(world: &World) -> String {
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

async fn a_stolen_code(world: &World) -> String {
    let (mut person, mut thief) = (world.join_from(9).await, world.join_from(10).await);
    let (code, warning) = (codes(world, 1).remove(0), world.warning());
    assert_eq!(positive(&mut person, &warning, &code).await, "ack");
    positive(&mut thief, &warning, &code).await
}

// ---------------------------------------------------------------- And away

async fn a_false_warning_and_away(world: &World) -> String {
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

async fn a_revoked_visitor(world: &World) -> String {
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

// ---------------------------------------------------------------- Injection

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

async fn junk_in_every_field(world: &World) -> String {
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

async fn junk_in_the_hello(world: &World) -> String {
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

async fn a_megabyte(world: &World) -> String {
    let mut person = world.join(&world.east).await;
    let mut bytes = vec![0x81, 0xff];
    bytes.extend(1_048_576_u64.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(vec![b'x'; 4_000]);
    person.raw.stream.write_all(&bytes).await.expect("a start");
    let (code, _) = person.raw.close().await;
    code.to_string()
}

// ---------------------------------------------------------------- The doorbell

async fn junk_on_the_doorbell(world: &World) -> String {
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
