//! The descriptions the gateway gives of itself are true: every path, method and status of the OpenAPI document is seen for
//! real, everything seen is in it and fits its schema; the same for every message of the AsyncAPI document.

use futures_util::{SinkExt, StreamExt};
use lct_tests::{Answer, Builder, Gateway, Keys, Request, Role, Server, described, now};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01";

/// An address where no Redis listens.
const NO_REDIS: &str = "redis://127.0.0.1:1";

fn description(gateway: &Gateway, name: &str) -> Value {
    let answer = Request::new("GET", &format!("/v1/{name}"), "").send(gateway.address());
    assert_eq!(answer.status, 200);
    answer.json()
}

/// An operation of the document and a request for it that is in order.
struct Valid {
    method: &'static str,
    path: &'static str,
    target: String,
    body: Value,
    public: bool,
}

fn valid(node: &str) -> Vec<Valid> {
    let one = |method, path, body| Valid {
        method,
        path,
        target: String::from(path)
            .replace("{loggedNodeId}", node)
            .replace("{warning}", WARNING),
        body,
        public: false,
    };
    let visit = json!({"place_id": "x", "start": now() - 1_000, "end": now()});
    let mut all = vec![
        one("post", "/v1/visits", json!({"visits": [visit]})),
        one(
            "put",
            "/v1/visits/{loggedNodeId}",
            json!({"start": 5, "end": 7}),
        ),
        one(
            "post",
            "/v1/warnings",
            json!({"warning": WARNING, "reason": "positive", "since": now()}),
        ),
        one("delete", "/v1/warnings/{warning}", Value::Null),
        one("get", "/v1/alerts", Value::Null),
        one(
            "post",
            "/v1/alerts/ack",
            json!({"alerts": [format!("{}.1", "0".repeat(32))]}),
        ),
        one("get", "/v1/export", Value::Null),
        one("post", "/v1/feedback", json!({"text": "thank you"})),
        one("delete", "/v1/visits/{loggedNodeId}", Value::Null),
        one("post", "/v1/erase", Value::Null),
        one("post", "/v1/revoke", Value::Null),
    ];
    for path in ["/v1/info", "/v1/openapi.json", "/v1/asyncapi.json"] {
        all.push(Valid {
            public: true,
            ..one("get", path, Value::Null)
        });
    }
    all
}

impl Valid {
    fn request(&self) -> Request {
        let body = if self.body.is_null() {
            String::new()
        } else {
            self.body.to_string()
        };
        Request::new(&self.method.to_uppercase(), &self.target, &body)
    }
}

/// What was seen, and the document it has to fit.
struct Seen {
    document: Value,
    answers: BTreeSet<(String, String, u16)>,
}

impl Seen {
    #[track_caller]
    fn note(&mut self, valid: &Valid, answer: &Answer, status: u16) {
        let Valid { method, path, .. } = valid;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let pointer = described::answer(method, path, status);
        described::fits(&self.document, &pointer, &answer.json());
        for (status, header) in [
            (401, "www-authenticate"),
            (429, "retry-after"),
            (503, "retry-after"),
        ] {
            assert!(
                answer.status != status || answer.header(header).is_some(),
                "{status} without {header}"
            );
        }
        self.answers
            .insert((method.to_string(), path.to_string(), status));
    }
}

