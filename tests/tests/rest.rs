//! The REST twins: what people and services can ask for, what they cannot, and that nothing is done twice, for another, or
//! by halves.

use lct_tests::{
    Answer, Builder, Gateway, Keys, Phone, Request, Role, Server, binary, nonce, now, root,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

const PLACE: &str = "9F4MGC22+22";
const WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01";
const HOUR: u64 = 3_600_000;

fn with_keys(server: &Server) -> Gateway {
    Gateway::with(server, &["--auth", "key"])
}

fn visits(visits: Value) -> String {
    json!({"visits": visits}).to_string()
}

/// A visit from an hour ago to a minute ago.
fn visit(place: &str) -> Value {
    json!({"place_id": place, "start": now() - HOUR, "end": now() - 60_000})
}

/// A person with a gateway to ask.
struct Person {
    keys: Keys,
    gateway: SocketAddr,
}

impl Person {
    fn new(gateway: &Gateway, number: u64) -> Self {
        Self {
            keys: Keys::of(number),
            gateway: gateway.address(),
        }
    }

    fn asks(&self, role: Role, method: &str, target: &str, body: &str) -> Answer {
        let request = Request::new(method, target, body);
        self.keys.sign_now(role, request).send(self.gateway)
    }

    /// Asks with the device's key and is answered with 200.
    #[track_caller]
    fn done(&self, method: &str, target: &str, body: &str) -> Value {
        let answer = self.asks(Role::Device, method, target, body);
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.body);
        assert_eq!(answer.body.len() % 512, 0, "filled up");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()
    }
}

/// The status and code of an error.
#[track_caller]
fn code(answer: &Answer) -> (u16, String) {
    let problem = answer.json();
    let code = problem["code"].as_str();
    let code = code.unwrap_or_else(|| panic!("no code: {problem}"));
    assert_eq!(answer.body.len() % 512, 0, "filled up");
    assert!(problem["message"].is_string(), "a line for people");
    (answer.status, code.to_owned())
}

