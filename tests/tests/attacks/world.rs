//! Where the attacks happen, and who happens there.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lct_tests::{Client, Gateway, Keys, Raw, Role, Shipped, now};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// How long a phone listens for an alert that must not come. Alerts are there within milliseconds.
pub(crate) const A_WHILE: Duration = Duration::from_millis(400);

/// In every place, text and value of an attacker: whatever repeats it has repeated something.
pub(crate) const CANARY: &str = "canary";

/// A server as shipped, two gateways with their defaults but for the rate of messages, and two with codes and small caps.
pub(crate) struct World {
    pub(crate) shipped: Shipped,
    pub(crate) east: Gateway,
    pub(crate) west: Gateway,
    pub(crate) strict: [Gateway; 2],
    /// A connection whose challenge was sent at the start, for the late hello.
    pub(crate) late: Mutex<Option<(Instant, Guest)>>,
    /// Ids that must be nowhere.
    pub(crate) ids: Mutex<Vec<String>>,
}

pub(crate) const FLAGS: [&str; 8] = [
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
    pub(crate) async fn new() -> Self {
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

    pub(crate) fn redis(&self) -> Client {
        self.shipped.server.client()
    }

    /// Remembers an id that must not be found anywhere at the end; how many those are.
    pub(crate) fn note(&self, id: String) -> u64 {
        let mut ids = self.ids.lock().expect("a lock");
        ids.push(id);
        ids.len() as u64
    }

    /// The number of somebody who was never here before, for [`Keys::of`].
    pub(crate) fn number(&self) -> u64 {
        let number = self.note(CANARY.into());
        self.note(Keys::of(number).visitor());
        number
    }

    /// Somebody who was never here before.
    pub(crate) fn keys(&self) -> Keys {
        Keys::of(self.number())
    }

    /// A place where nobody was before.
    pub(crate) fn place(&self) -> String {
        format!("{CANARY} place {}", self.note(CANARY.into()))
    }

    /// A warning id that was never used before.
    pub(crate) fn warning(&self) -> String {
        let id = format!("6d1f2a54-9c1e-4a57-8a0e-{:012x}", self.note(CANARY.into()));
        self.note(id.clone());
        id
    }

    pub(crate) async fn join(&self, gateway: &Gateway) -> Person {
        Person::sign_in(gateway.address(), None, self.keys(), Role::Device).await
    }

    /// Somebody new at the first of the strict gateways, from another address of this machine, 127.0.0.`last`.
    pub(crate) async fn join_from(&self, last: u8) -> Person {
        let (gateway, from) = (self.strict[0].address(), Some([127, 0, 0, last]));
        Person::sign_in(gateway, from, self.keys(), Role::Device).await
    }

    /// Two people at the same place just now; the place.
    pub(crate) async fn met(&self, one: &mut Person, other: &mut Person) -> String {
        let place = self.place();
        for person in [one, other] {
            person.was_at(&place, now() - HOUR, now() - MINUTE).await;
        }
        place
    }

    /// Looks for everything that anybody sent in everything that operators, and gateways in the wrong hands, could see.
    pub(crate) fn nothing_leaked(&self) {
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
pub(crate) struct Guest {
    pub(crate) raw: Raw<TcpStream>,
    pub(crate) nonce: String,
}

impl Guest {
    pub(crate) async fn arrive(gateway: SocketAddr, from: Option<[u8; 4]>, lines: &str) -> Self {
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
    pub(crate) async fn tries(&mut self, text: &str) -> String {
        assert!(self.raw.say(text).await, "still connected");
        let answer = self.raw.text().await.expect("an answer");
        assert!(!answer.contains(CANARY), "a value is repeated: {answer}");
        verdict(&json_of(&answer))
    }

    /// Says a hello that must end it; the answer's code and that of the close.
    pub(crate) async fn fails(mut self, hello: &Value) -> String {
        let answer = self.tries(&hello.to_string()).await;
        let (code, reason) = self.raw.close().await;
        assert!(!reason.contains("retry_ms"), "{code} is final: {reason}");
        format!("{answer}, then {code}")
    }
}

/// A connection with a session. It sees each text as it came, and finds none in it that repeats what it sent.
pub(crate) struct Person {
    pub(crate) keys: Keys,
    pub(crate) raw: Raw<TcpStream>,
    pub(crate) requests: u64,
    /// Alerts in the order they came.
    pub(crate) alerts: Vec<Value>,
}

impl Person {
    pub(crate) async fn sign_in(
        gateway: SocketAddr,
        from: Option<[u8; 4]>,
        keys: Keys,
        role: Role,
    ) -> Self {
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

    pub(crate) fn visitor(&self) -> String {
        self.keys.visitor()
    }

    /// The next message that is no alert and no ping; alerts are kept.
    pub(crate) async fn next(&mut self) -> Value {
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
    pub(crate) async fn says(&mut self, text: &str) -> Value {
        assert!(self.raw.say(text).await, "still connected");
        self.next().await
    }

    /// Sends a message of that type; its answer.
    pub(crate) async fn ask(&mut self, kind: &str, mut fields: Value) -> Value {
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
    pub(crate) async fn tries(&mut self, kind: &str, fields: Value) -> String {
        verdict(&self.ask(kind, fields).await)
    }

    /// Logs a visit; its loggedNodeId.
    pub(crate) async fn was_at(&mut self, place: &str, start: u64, end: u64) -> Value {
        let visit = json!({"place_id": place, "start": start, "end": end});
        let ack = self.ask("logVisit", visit).await;
        assert_eq!(ack["logged"], true, "{ack}");
        ack["loggedNodeId"].clone()
    }

    pub(crate) async fn warns(&mut self, warning: &str) -> String {
        let fields = json!({"warning": warning, "reason": "contact"});
        self.tries("exposureWarning", fields).await
    }

    /// Listens until there are so many alerts in all, for at most 20 seconds.
    pub(crate) async fn hears(&mut self, count: usize) {
        while self.alerts.len() < count {
            self.listen(Duration::from_secs(20)).await;
        }
        assert_eq!(self.alerts.len(), count, "{:?}", self.alerts);
    }

    /// Waits for one message that nobody asked for.
    pub(crate) async fn listen(&mut self, within: Duration) {
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
    pub(crate) async fn heard(&mut self) -> usize {
        let until = Instant::now() + A_WHILE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.listen(left).await;
        }
        self.alerts.len()
    }

    pub(crate) fn alert(&self) -> &Value {
        self.alerts.last().expect("an alert")
    }
}

pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// `ack` or the code of an `error`, which has a message of one line.
pub(crate) fn verdict(answer: &Value) -> String {
    if answer["type"] != "error" {
        return answer["type"].as_str().expect("a type").into();
    }
    let line = answer["message"].as_str().expect("a message");
    assert!(!line.is_empty() && !line.contains(char::is_control));
    answer["code"].as_str().expect("a code").into()
}

pub(crate) fn all(verdicts: BTreeSet<String>) -> String {
    Vec::from_iter(verdicts).join(", ")
}

/// `n times ack, then limited`: how often in a row it was `first`, and what came then, all the rest alike.
pub(crate) fn counted(verdicts: &[String]) -> String {
    let first = &verdicts[0];
    let times = verdicts.iter().take_while(|verdict| *verdict == first);
    let times = times.count();
    let rest = BTreeSet::from_iter(verdicts[times..].iter().cloned());
    format!("{times} times {first}, then {}", all(rest))
}

/// A good message of every type but `hello`, which names nobody's anything.
pub(crate) fn every_message() -> [(&'static str, Value); 11] {
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