#[test]
fn every_documented_answer_is_given_and_every_given_one_is_documented() {
    let server = Server::start();
    let gateway = Gateway::with(&server, &["--auth", "key"]);
    let document = description(&gateway, "openapi.json");
    let mut seen = Seen {
        document,
        answers: BTreeSet::new(),
    };
    let keys = Keys::of(1);
    let ask = |keys: &Keys, request: Request, at: SocketAddr| {
        keys.sign_now(Role::Device, request).send(at)
    };
    let here = gateway.address();

    let log = Request::new(
        "POST",
        "/v1/visits",
        r#"{"visits":[{"place_id":"p","start":1,"end":2}]}"#,
    );
    let node = ask(&keys, log, here).json()["loggedNodeIds"][0].clone();
    let all = valid(node.as_str().expect("a name"));
    for valid in &all {
        let request = valid.request();
        let query = Request {
            target: format!("{}?x=1", valid.target),
            ..request.clone()
        };
        seen.note(valid, &ask(&keys, query, here), 400);
        let foreign = request.clone().with("Origin", "https://evil.example");
        seen.note(valid, &ask(&keys, foreign, here), 403);
        if !valid.public {
            seen.note(valid, &request.send(here), 401);
        }
        if !valid.body.is_null() {
            let pointer = described::request(valid.method, valid.path);
            described::fits(&seen.document, &pointer, &valid.body);
            let unknown = Request {
                body: r#"{"x":1}"#.into(),
                ..request.clone()
            };
            seen.note(valid, &ask(&keys, unknown, here), 400);
            let text = request.clone().with("Content-Type", "text/plain");
            seen.note(valid, &ask(&keys, text, here), 415);
            for length in [256 * 1024 + 1, 600 * 1024] {
                let long = Request {
                    body: " ".repeat(length),
                    ..request.clone()
                };
                seen.note(valid, &ask(&keys, long, here), 413);
            }
        }
        if valid.method == "put" {
            let gone = Request {
                body: r#"{"start":8,"end":9}"#.into(),
                ..request.clone()
            };
            seen.note(valid, &ask(&Keys::of(2), gone, here), 409);
        }
        seen.note(valid, &ask(&keys, request, here), 200);
    }

    // A gateway that takes ten requests from an address, and then one every 10 seconds.
    let slow = [
        "--auth",
        "key",
        "--message-rate",
        "0.01",
        "--message-burst",
        "1",
    ];
    let slow = Gateway::with(&server, &slow);
    for _ in 0..10 {
        Request::new("GET", "/v1/info", "").send(slow.address());
    }
    for valid in &all {
        seen.note(valid, &ask(&keys, valid.request(), slow.address()), 429);
    }
    // One without Redis, and one whose Redis has no module.
    let alone = Gateway::on(NO_REDIS, &["--auth", "key"]);
    let bare = Builder::default().without_module().start();
    bare.client().expect("SET lct:feedback:lct x", "OK");
    let lost = Gateway::with(&bare, &["--auth", "key"]);
    for valid in &all {
        if !valid.public {
            seen.note(valid, &ask(&keys, valid.request(), alone.address()), 503);
            seen.note(valid, &ask(&keys, valid.request(), lost.address()), 500);
        }
    }

    let mut documented = BTreeSet::new();
    for (path, methods) in seen.document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            for status in operation["responses"]
                .as_object()
                .expect("responses")
                .keys()
            {
                documented.insert((
                    method.clone(),
                    path.clone(),
                    status.parse().expect("a status"),
                ));
            }
        }
    }
    assert_eq!(seen.answers, documented);
}

/// A client that checks every text in either direction against the description.
struct Watched {
    socket: tokio_tungstenite::WebSocketStream<
        tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>,
    >,
    description: Value,
    seen: BTreeSet<String>,
}

/// The names of the messages that an operation of AsyncAPI has.
fn messages_of<'d>(description: &'d Value, operation: &str) -> impl Iterator<Item = &'d str> {
    let messages = &description["operations"][operation]["messages"];
    messages
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| {
            let reference = message["$ref"].as_str().expect("a reference");
            reference.rsplit('/').next().expect("a name")
        })
}

impl Watched {
    async fn connect(gateway: &Gateway, description: &Value) -> Self {
        let (socket, _) = connect_async(format!("ws://{}/ws", gateway.address()))
            .await
            .expect("a WebSocket");
        Self {
            socket,
            description: description.clone(),
            seen: BTreeSet::new(),
        }
    }

    /// Checks a text against the messages of that direction with its type.
    #[track_caller]
    fn check(&mut self, operation: &str, message: &Value) {
        let names: Vec<&str> = messages_of(&self.description, operation)
            .filter(|&name| {
                self.description["components"]["messages"][name]["name"] == message["type"]
            })
            .collect();
        let [name] = &names[..] else {
            panic!("not documented: {message}")
        };
        let pointer = format!("/components/schemas/{name}");
        described::fits(&self.description, &pointer, message);
        self.seen.insert((*name).to_owned());
    }

    async fn say(&mut self, message: Value) {
        self.check("fromClient", &message);
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("sent");
    }