#[track_caller]
fn refused(answer: &Answer, status: u16, word: &str) {
    assert_eq!(code(answer), (status, word.to_owned()), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_do_by_rest_what_they_do_by_websocket() {
    let server = Server::with(&["lct.retention 1209600000"]);
    let gateway = with_keys(&server);
    let mut redis = server.client();
    let (index, friend) = (Person::new(&gateway, 1), Person::new(&gateway, 2));
    let (index_id, friend_id) = (index.keys.visitor(), friend.keys.visitor());

    // The same visit by both doors has one name.
    let one = visit(PLACE);
    let logged = index.done("POST", "/v1/visits", &visits(json!([one, visit("cafe")])));
    let names = logged["loggedNodeIds"].as_array().expect("names").clone();
    assert_eq!((logged["logged"].clone(), names.len()), (json!(true), 2));
    let mut phone = Phone::sign_in(gateway.address(), &index.keys, Role::Device).await;
    assert_eq!(
        phone.ask("logVisit", one.clone()).await["loggedNodeId"],
        names[0]
    );

    let times = json!({"start": one["start"].as_u64().expect("a start") + 5, "end": one["end"]});
    let target = format!("/v1/visits/{}", names[0].as_str().expect("a name"));
    let moved = index.done("PUT", &target, &times.to_string());
    assert_ne!(moved["loggedNodeId"], names[0]);
    let again = index.done("PUT", &target, &times.to_string());
    assert_eq!(moved, again, "a repeated request");
    let other = json!({"start": now() - HOUR, "end": now()}).to_string();
    refused(
        &index.asks(Role::Device, "PUT", &target, &other),
        409,
        "unknown_visit",
    );
    let target = format!("/v1/visits/{}", names[1].as_str().expect("a name"));
    for _ in 0..2 {
        assert_eq!(index.done("DELETE", &target, ""), json!({"deleted": true}));
    }
    let export = index.done("GET", "/v1/export", "");
    let kept = json!({"place_id": PLACE, "start": times["start"], "end": times["end"]});
    assert_eq!(export, json!({"visits": [kept]}));

    friend.done("POST", "/v1/visits", &visits(json!([visit(PLACE)])));
    assert_eq!(friend.done("GET", "/v1/alerts", ""), json!({"alerts": []}));
    let warning = json!({"warning": WARNING, "reason": "symptoms"}).to_string();
    for _ in 0..2 {
        assert_eq!(
            index.done("POST", "/v1/warnings", &warning),
            json!({"warned": true})
        );
    }
    let inbox = friend.done("GET", "/v1/alerts", "");
    let alert = &inbox["alerts"][0];
    assert_eq!(
        (alert["reason"].as_str(), alert["state"].as_str()),
        (Some("symptoms"), Some("active"))
    );
    assert_eq!(alert.as_object().map(|fields| fields.len()), Some(4));
    assert_eq!(index.done("GET", "/v1/alerts", ""), json!({"alerts": []}));
    let ids = json!({"alerts": [alert["alert"]]}).to_string();
    assert_eq!(friend.done("POST", "/v1/alerts/ack", &ids), json!({}));
    assert_eq!(friend.done("GET", "/v1/alerts", ""), json!({"alerts": []}));
    let target = format!("/v1/warnings/{WARNING}");
    assert_eq!(index.done("DELETE", &target, ""), json!({}));
    let inbox = friend.done("GET", "/v1/alerts", "");
    assert_eq!(inbox["alerts"][0]["state"], "withdrawn");

    // The playground is another graph.
    let sandbox = Request::new(
        "POST",
        "/v1/visits?graphName=Sandbox",
        &visits(json!([visit("x")])),
    );
    let sandbox = friend
        .keys
        .sign(Role::Device, "Sandbox", sandbox, now(), &nonce());
    assert_eq!(sandbox.send(gateway.address()).status, 200);
    assert_eq!(
        redis
            .run(&format!("LCT.VISITS Sandbox {friend_id}"))
            .items()
            .len(),
        1
    );
    assert_eq!(
        redis
            .run(&format!("LCT.VISITS lct {friend_id}"))
            .items()
            .len(),
        1
    );

    friend.done("POST", "/v1/feedback", r#"{"text":"thank you"}"#);
    redis.expect("XLEN lct:feedback:lct", "1");
    assert_eq!(index.done("POST", "/v1/erase", ""), json!({"removed": 1}));
    redis.expect(&format!("LCT.VISITS lct {index_id}"), "[]");
    assert_eq!(friend.done("POST", "/v1/revoke", ""), json!({"removed": 1}));
    let log = visits(json!([visit(PLACE)]));
    refused(
        &friend.asks(Role::Device, "POST", "/v1/visits", &log),
        403,
        "revoked",
    );
    let log = gateway.log();
    for word in [&index_id, &friend_id, PLACE, WARNING] {
        assert!(!log.contains(word), "in the log:\n{log}");
    }
}

#[test]
fn a_signed_request_is_good_once_and_for_itself_only() {
    let server = Server::start();
    let page = "https://lct.example.org";
    let flags = ["--auth", "key", "--allow-origin", page];
    let gateways = [
        Gateway::with(&server, &flags),
        Gateway::with(&server, &flags),
    ];
    let [east, west] = gateways.each_ref().map(Gateway::address);
    let keys = Keys::of(1);
    let body = visits(json!([visit(PLACE)]));
    let request = || Request::new("POST", "/v1/visits", &body);
    let signed_at = |time| keys.sign(Role::Device, "lct", request(), time, &nonce());

    let signed = keys.sign_now(Role::Device, request());
    assert_eq!(signed.send(east).status, 200);
    for gateway in [east, west] {
        let again = signed.send(gateway);
        refused(&again, 401, "bad_signature");
        assert!(
            again.body.contains("nonce: was used before"),
            "{}",
            again.body
        );
        assert_eq!(
            again.header("www-authenticate"),
            Some("LCT-Ed25519, Bearer")
        );
    }
    // Another person may use the same nonce: nobody can use up another's.
    let same = nonce();
    for person in [&keys, &Keys::of(2)] {
        let signed = person.sign(Role::Device, "lct", request(), now(), &same);
        assert_eq!(signed.send(west).status, 200);
    }
    for minutes in [-121_000_i64, 121_000] {
        let time = now().checked_add_signed(minutes).expect("a time");
        refused(&signed_at(time).send(east), 401, "bad_signature");
    }
    for seconds in [-60_000_i64, 60_000] {
        let time = now().checked_add_signed(seconds).expect("a time");
        assert_eq!(signed_at(time).send(east).status, 200);
    }

    let fresh = || keys.sign_now(Role::Device, request());
    let tampered = Request {
        body: body.replace(PLACE, "elsewhere"),
        ..fresh()
    };
    let other_path = Request {
        target: "/v1/feedback".into(),
        ..fresh()
    };
    let other_graph = Request {
        target: "/v1/visits?graphName=Sandbox".into(),
        ..fresh()
    };
    let query = Request {
        target: "/v1/visits?graphName=lct".into(),
        ..fresh()
    };
    let from_page = fresh().with("Origin", page);
    for bad in [tampered, other_path, other_graph, query, from_page] {
        refused(&bad.send(east), 401, "bad_signature");
    }
    let foreign = request().with("Origin", "https://evil.example");
    refused(
        &keys.sign_now(Role::Device, foreign).send(east),
        403,
        "foreign_origin",
    );
    let elsewhere = Keys::of(3).visitor();
    server
        .client()
        .expect(&format!("LCT.VISITS Sandbox {elsewhere}"), "[]");
    assert_eq!(server.client().run("LCT.INFO lct").get("visitors").int(), 2);

    // A page on the list is let in and may read the answer.
    let asked = keys
        .sign_now(Role::Device, request().with("Origin", page))
        .send(east);
    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("access-control-allow-origin"), Some(page));
    let preflight = Request::new("OPTIONS", "/v1/visits/x", "")
        .with("Origin", page)
        .with("Access-Control-Request-Method", "PUT")
        .with(
            "Access-Control-Request-Headers",
            "authorization,content-type",
        )
        .send(east);
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(page));
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("PUT, DELETE, OPTIONS")
    );
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("authorization, content-type")
    );
    for origin in ["https://evil.example", "null", "http://lct.example.org"] {
        let preflight = Request::new("OPTIONS", "/v1/visits", "")
            .with("Origin", origin)
            .send(east);
        assert_eq!(preflight.status, 403);
        assert_eq!(preflight.header("access-control-allow-origin"), None);
    }
}

