//! The operators' API: who may ask, what is done, that every action is written down first, and that nobody is named.

use lct_tests::{
    Answer, Gateway, Phone, Request, Server, Shipped, described, eventually, now, root,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const TOKENS: &str = "ana:anas-secret-of-this-test,ben-2:bens-secret-of-this-test";
const ANA: &str = "anas-secret-of-this-test";
const BEN: &str = "bens-secret-of-this-test";

/// The place where everybody meets, and the index case: both must be found nowhere but in the graph.
const PLACE: &str = "canary-place-of-this-test";
const INDEX: &str = "canary-index-of-this-test";

const WARNING: &str = "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b01";
const HOUR: u64 = 3_600_000;

/// An operator with a gateway to ask.
#[derive(Clone, Copy)]
struct Operator {
    secret: &'static str,
    ops: SocketAddr,
}

impl Operator {
    fn new(gateway: &Gateway, secret: &'static str) -> Self {
        let ops = gateway.ops();
        Self { secret, ops }
    }

    fn asks(&self, method: &str, target: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.sends(Request::new(method, target, &body))
    }

    fn sends(&self, request: Request) -> Answer {
        request
            .with("Authorization", &format!("Bearer {}", self.secret))
            .send(self.ops)
    }

    #[track_caller]
    fn sees(&self, target: &str) -> Value {
        let answer = self.asks("GET", target, &Value::Null);
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        answer.json()
    }

    #[track_caller]
    fn does(&self, target: &str, body: Value) -> Value {
        let answer = self.asks("POST", target, &body);
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()
    }

    /// What the audit says, oldest first: who, what, about, outcome, and how many.
    #[track_caller]
    fn audit(&self) -> Vec<String> {
        let trail = self.sees("/v1/audit?count=1000");
        let entries = trail["entries"].as_array().expect("entries").iter();
        let word = |entry: &Value, name: &str| entry[name].as_str().expect(name).to_owned();
        let line = |entry: &Value| {
            let words = ["who", "what", "graph", "about", "outcome"].map(|name| word(entry, name));
            let found = entry.get("found").map(|found| format!(" {found}"));
            words.join(" ") + &found.unwrap_or_default()
        };
        entries.rev().map(line).collect()
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, part: &str) {
    let problem = answer.json();
    assert_eq!(
        (answer.status, problem["code"].as_str()),
        (status, Some(code)),
        "{problem}"
    );
    let line = problem["message"].as_str().expect("a line");
    assert!(line.contains(part), "{line}");
}

/// The server of redis.conf, with a gateway whose operators have the user of that name.
fn shipped(flags: &[&str]) -> (Shipped, Gateway) {
    let shipped = Shipped::start();
    let gateway = gateway(&shipped, flags);
    (shipped, gateway)
}

fn gateway(shipped: &Shipped, flags: &[&str]) -> Gateway {
    let own = [
        "--ops-token",
        TOKENS,
        "--ops-redis",
        &shipped.url("operator"),
        "--log-level",
        "debug",
    ];
    Gateway::on(&shipped.url("gateway"), &[&own, flags].concat())
}

/// These people were in the place for the last hour.
fn meet(server: &Server, people: &[String]) {
    let mut redis = server.client();
    let (from, to) = (now() - HOUR, now() - 1_000);
    for person in people {
        redis.expect(&format!("LCT.VISIT lct {person} {PLACE} {from} {to}"), "1");
    }
}

fn friends(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("canary-friend-{number}"))
        .collect()
}

/// The index case warns by the gateway.
fn warn(gateway: &Gateway, warning: &str) {
    let body = json!({"warning": warning, "reason": "symptoms"}).to_string();
    let answer = Request::new("POST", "/v1/warnings", &body)
        .with("Authorization", &format!("LCT-Open {INDEX}"))
        .send(gateway.address());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn only_who_has_a_token_is_answered() {
    let (_shipped, gateway) = shipped(&[]);
    let (ana, ben) = (Operator::new(&gateway, ANA), Operator::new(&gateway, BEN));
    let me = ana.sees("/v1/me");
    let expected = json!({"name": "ana", "graph": "lct", "graphs": ["lct", "Sandbox"], "k": 5});
    assert_eq!(me, expected);
    assert_eq!(ben.sees("/v1/me?graph=Sandbox")["name"], "ben-2");
    assert_eq!(ben.sees("/v1/me?graph=Sandbox")["graph"], "Sandbox");
    let wrong = Operator { secret: "x", ..ana };
    for target in ["/v1/me", "/v1/audit", "/v1/none", "/v1", "/v1/"] {
        let line = "Authorization: must be Bearer";
        refused(
            &wrong.asks("GET", target, &Value::Null),
            401,
            "unauthorized",
            line,
        );
        let none = Request::new("GET", target, "").send(gateway.ops());
        refused(&none, 401, "unauthorized", line);
        assert_eq!(none.header("www-authenticate"), Some("Bearer"));
        // A client's way of saying who asks is none here, nor is this API there for clients.
        let open = Request::new("GET", target, "").with("Authorization", "LCT-Open ana");
        refused(&open.send(gateway.ops()), 401, "unauthorized", line);
    }
    let client = ana.sends(Request::new("GET", "/v1/me", ""));
    assert_eq!(client.status, 200);
    let outside = Request::new("GET", "/v1/audit", "")
        .with("Authorization", &format!("Bearer {ANA}"))
        .send(gateway.address());
    assert_eq!(outside.status, 404);
    // The page's own files are for everybody: they say nothing.
    let page = Request::new("GET", "/", "").send(gateway.ops());
    assert_eq!(
        (page.status, page.body.starts_with("<!doctype html>")),
        (200, true)
    );

    let without = Gateway::on("redis://127.0.0.1:1", &[]);
    let answer = Operator::new(&without, ANA).asks("GET", "/v1/me", &Value::Null);
    refused(
        &answer,
        403,
        "not_allowed",
        "start the gateway with --ops-token",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_warning_is_looked_at_and_released_and_alerts_arrive() {
    let (shipped, gateway) = shipped(&["--hold", "3"]);
    let (ana, ben) = (Operator::new(&gateway, ANA), Operator::new(&gateway, BEN));
    let people = friends(7);
    meet(&shipped.server, &people);
    meet(&shipped.server, &[INDEX.to_owned()]);
    let mut phone = Phone::connect(gateway.address(), &people[0]).await;
    warn(&gateway, WARNING);
    let listed = ana.sees("/v1/warnings?state=held");
    let [warning] = &listed["warnings"].as_array().expect("warnings")[..] else {
        panic!("{listed}")
    };
    assert!(warning["issued"].as_u64().expect("a time").abs_diff(now()) < 100_000);
    let expected = json!({
        "warning": WARNING, "kind": "visitor", "reason": "symptoms", "state": "held",
        "issued": warning["issued"], "alerts": {"fewerThan": 5},
    });
    assert_eq!(*warning, expected);
    assert_eq!(
        ana.sees("/v1/warnings?state=active"),
        json!({"warnings": []})
    );
    let path = format!("/v1/warnings/{WARNING}");
    let dry_run = ben.sees(&format!("{path}/dry-run"));
    assert_eq!(dry_run, json!({"alerted": {"about": 5}}), "seven, rounded");
    assert!(phone.alerts.is_empty());
    assert_eq!(ben.does(&format!("{path}/release"), Value::Null), dry_run);
    phone.wait_for_alerts(1).await;
    assert_eq!(ana.sees("/v1/warnings")["warnings"][0]["state"], "active");

    // What is not held cannot be released again, nor rejected, nor tried.
    for action in ["release", "reject"] {
        let again = ana.asks("POST", &format!("{path}/{action}"), &Value::Null);
        refused(&again, 409, "conflict", "warning: is not held");
    }
    let tried = ana.asks("GET", &format!("{path}/dry-run"), &Value::Null);
    refused(&tried, 409, "conflict", "warning: is not held");
    let withdrawn = ana.does(&format!("{path}/retract"), Value::Null);
    assert_eq!(withdrawn, json!({"withdrawn": {"about": 5}}));
    phone.wait_for_alerts(2).await;
    assert_eq!(phone.alerts[1]["state"], "withdrawn");
    let again = ana.asks("POST", &format!("{path}/retract"), &Value::Null);
    refused(&again, 409, "conflict", "was retracted already");
    // Whatever else is named there is not written down: it could be a person or a place.
    for (canary, action) in [(INDEX, "retract"), (PLACE, "release"), (PLACE, "reject")] {
        let target = format!("/v1/warnings/{canary}/{action}");
        let unlisted = ana.asks("POST", &target, &Value::Null);
        refused(&unlisted, 409, "conflict", "there is none of this id");
    }

    // Another one is rejected: nobody ever hears of it.
    let other = "7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a11";
    warn(&gateway, other);
    let rejected = ben.does(&format!("/v1/warnings/{other}/reject"), Value::Null);
    assert_eq!(rejected, json!({"withdrawn": {"fewerThan": 5}}));
    let states = ana.sees("/v1/warnings?state=retracted");
    assert_eq!(states["warnings"].as_array().expect("warnings").len(), 2);
    assert_eq!(
        ana.sees("/v1/warnings?count=1")["warnings"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let about = |line: &str| line.replace("W", WARNING).replace("O", other);
    let expected: Vec<String> = [
        "ben-2 release lct W begun",
        r#"ben-2 release lct W done {"about":5}"#,
        "ana release lct W begun",
        "ana release lct W conflict",
        "ana reject lct W begun",
        "ana reject lct W conflict",
        "ana retract lct W begun",
        r#"ana retract lct W done {"about":5}"#,
        "ana retract lct W begun",
        "ana retract lct W conflict",
        "ana retract lct unknown begun",
        "ana retract lct unknown conflict",
        "ana release lct unknown begun",
        "ana release lct unknown conflict",
        "ana reject lct unknown begun",
        "ana reject lct unknown conflict",
        "ben-2 reject lct O begun",
        r#"ben-2 reject lct O done {"fewerThan":5}"#,
    ]
    .map(about)
    .into();
    assert_eq!(ana.audit(), expected);
    nobody_is_named(&shipped, &[&gateway]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_counted_then_warned() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let people = friends(13);
    meet(&shipped.server, &people);
    let mut phone = Phone::connect(gateway.address(), &people[0]).await;
    let (from, to) = (now() - 2 * HOUR, now());
    let body = |place: &str, dry_run| json!({"place": place, "reason": "positive", "from": from, "to": to, "dryRun": dry_run});
    let counted = ana.does("/v1/places/warnings", body(PLACE, true));
    assert_eq!(counted["alerted"], json!({"about": 15}));
    let warning = counted["warning"].as_str().expect("an id").to_owned();
    assert_eq!(
        ana.sees("/v1/warnings"),
        json!({"warnings": []}),
        "nobody was warned"
    );
    let nobody = ana.does("/v1/places/warnings", body("elsewhere", true));
    assert_eq!(nobody["alerted"], json!({"fewerThan": 5}));
    let long = json!({"minTime": 2 * HOUR, "within": 3 * HOUR});
    let mut stayed = body(PLACE, true);
    stayed
        .as_object_mut()
        .expect("an object")
        .extend(long.as_object().expect("one").clone());
    let stayed = ana.does("/v1/places/warnings", stayed);
    assert_eq!(
        stayed["alerted"],
        json!({"fewerThan": 5}),
        "nobody stayed so long"
    );

    let mut real = body(PLACE, false);
    real["warning"] = warning.as_str().into();
    let warned = ana.does("/v1/places/warnings", real.clone());
    assert_eq!(warned, counted);
    phone.wait_for_alerts(1).await;
    assert_eq!(phone.alerts[0]["reason"], "positive");
    let again = ana.does("/v1/places/warnings", real);
    assert_eq!(
        again["alerted"],
        json!({"fewerThan": 5}),
        "a repeated request alerts nobody anew"
    );
    let mut elsewhere = body("elsewhere", false);
    elsewhere["warning"] = warning.as_str().into();
    let other = ana.asks("POST", "/v1/places/warnings", &elsewhere);
    refused(
        &other,
        400,
        "bad_value",
        "warning: this id belongs to another",
    );
    let listed = ana.sees("/v1/warnings");
    assert_eq!(listed["warnings"][0]["kind"], "space");
    assert_eq!(listed["warnings"][0]["alerts"], json!({"about": 15}));

    let lines = ana.audit();
    let ends: Vec<&str> = lines
        .iter()
        .filter(|line| !line.ends_with(" begun"))
        .filter_map(|line| line.split_once(" lct ").map(|(begin, _)| begin))
        .collect();
    let counts = ["ana count-place"; 3];
    assert_eq!(ends, [&counts[..], &["ana warn-place"; 3]].concat());
    assert_eq!(lines.len(), 12);
    assert_eq!(
        lines[7],
        format!(r#"ana warn-place lct {warning} done {{"about":15}}"#)
    );
    assert_eq!(lines[11], format!("ana warn-place lct {warning} bad_value"));
    nobody_is_named(&shipped, &[&gateway]);
}

#[test]
fn crowds_are_told_of_and_nobody_who_is_no_crowd() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let mut redis = shipped.server.client();
    let hour = now() - now() % HOUR - 30 * HOUR;
    let mut be = |place: &str, people: usize, hours: std::ops::Range<u64>| {
        for person in friends(people) {
            let (from, to) = (hour + hours.start * HOUR, hour + hours.end * HOUR);
            redis.expect(&format!("LCT.VISIT lct {person} {place} {from} {to}"), "1");
        }
    };
    be("b", 12, 0..2);
    be("a", 7, 11..13);
    be("quiet", 4, 0..20);
    let ask = |from: u64, to: u64, more: &str| {
        let (from, to) = (hour + from * HOUR, hour + to * HOUR);
        ana.sees(&format!("/v1/density?from={from}&to={to}{more}"))
    };
    let row = |place: &str, at: u64, minutes: u64, peak: u64| {
        json!([place, hour + at * HOUR, minutes, peak])
    };
    let (a, b) = (
        [row("a", 11, 300, 5), row("a", 12, 300, 5)],
        [row("b", 0, 600, 10), row("b", 1, 600, 10)],
    );
    let all = json!({"rows": [a[0], a[1], b[0], b[1]]});
    // However it is put together, by place, then by hour.
    assert_eq!(ask(0, 30, ""), all);
    assert_eq!(ask(0, 30, "&place=b"), json!({"rows": b}));
    assert_eq!(ask(1, 12, ""), json!({"rows": [a[0], b[1]]}));
    for (from, to, more) in [
        (2, 11, ""),
        (0, 30, "&place=quiet"),
        (0, 30, "&place=none"),
        (0, 30, "&graph=Sandbox"),
        (5, 5, ""),
    ] {
        assert_eq!(
            ask(from, to, more),
            json!({"rows": []}),
            "{from} {to} {more}"
        );
    }
    let between = ana.sees(&format!(
        "/v1/density?from={}&to={}",
        hour + 1,
        hour + 2 * HOUR - 1
    ));
    assert_eq!(between, json!({"rows": []}));
    assert_eq!(
        ana.sees("/v1/audit"),
        json!({"entries": []}),
        "who only looks changes nothing"
    );
}

#[test]
fn more_crowds_than_one_answer_has_are_none() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let mut redis = shipped.server.client();
    let day = 24 * HOUR;
    let begin = now() - now() % HOUR - 10 * day;
    // Five people for a week at six hundred places: 100,800 rows.
    for room in 0..600 {
        let mut line = "LCT.VISIT lct".to_owned();
        for (person, date) in (0..5).flat_map(|person| (0..7).map(move |date| (person, date))) {
            let from = begin + date * day;
            line += &format!(" v{person}-{room} room{room} {from} {}", from + day);
        }
        redis.expect(&line, "35");
    }
    let ask = |to: u64, more: &str| {
        let target = format!("/v1/density?from={begin}&to={}{more}", begin + to);
        ana.asks("GET", &target, &Value::Null)
    };
    let line = "to: the answer has more than 100000 rows; ask for fewer hours, or for one place";
    refused(&ask(7 * day, ""), 400, "bad_value", line);
    let rows = |answer: &Answer| answer.json()["rows"].as_array().map(Vec::len);
    assert_eq!(rows(&ask(day, "")), Some(600 * 24));
    assert_eq!(rows(&ask(7 * day, "&place=room7")), Some(7 * 24));
}

/// How few are too few is the server's to say.
#[test]
fn k_is_that_of_the_server() {
    let shipped = Shipped::start();
    let mut redis = shipped.server.client();
    redis.expect("CONFIG SET lct.density-k 8", "OK");
    meet(&shipped.server, &friends(13));
    meet(&shipped.server, &[INDEX.to_owned()]);
    let gateway = gateway(&shipped, &["--hold", "1"]);
    let ana = Operator::new(&gateway, ANA);
    assert_eq!(ana.sees("/v1/me")["k"], 8);
    warn(&gateway, WARNING);
    let dry_run = || ana.sees(&format!("/v1/warnings/{WARNING}/dry-run"));
    assert_eq!(dry_run(), json!({"alerted": {"about": 16}}), "thirteen");
    for friend in &friends(13)[7..] {
        redis.expect(&format!("LCT.FORGET lct {friend}"), "1");
    }
    assert_eq!(dry_run(), json!({"alerted": {"fewerThan": 8}}), "seven");
    let listed = ana.sees("/v1/warnings");
    assert_eq!(listed["warnings"][0]["alerts"], json!({"fewerThan": 8}));
    let info = Request::new("GET", "/v1/info", "").send(gateway.address());
    assert_eq!(info.json()["situation"], json!({"fewerThan": 8}));
}

#[test]
fn the_list_of_warnings_is_read_page_by_page() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let mut redis = shipped.server.client();
    meet(&shipped.server, &friends(2));
    for number in 0..25 {
        let hold = if number % 2 == 0 { "" } else { " HOLD 0" };
        redis.run(&format!(
            "LCT.WARN lct warning-{number} canary-friend-0 contact{hold}"
        ));
    }
    let list = |query: &str| -> Vec<String> {
        let answer = ana.sees(&format!("/v1/warnings?{query}"));
        let rows = answer["warnings"].as_array().expect("warnings").iter();
        rows.map(|row| row["warning"].as_str().expect("an id").to_owned())
            .collect()
    };
    for (state, many) in [("", 25), ("&state=held", 12), ("&state=active", 13)] {
        let all = list(state);
        assert_eq!(all.len(), many);
        let mut read = list(&format!("count=5{state}"));
        while let Some(last) = read.last() {
            let page = list(&format!("count=5{state}&before={last}"));
            assert!(page.len() <= 5);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, all, "{state}");
    }
    assert!(list("before=unknown").is_empty());
}

/// What the visitors' page tells counts no warning that waits for an operator.
#[test]
fn held_warnings_count_in_the_community_once_they_are_released() {
    let (shipped, gateway) = shipped(&["--hold", "3", "--max-warnings", "100"]);
    let ana = Operator::new(&gateway, ANA);
    let mut redis = shipped.server.client();
    meet(&shipped.server, &friends(7));
    meet(&shipped.server, &[INDEX.to_owned()]);
    let begun = now() / (24 * HOUR);
    let mut counted = || -> i64 {
        let days = begun..=now() / (24 * HOUR);
        days.map(|day| {
            redis
                .run(&format!("SCARD lct:cap:lct:warnings:{day}"))
                .int()
        })
        .sum()
    };
    let id = |number: u32| format!("7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a{number:02}");
    let path = |number, action: &str| format!("/v1/warnings/{}/{action}", id(number));
    warn(&gateway, &id(1));
    assert_eq!(counted(), 0, "it waits");
    ana.does(&path(1, "release"), Value::Null);
    assert_eq!(counted(), 1);
    warn(&gateway, &id(1));
    assert_eq!(counted(), 1, "the same again, not held any more");
    warn(&gateway, &id(2));
    ana.does(&path(2, "reject"), Value::Null);
    assert_eq!(counted(), 1, "rejected");
    // One that concerns nobody goes out at once.
    let body = json!({"warning": id(3), "reason": "symptoms"}).to_string();
    let hermit = Request::new("POST", "/v1/warnings", &body)
        .with("Authorization", "LCT-Open canary-hermit")
        .send(gateway.address());
    assert_eq!(hermit.status, 200, "{}", hermit.body);
    assert_eq!(counted(), 2);
    ana.does(&path(1, "retract"), Value::Null);
    assert_eq!(counted(), 1, "withdrawn by an operator");
    // What goes past the gateway is not seen.
    warn(&gateway, &id(4));
    let mut other = shipped.server.client();
    other.expect(&format!("LCT.RELEASE lct {}", id(4)), "7");
    assert_eq!(counted(), 1);
    nobody_is_named(&shipped, &[&gateway]);
}

#[test]
fn wrong_tokens_come_to_an_end_and_right_ones_do_not() {
    let (_shipped, gateway) = shipped(&["--trusted-proxy", "127.0.0.0/8"]);
    let from = |address: &str, secret: &str| {
        Request::new("GET", "/v1/audit", "")
            .with("X-Forwarded-For", address)
            .with("Authorization", &format!("Bearer {secret}"))
            .send(gateway.ops())
    };
    let mut wrong = 0;
    let last = loop {
        let answer = from("192.0.2.1", "wrong");
        if answer.status != 401 {
            break answer;
        }
        wrong += 1;
        assert!(wrong < 1_000, "there is no limit");
    };
    refused(&last, 429, "rate_limited", "too many wrong tokens");
    let wait = last.header("retry-after").expect("how long to wait");
    assert!(matches!(wait.parse(), Ok(1..=6)), "{wait}");
    assert!(wrong >= 20, "{wrong}");
    assert_eq!(
        from("192.0.2.1", ANA).status,
        200,
        "whatever came from there"
    );
    assert_eq!(
        from("192.0.2.2", "wrong").status,
        401,
        "an address of its own"
    );
    // All together have a limit as well.
    let tried = (3..63).flat_map(|address| (0..20).map(move |_| format!("192.0.2.{address}")));
    let told = tried.filter(|address| from(address, "wrong").status == 401);
    let told = told.count();
    assert!((150..1_000).contains(&told), "{told}");
    for secret in [ANA, BEN] {
        assert_eq!(from("198.51.100.1", secret).status, 200);
    }
    assert!(gateway.metric(r#"lct_gateway_limits_hit_total{limit="Tokens"}"#) > 200);
}

#[test]
fn codes_are_made_and_good_for_one_warning_each() {
    let (shipped, gateway) = shipped(&["--warning-codes", "required"]);
    let ana = Operator::new(&gateway, ANA);
    let made = ana.does("/v1/codes", json!({"count": 3, "since": "2026-11-20"}));
    let codes = made["codes"].as_array().expect("codes");
    assert_eq!(codes.len(), 3);
    let expires = made["expires"].as_u64().expect("a time");
    assert!(expires.abs_diff(now() + 24 * HOUR) < 100_000);
    let warn = |warning: &str, code: &Value| {
        let body = json!({"warning": warning, "reason": "positive", "code": code}).to_string();
        Request::new("POST", "/v1/warnings", &body)
            .with("Authorization", &format!("LCT-Open {INDEX}"))
            .send(gateway.address())
            .status
    };
    assert_eq!(warn(WARNING, &codes[0]), 200);
    assert_eq!(
        warn("7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a11", &codes[0]),
        403,
        "spent"
    );
    assert_eq!(warn("7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a11", &codes[1]), 200);
    assert_eq!(
        ana.audit(),
        ["ana make-codes lct 3 begun", "ana make-codes lct 3 done"]
    );
    let stored = shipped
        .server
        .client()
        .run("XRANGE lct:audit:operators - +")
        .to_string();
    for code in codes {
        assert!(!stored.contains(code.as_str().expect("a code")));
    }
    nobody_is_named(&shipped, &[&gateway]);
}

#[test]
fn what_people_wrote_is_read_and_ticked_off() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let day = now() - now() % (24 * HOUR);
    let write = |text: &str| {
        let answer = Request::new("POST", "/v1/feedback", &json!({"text": text}).to_string())
            .with("Authorization", &format!("LCT-Open {INDEX}"))
            .send(gateway.address());
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    assert_eq!(ana.sees("/v1/feedback"), json!({"entries": []}));
    for text in ["the first", "<b>the second</b>", "the third"] {
        write(text);
    }
    let all = ana.sees("/v1/feedback");
    let texts: Vec<&str> = all["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| entry["text"].as_str().expect("a text"))
        .collect();
    assert_eq!(texts, ["the third", "<b>the second</b>", "the first"]);
    let id = |place: usize| {
        all["entries"][place]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    assert!(id(0).starts_with(&day.to_string()));
    assert_eq!(all["entries"][0]["status"], "open");
    assert_eq!(all["entries"][0]["day"].as_str().map(str::len), Some(10));
    let page = ana.sees(&format!("/v1/feedback?count=1&before={}", id(0)));
    assert_eq!(page["entries"], json!([all["entries"][1]]));
    assert_eq!(
        ana.sees("/v1/feedback?graph=Sandbox"),
        json!({"entries": []})
    );

    for status in ["read", "done", "open", "read"] {
        let set = ana.does(
            &format!("/v1/feedback/{}/status", id(1)),
            json!({"status": status}),
        );
        assert_eq!(set, json!({}));
        assert_eq!(ana.sees("/v1/feedback")["entries"][1]["status"], status);
    }
    assert_eq!(ana.sees("/v1/feedback")["entries"][0]["status"], "open");
    let gone = ana.asks(
        "POST",
        "/v1/feedback/7-7/status",
        &json!({"status": "read"}),
    );
    refused(&gone, 409, "conflict", "entry: there is none of this id");

    // What is known of a text goes with it.
    let mut redis = shipped.server.client();
    assert!(redis.run("PTTL lct:feedback-status:lct").int() > 0);
    redis.expect("HSET lct:feedback-status:lct 7-7 done", "1");
    redis.expect("XTRIM lct:feedback:lct MAXLEN 2", "1");
    let first = ana.asks(
        "POST",
        &format!("/v1/feedback/{}/status", id(2)),
        &json!({"status": "read"}),
    );
    refused(&first, 409, "conflict", "entry: there is none of this id");
    ana.does(
        &format!("/v1/feedback/{}/status", id(0)),
        json!({"status": "done"}),
    );
    redis.expect("HGET lct:feedback-status:lct 7-7", "nil");
    let line = ana.audit().last().expect("a line").clone();
    assert_eq!(line, format!("ana set-status lct {} done done", id(0)));
    nobody_is_named(&shipped, &[&gateway]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_things_are_is_told_and_remembered() {
    let (shipped, gateway) = shipped(&["--hold", "1"]);
    let ana = Operator::new(&gateway, ANA);
    let mut samples = 0;
    // The first look may have been before Redis was reached.
    eventually("two samples are there", Duration::from_secs(60), || {
        let now = ana.sees("/v1/now");
        samples = now["samples"].as_array().expect("samples").len();
        samples >= 1 && now["state"]["redis"] == "up"
    });
    meet(&shipped.server, &friends(20));
    meet(&shipped.server, &[INDEX.to_owned()]);
    warn(&gateway, WARNING);
    let _phone = Phone::connect(gateway.address(), "canary-friend-0").await;
    eventually("the visits are seen", Duration::from_secs(60), || {
        let now = ana.sees("/v1/now");
        let last = now["samples"]
            .as_array()
            .and_then(|samples| samples.last().cloned());
        last.is_some_and(|sample| sample["storedVisits"] == 21) && now["state"]["held"] == 1
    });
    let now_ = ana.sees("/v1/now");
    assert_eq!(now_["interval"], 5_000);
    let all = now_["samples"].as_array().expect("samples");
    let last = all.last().expect("one");
    let number = |value: &Value| {
        value
            .as_f64()
            .unwrap_or_else(|| panic!("no number: {last}"))
    };
    assert_eq!(last["clients"], 1);
    assert!(number(&last["memory"]) > 0.0 && number(&last["bytesPerVisit"]) > 0.0);
    assert!(number(&last["doorbellAge"]) < 60_000.0);
    assert!(last["at"].as_u64().expect("a time").abs_diff(now()) < 100_000);
    assert!(
        all.iter()
            .any(|sample| sample["visits"].as_f64().is_some_and(|rate| rate > 0.0)),
        "{now_}"
    );
    assert!(
        all.iter()
            .any(|sample| sample["latency"]["p99"].as_f64().is_some_and(|ms| ms > 0.0))
    );
    let state = &now_["state"];
    for (name, value) in [
        ("redis", json!("up")),
        ("role", json!("primary")),
        ("replicas", json!(0)),
        ("aof", json!({"on": true, "ok": true})),
        ("retention", json!(14 * 24 * HOUR)),
        ("lastPurge", json!(0)),
        ("gateway", json!(env!("CARGO_PKG_VERSION"))),
        ("module", json!(env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(state[name], value, "{name}");
    }
    assert_eq!(state["rdb"], json!({"ok": true, "at": null}));
    assert!(
        state["oldest"]
            .as_u64()
            .expect("a time")
            .abs_diff(now() - HOUR)
            < 100_000
    );
    let since = all[all.len() - 1]["at"].as_u64().expect("a time");
    let newer = ana.sees(&format!("/v1/now?since={since}"));
    let newer = newer["samples"].as_array().expect("samples");
    assert!(
        newer
            .iter()
            .all(|sample| sample["at"].as_u64() > Some(since))
    );
    let sandbox = ana.sees("/v1/now?graph=Sandbox");
    let last = sandbox["samples"]
        .as_array()
        .and_then(|samples| samples.last().cloned());
    assert_eq!(
        last.expect("a sample")["storedVisits"],
        Value::Null,
        "there is no such graph"
    );
    assert_eq!(
        (&sandbox["state"]["held"], &sandbox["state"]["redis"]),
        (&json!(0), &json!("up"))
    );

    // A snapshot has its time once there is one, and the server has not just started.
    let mut redis = shipped.server.client();
    eventually("the snapshot is seen", Duration::from_secs(60), || {
        redis.expect("SAVE", "OK");
        std::thread::sleep(Duration::from_millis(200));
        let at = ana.sees("/v1/now")["state"]["rdb"]["at"].as_u64();
        at.is_some_and(|at| at.abs_diff(now()) < 100_000)
    });
    drop(redis);

    // Redis goes, which is said; the history stays.
    drop(shipped);
    eventually("Redis is seen to be gone", Duration::from_secs(60), || {
        ana.sees("/v1/now")["state"]["redis"] == "down"
    });
    let gone = ana.sees("/v1/now");
    assert_eq!(gone["state"]["role"], Value::Null);
    assert!(gone["samples"].as_array().expect("samples").len() > all.len());
}

/// A server that is there and does not answer, as one whose machine hangs: who looks is told what is known.
#[test]
fn who_looks_is_not_kept_waiting_by_redis() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    eventually("Redis is seen", Duration::from_secs(60), || {
        ana.sees("/v1/now")["state"]["redis"] == "up"
    });
    shipped.server.signal("STOP");
    let frozen = Instant::now();
    // Long enough that what is known of held warnings grows old.
    while frozen.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        ana.sees("/v1/now");
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(10), "it took {took:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    shipped.server.signal("CONT");
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let (shipped, gateway) = shipped(&["--hold", "1"]);
    let ana = Operator::new(&gateway, ANA);
    let mut redis = shipped.server.client();
    meet(&shipped.server, &friends(7));
    meet(&shipped.server, &[INDEX.to_owned()]);
    warn(&gateway, WARNING);
    redis.expect("SET lct:audit:operators no-stream", "OK");
    let (from, to) = (now() - HOUR, now());
    let place =
        json!({"place": PLACE, "reason": "contact", "from": from, "to": to, "dryRun": false});
    let path = format!("/v1/warnings/{WARNING}");
    for (target, body) in [
        (format!("{path}/release"), Value::Null),
        (format!("{path}/reject"), Value::Null),
        (format!("{path}/retract"), Value::Null),
        ("/v1/places/warnings".into(), place),
        ("/v1/codes".into(), json!({"count": 1})),
    ] {
        let answer = ana.asks("POST", &target, &body);
        refused(&answer, 503, "unavailable", "so nothing was done");
    }
    let held = redis.run("LCT.WARNINGS lct").to_string();
    assert!(held.contains(" held "), "{held}");
    assert_eq!(redis.run("LCT.WARNINGS lct").items().len(), 1);
    redis.expect("KEYS lct:code:*", "[]");
    redis.expect("DEL lct:audit:operators", "1");
    ana.does(&format!("{path}/release"), Value::Null);
}

#[test]
fn nobody_can_flood_the_audit() {
    let (shipped, gateway) = shipped(&[]);
    let (ana, ben) = (Operator::new(&gateway, ANA), Operator::new(&gateway, BEN));
    let act = |who: &Operator| {
        let target = "/v1/feedback/7-7/status";
        who.asks("POST", target, &json!({"status": "read"}))
    };
    let mut begun = 0;
    let last = loop {
        let answer = act(&ana);
        if answer.status != 409 {
            break answer;
        }
        begun += 1;
        assert!(begun < 1_000, "there is no limit");
    };
    refused(&last, 429, "rate_limited", "too many at a time");
    assert!(last.header("retry-after").is_some());
    assert!(begun >= 60, "{begun}");
    assert_eq!(act(&ben).status, 409, "each has their own");
    ana.sees("/v1/audit");
    let mut redis = shipped.server.client();
    let entries = redis.run("XLEN lct:audit:operators").int();
    assert_eq!(entries, 2 * (begun + 1), "what is refused is none");
    let limit = r#"lct_gateway_limits_hit_total{limit="Actions"}"#;
    assert_eq!(gateway.metric(limit), 1);
}

/// The replica that should have confirmed it is not there, as after a lost answer: the audit does not call that failed.
#[test]
fn what_may_have_been_done_is_not_called_failed() {
    let (shipped, gateway) = shipped(&["--replicas", "1"]);
    let ana = Operator::new(&gateway, ANA);
    meet(&shipped.server, &friends(7));
    meet(&shipped.server, &[INDEX.to_owned()]);
    let mut redis = shipped.server.client();
    redis.expect(
        &format!("LCT.WARN lct {WARNING} {INDEX} symptoms HOLD 3"),
        "nil",
    );
    let path = format!("/v1/warnings/{WARNING}/release");
    let answer = ana.asks("POST", &path, &Value::Null);
    refused(&answer, 503, "unknown", "may have been done");
    assert_eq!(
        answer.header("retry-after"),
        None,
        "not to be repeated blindly"
    );
    assert_eq!(ana.sees("/v1/warnings")["warnings"][0]["state"], "active");
    let again = ana.asks("POST", &path, &Value::Null);
    refused(&again, 409, "conflict", "warning: is not held");
    let lines = ["begun", "unknown", "begun", "conflict"]
        .map(|outcome| format!("ana release lct {WARNING} {outcome}"));
    assert_eq!(ana.audit(), lines);
    // Counting changes nothing, so it waits for nobody.
    let (from, to) = (now() - HOUR, now());
    let place =
        json!({"place": PLACE, "reason": "contact", "from": from, "to": to, "dryRun": true});
    ana.does("/v1/places/warnings", place);
}

#[test]
fn what_has_begun_is_done_and_written_down_also_when_nobody_waits_for_it() {
    let (shipped, mut gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    ana.does("/v1/codes", json!({"count": 1}));
    let mut redis = shipped.server.client();
    redis.expect("CLIENT PAUSE 1500 WRITE", "OK");
    let mut line = TcpStream::connect(gateway.ops()).expect("a connection");
    let body = r#"{"count":2}"#;
    let request = format!(
        "POST /v1/codes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ANA}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    line.write_all(request.as_bytes()).expect("a request");
    // The gateway waits for Redis; whoever asked is gone.
    // The doorbell may wait, too; but nobody else adds to a stream.
    eventually("the request has arrived", Duration::from_secs(20), || {
        redis.run("CLIENT LIST").text().contains(" cmd=xadd ")
    });
    drop(line);
    // Nor does the gateway end before it is done.
    gateway.signal("TERM");
    assert!(gateway.ended(Duration::from_secs(60)));
    let trail = redis.run("XRANGE lct:audit:operators - +");
    let last = trail.items().last().expect("an entry").to_string();
    assert!(last.contains("outcome done"), "{last}");
    assert_eq!(redis.run("KEYS lct:code:*").items().len(), 3);
}

#[test]
fn the_gateways_own_user_may_not_do_what_operators_do() {
    let shipped = Shipped::start();
    let gateway = Gateway::on(&shipped.url("gateway"), &["--ops-token", TOKENS]);
    let ana = Operator::new(&gateway, ANA);
    ana.sees("/v1/me");
    let line = "set it to one with the rights of the user operator";
    eventually(
        "it is seen that nothing may be seen",
        Duration::from_secs(60),
        || ana.sees("/v1/now")["state"]["redis"] == "denied",
    );
    for target in [
        "/v1/warnings",
        "/v1/audit",
        "/v1/feedback",
        "/v1/density?from=0&to=1",
    ] {
        refused(
            &ana.asks("GET", target, &Value::Null),
            403,
            "not_allowed",
            line,
        );
    }
    let (from, to) = (now() - HOUR, now());
    let place =
        json!({"place": PLACE, "reason": "contact", "from": from, "to": to, "dryRun": true});
    for (target, body) in [
        ("/v1/codes", json!({"count": 1})),
        ("/v1/places/warnings", place),
    ] {
        refused(&ana.asks("POST", target, &body), 403, "not_allowed", line);
    }
    // It can write down that it was tried.
    let mut redis = shipped.server.client();
    assert_eq!(redis.run("XLEN lct:audit:operators").int(), 4);
    nobody_is_named(&shipped, &[&gateway]);
}

#[test]
fn rubbish_is_refused_and_not_repeated() {
    let (shipped, gateway) = shipped(&[]);
    let ana = Operator::new(&gateway, ANA);
    let place = |change: Value| {
        let mut body =
            json!({"place": "secret", "reason": "contact", "from": 1, "to": 2, "dryRun": true});
        let fields = body.as_object_mut().expect("an object");
        for (name, value) in change.as_object().expect("an object") {
            fields.insert(name.clone(), value.clone());
        }
        body.to_string()
    };
    let mut bad: Vec<(&str, String)> = [
        json!({"place": ""}),
        json!({"place": "secret\n"}),
        json!({"place": "s".repeat(129)}),
        json!({"place": 7}),
        json!({"reason": "alerted"}),
        json!({"reason": "secret"}),
        json!({"from": 3}),
        json!({"from": -1}),
        json!({"to": 9_007_199_254_740_992_u64}),
        json!({"to": 1.5}),
        json!({"to": "secret"}),
        json!({"within": 5}),
        json!({"minTime": -5}),
        json!({"dryRun": "secret"}),
        json!({"dryRun": null}),
        json!({"warning": "secret"}),
        json!({"secret": 1}),
    ]
    .into_iter()
    .map(|change| ("/v1/places/warnings", place(change)))
    .collect();
    for body in [
        "",
        "7",
        "[]",
        "{}",
        "{\"count\":0}",
        "{\"count\":101}",
        "{\"count\":-1}",
        "{\"count\":1.5}",
        "{\"count\":\"secret\"}",
        "{\"count\":1,\"since\":\"secret\"}",
        "{\"count\":1,\"since\":\"2026-02-30\"}",
        "{\"count\":1,\"secret\":1}",
        "{\"count\":1",
        "\u{1f9a0}",
        "{\"count\":99999999999999999999}",
    ] {
        bad.push(("/v1/codes", body.to_owned()));
    }
    bad.push((
        "/v1/codes",
        format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
    ));
    bad.push(("/v1/feedback/1-0/status", r#"{"status":"secret"}"#.into()));
    bad.push(("/v1/feedback/secret/status", r#"{"status":"read"}"#.into()));
    bad.push(("/v1/feedback/1-/status", r#"{"status":"read"}"#.into()));
    for (target, body) in &bad {
        let request = Request::new("POST", target, body).with("Content-Type", "application/json");
        let answer = ana.sends(request);
        let code = answer.json()["code"].as_str().map(str::to_owned);
        assert!(
            answer.status == 400 && matches!(code.as_deref(), Some("bad_message" | "bad_value")),
            "{target} {body}: {} {}",
            answer.status,
            answer.body
        );
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
    let warnings = format!("/v1/warnings/{WARNING}");
    for (method, target, body, status) in [
        ("POST", "/v1/codes", "x".repeat(16 * 1024 + 1), 413),
        ("POST", &format!("{warnings}/release"), "{}".into(), 400),
        ("POST", "/v1/warnings/%ff/release", String::new(), 400),
        ("POST", "/v1/warnings/%0a/release", String::new(), 400),
        (
            "POST",
            &format!("/v1/warnings/{}/release", "x".repeat(129)),
            String::new(),
            400,
        ),
        ("GET", "/v1/me", "{}".into(), 400),
        ("GET", "/v1/warnings?count=0", String::new(), 400),
        ("GET", "/v1/warnings?count=1001", String::new(), 400),
        ("GET", "/v1/warnings?count=1&count=2", String::new(), 400),
        ("GET", "/v1/warnings?state=secret", String::new(), 400),
        ("GET", "/v1/warnings?secret=1", String::new(), 400),
        ("GET", "/v1/warnings?before=", String::new(), 400),
        ("GET", "/v1/warnings?before=%0a", String::new(), 400),
        ("GET", "/v1/me?graph=secret", String::new(), 400),
        ("GET", "/v1/audit?before=secret", String::new(), 400),
        ("GET", "/v1/audit?before=0-0", String::new(), 400),
        (
            "GET",
            "/v1/feedback?before=1-99999999999999999999",
            String::new(),
            400,
        ),
        ("GET", "/v1/density", String::new(), 400),
        ("GET", "/v1/density?from=1", String::new(), 400),
        ("GET", "/v1/density?from=2&to=1", String::new(), 400),
        ("GET", "/v1/density?from=0&to=691200001", String::new(), 400),
        ("GET", "/v1/density?from=secret&to=1", String::new(), 400),
        ("GET", "/v1/density?from=0&to=1&place=", String::new(), 400),
        (
            "GET",
            "/v1/density?from=0&to=1&place=%0a",
            String::new(),
            400,
        ),
        ("GET", "/v1/none", String::new(), 404),
        ("GET", "/v1/warnings/", String::new(), 404),
        ("GET", "/v1/codes", String::new(), 405),
        ("DELETE", "/v1/warnings", String::new(), 405),
        ("HEAD", "/v1/me", String::new(), 405),
    ] {
        let answer = ana.sends(Request::new(method, target, &body));
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
    let text = ana.sends(
        Request::new("POST", "/v1/codes", "{\"count\":1}").with("Content-Type", "text/plain"),
    );
    refused(&text, 415, "not_json", "Content-Type");
    // Nothing of this was begun.
    shipped.server.client().expect("KEYS *", "[]");
    ana.sees("/v1/me");
}

/// Whether `heard` is what is written, where `…` stands for anything.
fn fits(written: &Value, heard: &Value) -> bool {
    match (written, heard) {
        (Value::String(any), _) if any == "…" => true,
        (Value::Object(written), Value::Object(heard)) => {
            written.len() == heard.len()
                && written
                    .iter()
                    .all(|(key, value)| heard.get(key).is_some_and(|heard| fits(value, heard)))
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

/// The examples of docs/operators.md, in order: method, path, body, status and answer.
fn examples() -> Vec<(String, String, Value, u16, Value)> {
    let text =
        std::fs::read_to_string(root().join("docs/operators.md")).expect("docs/operators.md");
    let blocks = text.split("```operators\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().expect("its end"));
    let mut examples = Vec::new();
    for block in blocks {
        for example in block.split("> ").filter(|example| !example.is_empty()) {
            let (asked, answer) = example.split_once('\n').expect("an answer");
            let mut words = asked.splitn(3, ' ');
            let mut word = || words.next().map(str::to_owned);
            let (method, path, body) = (word().expect("a method"), word().expect("a path"), word());
            let body = body.map_or(Value::Null, |body| {
                serde_json::from_str(&body).expect("JSON")
            });
            let (status, answer) = match answer.split_once(' ') {
                Some((status, rest)) if status.len() == 3 => {
                    (status.parse().expect("a status"), rest)
                }
                _ => (200, answer),
            };
            let answer =
                serde_json::from_str(answer).unwrap_or_else(|error| panic!("{asked}: {error}"));
            examples.push((method, path, body, status, answer));
        }
    }
    examples
}

#[test]
fn the_examples_of_the_document_are_true() {
    let server = Server::start();
    let mut redis = server.client();
    for singer in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        redis.expect(
            &format!("LCT.VISIT lct {singer} choir 1767600000000 1767603600000"),
            "1",
        );
    }
    for friend in ["i", "j", "k", "l", "m", "n", INDEX] {
        redis.expect(
            &format!("LCT.VISIT lct {friend} library 1767600000000 1767603600000"),
            "1",
        );
    }
    redis.expect(
        &format!("LCT.WARN lct {WARNING} {INDEX} symptoms HOLD 3"),
        "nil",
    );
    let text = "The poster in the choir is torn.";
    redis.call(&["XADD", "lct:feedback:lct", "1767571200000-0", "text", text]);
    let gateway = Gateway::with(&server, &["--ops-token", TOKENS]);
    let ana = Operator::new(&gateway, ANA);
    // The first sample may have been taken before Redis was reached.
    eventually("there is one good sample", Duration::from_secs(60), || {
        ana.sees("/v1/now")["state"]["oldest"] == 1_767_600_000_000_u64
    });
    // The description of all this says the same: nothing is missing in one of the two, and every answer fits.
    let description = ana.sees("/v1/openapi.json");
    let mut described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    assert!(described.remove(&("GET".to_owned(), "/v1/openapi.json".to_owned())));
    for (method, path, body, status, written) in examples() {
        let answer = ana.asks(&method, &path, &body);
        let mut heard = answer.json();
        if path == "/v1/now" {
            heard["samples"]
                .as_array_mut()
                .expect("samples")
                .truncate(1);
        }
        assert!(
            answer.status == status && fits(&written, &heard),
            "{method} {path}\nwritten: {written}\nheard: {} {heard}",
            answer.status
        );
        let template = path
            .split_once('?')
            .map_or(path.as_str(), |(path, _)| path)
            .replace(WARNING, "{warning}")
            .replace("1767571200000-0", "{entry}");
        described.remove(&(method.clone(), template.clone()));
        let pointer = described::answer(&method.to_lowercase(), &template, answer.status);
        described::fits(&description, &pointer, &answer.json());
    }
    assert!(described.is_empty(), "without an example: {described:?}");
}

/// No id of a person or place of this test is in the audit, in any other book, in a log or in the numbers; and Redis
/// had nothing to refuse but what it says it did.
#[track_caller]
fn nobody_is_named(shipped: &Shipped, gateways: &[&Gateway]) {
    let mut redis = shipped.server.client();
    let audit = redis.run("XRANGE lct:audit:operators - +").to_string();
    assert!(audit.contains("begun"), "{audit}");
    for gateway in gateways {
        for (what, text) in [
            ("the audit", audit.as_str()),
            ("the log", &gateway.log()),
            ("the numbers", &gateway.ask("/metrics")),
        ] {
            assert!(!text.contains("canary"), "in {what}: {text}");
            assert!(!text.contains("elsewhere"), "in {what}: {text}");
            assert!(!text.contains("secret-of-this-test"), "in {what}: {text}");
        }
    }
}