    /// The next message of that type; what comes before it is checked too.
    async fn hear(&mut self, kind: &str) -> Value {
        let heard = async {
            loop {
                let Message::Text(text) =
                    self.socket.next().await.expect("open").expect("a message")
                else {
                    continue;
                };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                self.check("fromGateway", &message);
                if message["type"] == kind {
                    return message;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard)
            .await
            .unwrap_or_else(|_| panic!("no {kind}"))
    }

    async fn ask(&mut self, mut message: Value, answer: &str) -> Value {
        message["id"] = 7.into();
        self.say(message).await;
        let answer = self.hear(answer).await;
        assert_eq!(answer["id"], 7);
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_message_is_seen_and_every_seen_one_is_documented() {
    let server = Server::start();
    let gateway = Gateway::with(&server, &["--auth", "key", "--ping-interval", "0.3"]);
    let open = Gateway::with(&server, &["--auth", "open"]);
    let description = description(&gateway, "asyncapi.json");
    let version = self::description(&gateway, "openapi.json")["info"]["version"].clone();
    assert_eq!(description["info"]["version"], version);

    let mut seen = BTreeSet::new();
    let people = [Keys::of(1), Keys::of(2)];
    let mut sockets = Vec::new();
    for keys in &people {
        let mut socket = Watched::connect(&gateway, &description).await;
        let challenge = socket.hear("challenge").await;
        let nonce = challenge["nonce"].as_str().expect("a nonce");
        let hello = keys.hello(Role::Device, "lct", nonce, "");
        socket.ask(hello, "session").await;
        sockets.push(socket);
    }
    let [one, two] = &mut sockets[..] else {
        panic!("two")
    };
    let visit = json!({"type": "logVisit", "place_id": "x", "start": now() - 5_000, "end": now()});
    two.ask(visit.clone(), "ack").await;
    let node = one.ask(visit, "ack").await["loggedNodeId"].clone();
    let times =
        json!({"type": "updateVisit", "loggedNodeId": node, "start": now() - 5_000, "end": now()});
    let node = one.ask(times, "ack").await["loggedNodeId"].clone();
    let warning =
        json!({"type": "exposureWarning", "warning": WARNING, "reason": 2, "since": now()});
    one.ask(warning, "ack").await;
    let alert = two.hear("exposureAlert").await["alerts"][0]["alert"].clone();
    two.ask(json!({"type": "alertReceived", "alerts": [alert]}), "ack")
        .await;
    one.ask(json!({"type": "retractWarning", "warning": WARNING}), "ack")
        .await;
    one.ask(json!({"type": "exportMyData"}), "ack").await;
    one.ask(json!({"type": "deleteVisit", "loggedNodeId": node}), "ack")
        .await;
    one.ask(json!({"type": "userFeedback", "text": "thank you"}), "ack")
        .await;
    one.ask(
        json!({"type": "userFeedback", "text": "x", "graphName": "other"}),
        "error",
    )
    .await;
    one.ask(json!({"type": "ping"}), "pong").await;
    one.hear("ping").await;
    one.say(json!({"type": "pong"})).await;
    one.ask(json!({"type": "forgetMe"}), "ack").await;
    one.ask(json!({"type": "revokeMe"}), "ack").await;

    // What the gateway says it reads is what is described, no more and no less.
    two.socket
        .send(Message::text(r#"{"type":"nothing"}"#))
        .await
        .expect("sent");
    let line = two.hear("error").await["message"]
        .as_str()
        .expect("a line")
        .to_owned();
    let (_, list) = line.split_once("this gateway reads ").expect("a list");
    let read: BTreeSet<&str> = list
        .split([',', ' '])
        .filter(|word| !["", "and"].contains(word))
        .collect();
    let names = |operation| -> BTreeSet<&str> { messages_of(&description, operation).collect() };
    assert_eq!(read, names("fromClient"));

    let mut old = Watched::connect(&open, &description).await;
    old.ask(json!({"type": "hello", "userID": "weeFox"}), "session")
        .await;
    sockets.push(old);
    for socket in sockets {
        seen.extend(socket.seen);
    }
    let all: BTreeSet<String> = names("fromClient")
        .union(&names("fromGateway"))
        .map(|name| name.to_string())
        .collect();
    assert_eq!(seen, all);
}