#[test]
fn the_code_key_reads_alerts_and_erases_and_nothing_else() {
    let server = Server::start();
    let gateway = with_keys(&server);
    let person = Person::new(&gateway, 1);
    let logged = person.done("POST", "/v1/visits", &visits(json!([visit(PLACE)])));
    let name = logged["loggedNodeIds"][0]
        .as_str()
        .expect("a name")
        .to_owned();
    let warning = json!({"warning": WARNING, "reason": 0}).to_string();
    for (method, target, body) in [
        ("GET", "/v1/export", String::new()),
        ("POST", "/v1/visits", visits(json!([visit(PLACE)]))),
        (
            "PUT",
            &format!("/v1/visits/{name}"),
            r#"{"start":1,"end":2}"#.into(),
        ),
        ("DELETE", &format!("/v1/visits/{name}"), String::new()),
        ("POST", "/v1/warnings", warning),
        ("DELETE", &format!("/v1/warnings/{WARNING}"), String::new()),
        ("POST", "/v1/alerts/ack", r#"{"alerts":[]}"#.into()),
        ("POST", "/v1/feedback", r#"{"text":"x"}"#.into()),
    ] {
        let answer = person.asks(Role::Code, method, target, &body);
        refused(&answer, 403, "not_allowed");
    }
    assert_eq!(person.asks(Role::Code, "GET", "/v1/alerts", "").status, 200);
    let erased = person.asks(Role::Code, "POST", "/v1/erase", "");
    assert_eq!(erased.json(), json!({"removed": 1}));
    assert_eq!(
        person.asks(Role::Code, "POST", "/v1/revoke", "").status,
        200
    );
}

#[test]
fn a_full_memory_keeps_nobody_from_erasing() {
    let server = Server::start();
    let gateway = with_keys(&server);
    let person = Person::new(&gateway, 1);
    let body = visits(json!([visit(PLACE), visit("cafe")]));
    let logged = person.done("POST", "/v1/visits", &body);
    server.client().expect("CONFIG SET maxmemory 1000", "OK");
    let answer = person.asks(Role::Device, "POST", "/v1/visits", &body);
    refused(&answer, 503, "unavailable");
    let name = logged["loggedNodeIds"][0].as_str().expect("a name");
    person.done("DELETE", &format!("/v1/visits/{name}"), "");
    person.done("DELETE", &format!("/v1/warnings/{WARNING}"), "");
    let alerts = json!({"alerts": ["00112233445566778899aabbccddeeff.1"]});
    person.done("POST", "/v1/alerts/ack", &alerts.to_string());
    assert_eq!(person.done("POST", "/v1/erase", ""), json!({"removed": 1}));
    server.client().expect("EXISTS lct", "0");
    person.done("POST", "/v1/revoke", "");
}

#[test]
fn in_open_mode_a_user_id_is_believed_and_may_not_erase() {
    let server = Server::start();
    let gateway = Gateway::start(&server);
    let ask = |user: &str, method: &str, target: &str, body: &str| {
        Request::new(method, target, body)
            .with("Authorization", &format!("LCT-Open {user}"))
            .send(gateway.address())
    };
    let body = visits(json!([{"place_id": PLACE, "start": 1, "end": 2}]));
    assert_eq!(
        ask("J%C3%A9r%C3%B4me%20%22x%22", "POST", "/v1/visits", &body).status,
        200
    );
    let stored = server
        .client()
        .call(&["LCT.VISITS", "lct", "J\u{e9}r\u{f4}me \"x\""]);
    assert_eq!(stored.to_string(), format!("[[{PLACE} 1 2]]"));
    for (method, target) in [
        ("GET", "/v1/export"),
        ("POST", "/v1/erase"),
        ("POST", "/v1/revoke"),
    ] {
        refused(&ask("alice", method, target, ""), 403, "not_allowed");
    }
    for user in ["", "a b", "J\u{e9}r\u{f4}me", "%zz", "%0a", "%ff"] {
        refused(&ask(user, "GET", "/v1/alerts", ""), 401, "unauthorized");
    }
    let signed = Keys::of(1).sign_now(Role::Device, Request::new("GET", "/v1/alerts", ""));
    let answer = signed.send(gateway.address());
    refused(&answer, 401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("LCT-Open"));
}

#[test]
fn a_batch_is_logged_whole_or_not_at_all() {
    let server = Builder::default().default_limits().start();
    let gateway = Gateway::with(&server, &["--auth", "key", "--max-visits", "1000"]);
    let person = Person::new(&gateway, 1);
    let mut redis = server.client();
    let good = visit("good");
    let late = json!({"place_id": "x", "start": now() - 30 * 24 * HOUR, "end": now() - 30 * 24 * HOUR + 1});
    for (bad, word, line) in [
        (
            json!({"place_id": "x", "start": 2, "end": 2}),
            "bad_value",
            "end: must be after start",
        ),
        (
            json!({"place_id": "", "start": 1, "end": 2}),
            "bad_value",
            "place_id: must be 1 to 128",
        ),
        (
            late,
            "bad_value",
            "end: the visit ended longer ago than lct.retention",
        ),
        (
            json!({"place_id": "x", "start": 1}),
            "bad_message",
            "place_id must be a text",
        ),
        (json!(7), "bad_message", "place_id must be a text"),
        (
            json!({"place_id": "x", "start": 1, "end": 2, "visitor": Keys::of(3).visitor()}),
            "bad_value",
            "visitor: must be left out",
        ),
    ] {
        let body = visits(json!([good, good, bad, good]));
        let answer = person.asks(Role::Device, "POST", "/v1/visits", &body);
        refused(&answer, 400, word);
        let message = answer.json()["message"]
            .as_str()
            .expect("a line")
            .to_owned();
        assert!(
            message.starts_with(&format!("visit 3: {line}")),
            "{message}"
        );
    }
    assert!(redis.run("EXISTS lct").int() == 0, "nothing was logged");
    for count in [0, 1_001] {
        let body = visits(vec![good.clone(); count].into());
        let answer = person.asks(Role::Device, "POST", "/v1/visits", &body);
        refused(&answer, 400, "bad_value");
    }
    // A thousand with the longest ids fit; another's, since some of this person's may have been counted.
    let person = Person::new(&gateway, 2);
    let long =
        |n: usize| json!({"place_id": format!("{n:0128}"), "start": now() - HOUR, "end": now()});
    let body = visits((0..1_000).map(long).collect());
    let logged = person.done("POST", "/v1/visits", &body);
    assert_eq!(
        logged["loggedNodeIds"].as_array().map(Vec::len),
        Some(1_000)
    );
    assert_eq!(redis.run("LCT.INFO lct").get("visits").int(), 1_000);
    // That was the day's cap.
    let answer = person.asks(Role::Device, "POST", "/v1/visits", &visits(json!([good])));
    refused(&answer, 429, "limited");
    let wait: u64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=86_401).contains(&wait), "{wait}");
}

/// The server of redis.conf with passwords for its users; the address for each.
fn shipped() -> (Server, impl Fn(&str) -> String) {
    let server = Builder::shipped().start();
    let mut redis = server.client();
    for user in ["gateway", "operator"] {
        redis.expect(&format!("ACL SETUSER {user} on >secret"), "OK");
    }
    let port = server.port();
    (server, move |user: &str| {
        format!("redis://{user}:secret@127.0.0.1:{port}")
    })
}

/// Runs the program as an operator; what it prints, or says against it.
fn operator(redis: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(binary("lct-gateway"))
        .args(args)
        .args(["--redis", redis])
        .output()
        .expect("lct-gateway runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

fn token(redis: &str, more: &[&str]) -> String {
    let args = [
        "tokens",
        "new",
        "--space-prefix",
        "library/",
        "--expires",
        "2999-12-31",
    ];
    let text = operator(redis, &[&args, more].concat()).expect("a token");
    text.trim_end().to_owned()
}

#[test]
fn a_service_logs_visits_within_its_terms_and_does_nothing_else() {
    let (server, url) = shipped();
    let gateways = [
        Gateway::on(&url("gateway"), &["--auth", "key"]),
        Gateway::on(&url("gateway"), &["--auth", "key"]),
    ];
    let [east, west] = gateways.each_ref().map(Gateway::address);
    let operator = |args: &[&str]| operator(&url("operator"), args);
    let mut redis = server.client();
    let library = token(
        &url("operator"),
        &["--rate", "5", "--label", "city library"],
    );
    let ask = |gateway, token: &str, method: &str, target: &str, body: &str| {
        Request::new(method, target, body)
            .with("Authorization", &format!("Bearer {token}"))
            .send(gateway)
    };
    let log =
        |token: &str, target: &str, body: Value| ask(east, token, "POST", target, &visits(body));
    let at = |visitor: &str, place: &str| json!({"visitor": visitor, "place_id": place, "start": now() - HOUR, "end": now()});
    wait_for_a_whole_minute();

    let two = json!([at("v1", "library/1"), at("v2", "library/2")]);
    let logged = log(&library, "/v1/visits", two);
    assert_eq!(logged.status, 200, "{}", logged.body);
    assert_eq!(
        logged.json()["loggedNodeIds"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(redis.run("LCT.VISITS lct v2").items().len(), 1);

    for (bad, status, word, line) in [
        (
            at("v1", "cafe"),
            403,
            "not_allowed",
            "visit 2: place_id: must begin",
        ),
        (
            at("v1", "Library/1"),
            403,
            "not_allowed",
            "visit 2: place_id: must begin",
        ),
        (
            at("", "library/1"),
            400,
            "bad_value",
            "visit 2: visitor: must be 1 to 128",
        ),
        (
            at("v\n", "library/1"),
            400,
            "bad_value",
            "visit 2: visitor: must not hold control",
        ),
        (
            visit("library/1"),
            400,
            "bad_value",
            "visit 2: visitor: is needed",
        ),
    ] {
        let answer = log(&library, "/v1/visits", json!([at("v3", "library/1"), bad]));
        refused(&answer, status, word);
        assert!(answer.body.contains(line), "{}", answer.body);
    }
    redis.expect("LCT.VISITS lct v3", "[]");
    let one = |visitor: &str| json!([at(visitor, "library/1")]);
    refused(
        &log(&library, "/v1/visits?graphName=Sandbox", one("v3")),
        403,
        "not_allowed",
    );
    for (method, target, body) in [
        ("GET", "/v1/export", ""),
        ("GET", "/v1/alerts", ""),
        ("POST", "/v1/erase", ""),
        ("POST", "/v1/revoke", ""),
        ("POST", "/v1/feedback", r#"{"text":"x"}"#),
        (
            "DELETE",
            "/v1/warnings/6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01",
            "",
        ),
    ] {
        refused(
            &ask(west, &library, method, target, body),
            403,
            "not_allowed",
        );
    }

    // Five a minute, whichever gateway counts: what was refused did not count.
    let three = json!([
        at("v4", "library/1"),
        at("v5", "library/1"),
        at("v6", "library/1")
    ]);
    let four = json!([
        at("v3", "library/1"),
        at("v4", "library/1"),
        at("v5", "library/1"),
        at("v6", "library/1")
    ]);
    let too_many = log(&library, "/v1/visits", four);
    refused(&too_many, 429, "rate_limited");
    let wait: u64 = too_many
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=61).contains(&wait), "{wait}");
    let answer = ask(west, &library, "POST", "/v1/visits", &visits(three));
    assert_eq!(answer.status, 200, "{}", answer.body);
    refused(
        &ask(west, &library, "POST", "/v1/visits", &visits(one("v7"))),
        429,
        "rate_limited",
    );

    // A revoked visitor cannot be logged for, and is named by place in the batch only.
    redis.expect("LCT.REVOKE lct v1", "1");
    let cafe = token(&url("operator"), &["--rate", "100"]);
    let answer = log(
        &cafe,
        "/v1/visits",
        json!([at("v8", "library/1"), at("v1", "library/1")]),
    );
    refused(&answer, 403, "revoked");
    assert!(
        answer.body.contains("visit 2: visitor: was revoked"),
        "{}",
        answer.body
    );

    // Another secret, another id, after the end, after revocation: unknown alike.
    let (id, _) = library[4..].split_once('_').expect("id and secret");
    let swapped = format!("lct_{id}_{}", &cafe[21..]);
    let unknown = library.replace(id, "0123456789abcdef");
    for bad in [swapped.as_str(), &unknown, "lct_x", "", &library[..40]] {
        let answer = log(bad, "/v1/visits", one("v9"));
        refused(&answer, 401, "unauthorized");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("LCT-Ed25519, Bearer")
        );
    }
    let sandbox = token(&url("operator"), &["--rate", "100", "--sandbox"]);
    assert_eq!(log(&sandbox, "/v1/visits", one("v9")).status, 200);
    redis.expect("LCT.VISITS lct v9", "[]");
    assert_eq!(redis.run("LCT.VISITS Sandbox v9").items().len(), 1);
    refused(
        &log(&sandbox, "/v1/visits?graphName=lct", one("v9")),
        403,
        "not_allowed",
    );
    let (sandbox_id, _) = sandbox[4..].split_once('_').expect("id and secret");
    redis.expect(
        &format!("HSET lct:token:{sandbox_id} expires {}", now()),
        "0",
    );
    refused(&log(&sandbox, "/v1/visits", one("v9")), 401, "unauthorized");
    let day_gone = [
        "tokens",
        "new",
        "--space-prefix",
        "x",
        "--rate",
        "1",
        "--expires",
        "2020-02-02",
    ];
    assert!(
        operator(&day_gone)
            .expect_err("over")
            .contains("must not be over")
    );

    let list = operator(&["tokens", "list"]).expect("a list");
    assert_eq!(list.lines().count(), 3, "{list}");
    let row = list
        .lines()
        .find(|row| row.starts_with(id))
        .expect("the library's");
    assert_eq!(
        row,
        format!("{id}  lct  5  2999-12-31  \"library/\"  city library")
    );
    assert_eq!(
        operator(&["tokens", "revoke", id]),
        Ok("revoked: 1\n".into())
    );
    assert_eq!(
        operator(&["tokens", "revoke", id]),
        Ok("revoked: 0\n".into())
    );
    refused(&log(&library, "/v1/visits", one("v9")), 401, "unauthorized");

    // What was stored and audited: no secret, no visitor, no place.
    assert!(
        !redis
            .run(&format!("HGETALL lct:token:{sandbox_id}"))
            .to_string()
            .contains(&sandbox[21..])
    );
    let mut of = |token: &str| -> Vec<String> {
        let audit = redis.run(&format!("XRANGE lct:audit:{token} - +"));
        let one = |entry: &lct_tests::Value| {
            let [at, fields] = entry.items() else {
                panic!("no entry: {entry}")
            };
            let at = at.text();
            let (time, _) = at.split_once('-').expect("a time");
            let time: u64 = time.parse().expect("ms");
            assert_eq!(time % 60_000, 0, "to the minute");
            let fields: Vec<String> = fields.items().iter().map(|field| field.text()).collect();
            let [v, count, o, outcome] = &fields[..] else {
                panic!("{fields:?}")
            };
            assert_eq!((v.as_str(), o.as_str()), ("visits", "outcome"));
            format!("{count} {outcome}")
        };
        audit.items().iter().map(one).collect()
    };
    let mut expected = vec!["2 accepted"];
    expected.extend(["0 not_allowed"; 2]);
    expected.extend(["0 bad_value"; 3]);
    expected.extend(["0 not_allowed"; 7]);
    expected.extend(["0 rate_limited", "3 accepted", "0 rate_limited"]);
    assert_eq!(of(id), expected);
    let (cafe_id, _) = cafe[4..].split_once('_').expect("id and secret");
    assert_eq!(of(cafe_id), ["2 accepted", "0 revoked"]);
    assert_eq!(
        of(sandbox_id),
        ["1 accepted", "0 not_allowed", "0 unauthorized"]
    );
    let person = Person::new(&gateways[0], 1);
    person.done("POST", "/v1/visits", &visits(json!([visit(PLACE)])));
    let info = Request::new("GET", "/v1/info", "").send(west).json();
    assert_eq!(info["retention"], 1_209_600_000);
    assert_eq!(
        redis.run("ACL LOG").to_string(),
        "[]",
        "nobody was refused by Redis"
    );
    for gateway in &gateways {
        let log = gateway.log();
        assert!(
            !log.contains("library") && !log.contains(&library[21..]),
            "{log}"
        );
    }
}

/// Waits for the next minute if this one has less than 20 seconds left, so that what is counted by minutes falls into one.
fn wait_for_a_whole_minute() {
    let left = 60_000 - now() % 60_000;
    if left < 20_000 {
        std::thread::sleep(std::time::Duration::from_millis(left));
    }
}

#[test]
fn hostile_texts_in_every_field_stay_texts() {
    let server = Server::start();
    let gateway = Gateway::with(&server, &["--message-burst", "10000"]);
    let mut redis = server.client();
    let texts = [
        "' OR 1=1 --",
        "\"; DROP TABLE visits; --",
        "*3\\r\\n$3\\r\\nDEL\\r\\n$3\\r\\nlct\\r\\n",
        "{{7*7}} ${7*7} %s %n %00",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "FLUSHALL",
        "COUNT",
        "--redis",
        "\u{202e}right to left",
        "\u{1f9a0}",
        "lct:alerts:lct",
        "-1",
        "NaN",
    ];
    let controls = ["\r\nFLUSHALL\r\n", "\u{0}", "a\u{7f}", "\u{9b}31m"];
    let percent = |text: &str| -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        text.bytes()
            .map(|b| {
                if plain(b) {
                    char::from(b).into()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect()
    };
    let ask = |user: &str, method: &str, target: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Request::new(method, target, &body)
            .with("Authorization", &format!("LCT-Open {}", percent(user)))
            .send(gateway.address())
    };
    for text in texts.iter().chain(&controls) {
        let control = controls.contains(text);
        // As a visitor and a place it is stored as it is, or refused for its control characters.
        let one = json!({"visits": [{"place_id": text, "start": 1, "end": 2}]});
        let by_text = ask(text, "POST", "/v1/visits", one.clone());
        let of_alice = ask("alice", "POST", "/v1/visits", one);
        if control {
            refused(&by_text, 401, "unauthorized");
            refused(&of_alice, 400, "bad_value");
        } else {
            assert_eq!((by_text.status, of_alice.status), (200, 200), "{text:?}");
            let stored = redis.call(&["LCT.VISITS", "lct", text]);
            let [row] = stored.items() else {
                panic!("{text:?}: {stored}")
            };
            assert_eq!(row.items()[0].text(), *text);
        }
        let feedback = ask("alice", "POST", "/v1/feedback", json!({"text": text}));
        let taken = if control { 400 } else { 200 };
        assert!([taken, 429].contains(&feedback.status), "{}", feedback.body);
        // Everywhere else it is refused, and not repeated.
        let encoded = percent(text);
        for (method, target, body) in [
            (
                "PUT",
                format!("/v1/visits/{encoded}"),
                json!({"start": 1, "end": 2}),
            ),
            (
                "PUT",
                "/v1/visits/AQ".into(),
                json!({"start": text, "end": 2}),
            ),
            ("DELETE", format!("/v1/visits/{encoded}"), Value::Null),
            ("DELETE", format!("/v1/warnings/{encoded}"), Value::Null),
            (
                "GET",
                format!("/v1/alerts?graphName={encoded}"),
                Value::Null,
            ),
            ("GET", format!("/v1/alerts?{encoded}=1"), Value::Null),
            (
                "POST",
                "/v1/warnings".into(),
                json!({"warning": text, "reason": 0}),
            ),
            (
                "POST",
                "/v1/warnings".into(),
                json!({"warning": WARNING, "reason": text}),
            ),
            (
                "POST",
                "/v1/warnings".into(),
                json!({"warning": WARNING, "reason": 0, "since": text}),
            ),
            (
                "POST",
                "/v1/warnings".into(),
                json!({"warning": WARNING, "reason": 0, "code": text}),
            ),
            ("POST", "/v1/alerts/ack".into(), json!({"alerts": [text]})),
            (
                "POST",
                "/v1/visits".into(),
                json!({"visits": [{"place_id": "x", "start": text, "end": 2}]}),
            ),
            ("POST", "/v1/visits".into(), json!({"visits": text})),
            (
                "POST",
                "/v1/visits".into(),
                json!({"visits": [], text.to_string(): 1}),
            ),
        ] {
            let answer = ask("alice", method, &target, body);
            assert!(
                [400, 403].contains(&answer.status),
                "{method} {target}: {}",
                answer.body
            );
            assert!(
                text.len() < 5 || !answer.body.contains(text),
                "{}",
                answer.body
            );
            code(&answer);
        }
    }
    // No text became a key, a channel or a command.
    let keys = redis.run("KEYS *");
    for key in keys.items() {
        let key = key.text();
        let known = key == "lct" || key.starts_with("lct:cap:") || key == "lct:feedback:lct";
        assert!(known, "an unknown key: {key}");
    }
}

#[test]
fn what_is_not_there_is_said_so() {
    let server = Server::start();
    let gateway = with_keys(&server);
    let ask = |method: &str, target: &str| Request::new(method, target, "").send(gateway.address());
    for path in [
        "/v1",
        "/v1/",
        "/v1/me",
        "/v1/visits/",
        "/v1/visits/a/b",
        "/v1/openapi.json/",
    ] {
        refused(&ask("GET", path), 404, "not_found");
    }
    for (method, target, allow) in [
        ("GET", "/v1/visits", "POST, OPTIONS"),
        ("PATCH", "/v1/visits/x", "PUT, DELETE, OPTIONS"),
        ("POST", "/v1/export", "GET, OPTIONS"),
        ("HEAD", "/v1/info", "GET, OPTIONS"),
    ] {
        let answer = ask(method, target);
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
    }
    let info = ask("GET", "/v1/info").json();
    assert_eq!(
        (info["auth"].as_str(), info["graphName"].as_str()),
        (Some("key"), Some("lct"))
    );
    assert_eq!(info["codesRequired"], false);
    assert!(info["now"].as_u64().expect("a time").abs_diff(now()) < 100_000);
    assert!(info.get("retention").is_none(), "nothing is there to ask");
    assert!(info.get("placeKeys").is_none(), "nobody signs places");
    // The key of RFC 8410, 10.1.
    let key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let other = Gateway::with(&server, &["--auth", "key", "--place-key", key]);
    server.client().expect("LCT.VISIT lct v s 0 1", "1");
    let info = Request::new("GET", "/v1/info", "")
        .send(other.address())
        .json();
    assert_eq!(info["retention"], 0);
    let keys = serde_json::json!(["Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"]);
    assert_eq!(info["placeKeys"], keys);
}

#[test]
fn the_example_of_the_document_is_true() {
    let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
    if let Some(program) = ["curl", "openssl", "sh"].iter().find(missing) {
        eprintln!("SKIPPED: no {program} here");
        return;
    }
    let text = std::fs::read_to_string(root().join("docs/rest.md")).expect("docs/rest.md");
    let script = text
        .split("```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let server = Server::start();
    let gateway = with_keys(&server);
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder.path())
        .env("LCT", format!("http://{}", gateway.address()))
        .output()
        .expect("sh");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answers: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [logged, export, erased] = &answers[..] else {
        panic!("{said}")
    };
    assert_eq!(logged["logged"], true);
    assert_eq!(export["visits"][0]["place_id"], PLACE);
    assert_eq!(*erased, json!({"removed": 1}));
}
