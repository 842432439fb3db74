//! Warnings, alerts and the doorbell on a real server: what each command answers, who is alerted when, what survives what, and that
//! nobody waits while fifty thousand are told.

use lct_tests::{Builder, Client, Server, Stop, Value, args, digests, eventually, now, random};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The contract gives second orders ten seconds.
const SOON: Duration = Duration::from_secs(10);

/// An hour ago anna and ben met in the café for half an hour.
fn start() -> (Server, Client, u64) {
    let server = Server::start();
    let mut client = server.client();
    let hour = now() - HOUR;
    client.expect(
        &format!(
            "LCT.VISIT g anna cafe {hour} {} ben cafe {} {}",
            hour + 40 * MINUTE,
            hour + 10 * MINUTE,
            hour + 50 * MINUTE
        ),
        "2",
    );
    (server, client, hour)
}

/// An alert as LCT.ALERTS answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alert {
    id: String,
    version: String,
    reason: String,
    priority: String,
    state: String,
    issued: u64,
}

#[track_caller]
fn alerts(client: &mut Client, visitor: &str) -> Vec<Alert> {
    let row = |row: &Value| {
        let [alert, reason, priority, state, issued] = row.items() else {
            panic!("no row of five: {row}")
        };
        let alert = alert.text();
        let (id, version) = alert.split_once('.').expect("an id and a version");
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{alert}"
        );
        Alert {
            id: id.into(),
            version: version.into(),
            reason: reason.text(),
            priority: priority.text(),
            state: state.text(),
            issued: issued.int().try_into().expect("a time"),
        }
    };
    let reply = client.call(&args!["LCT.ALERTS", "g", visitor]);
    reply.items().iter().map(row).collect()
}

/// What a visitor's inbox holds, as `version reason state`.
#[track_caller]
fn inbox(client: &mut Client, visitor: &str) -> Vec<String> {
    let mut rows: Vec<String> = alerts(client, visitor)
        .into_iter()
        .map(|alert| format!("{} {} {}", alert.version, alert.reason, alert.state))
        .collect();
    rows.sort();
    rows
}

/// How many warnings are held.
#[track_caller]
fn held(client: &mut Client) -> i64 {
    client.run("LCT.INFO g").get("warnings-held").int()
}

/// The warnings as `id kind reason state alerts`, in the order of the answer.
#[track_caller]
fn warnings(client: &mut Client) -> Vec<String> {
    let row = |row: &Value| {
        let [warning, kind, reason, state, issued, alerts] = row.items() else {
            panic!("no row of six: {row}")
        };
        assert!(issued.int() > 1_700_000_000_000, "{row}");
        format!("{warning} {kind} {reason} {state} {alerts}")
    };
    client
        .run("LCT.WARNINGS g")
        .items()
        .iter()
        .map(row)
        .collect()
}

#[test]
fn a_warning_fills_inboxes_once_and_is_acknowledged_once() {
    let (_server, mut c, _) = start();
    c.expect("LCT.WARN g w anna positive DRYRUN", "1");
    c.expect("LCT.WARNINGS g", "[]");
    c.expect("LCT.ALERTS g ben", "[]");
    c.expect("LCT.WARN g w anna positive", "1");
    c.expect("LCT.WARN g w anna positive", "0");
    let got = alerts(&mut c, "ben");
    let [alert] = &got[..] else { panic!("{got:?}") };
    assert_eq!(
        (alert.version.as_str(), alert.reason.as_str()),
        ("1", "positive")
    );
    assert_eq!(
        (alert.priority.as_str(), alert.state.as_str()),
        ("high", "active")
    );
    assert_eq!(alert.issued % DAY, 0);
    assert!(now() - alert.issued < DAY + MINUTE);
    c.expect("LCT.ALERTS g anna", "[]"); // nobody is alerted by themselves
    assert_eq!(warnings(&mut c), ["w visitor positive active 1"]);
    let info = c.run("LCT.INFO g");
    assert_eq!(
        (info.get("warnings").int(), info.get("alerts").int()),
        (1, 1)
    );
    c.expect(&format!("LCT.ACK g ben {}.2", alert.id), "0");
    c.expect(&format!("LCT.ACK g anna {}.1", alert.id), "0");
    c.expect(&format!("LCT.ACK g ben {0}.1 {0}.1 {0}.9", alert.id), "1");
    c.expect(&format!("LCT.ACK g ben {}.1", alert.id), "0");
    c.expect("LCT.ALERTS g ben", "[]");
    assert_eq!(c.run("LCT.INFO g").get("alerts").int(), 0);
    c.expect("LCT.WARN g w anna positive", "0"); // who has been told is not told again
    c.expect("LCT.ALERTS g ben", "[]");
}

#[test]
fn a_missing_graph_answers_as_an_empty_one_and_only_warnings_create_it() {
    let server = Server::start();
    let mut c = server.client();
    for (line, reply) in [
        ("LCT.WARN g w anna positive DRYRUN", "0"),
        ("LCT.WARNSPACE g w cafe contact 0 9 DRYRUN", "0"),
        ("LCT.RETRACT g w", "0"),
        ("LCT.RETRACT g w IFHELD", "nil"),
        ("LCT.RELEASE g w", "nil"),
        ("LCT.RELEASE g w DRYRUN", "nil"),
        ("LCT.WARNINGS g", "[]"),
        ("LCT.WARNINGS g WARNING w", "[]"),
        ("LCT.ALERTS g anna", "[]"),
        ("LCT.ACK g anna 0123456789abcdef0123456789abcdef.1", "0"),
        ("DBSIZE", "0"),
        ("LCT.WARN g w stranger positive", "0"),
        ("EXISTS g", "1"),
        ("LCT.WARNSPACE h w nowhere contact 0 9", "0"),
        ("EXISTS h", "1"),
    ] {
        c.expect(line, reply);
    }
    let info = c.run("LCT.INFO g");
    assert_eq!(
        (info.get("warnings").int(), info.get("visitors").int()),
        (1, 1)
    );
    // Whom the stranger meets is alerted when it is logged.
    let now = now();
    c.expect(
        &format!(
            "LCT.VISIT g stranger bar {} {now} anna bar {} {now}",
            now - HOUR,
            now - HOUR
        ),
        "2",
    );
    assert_eq!(inbox(&mut c, "anna"), ["1 positive active"]);
}

#[test]
fn a_revision_alerts_who_is_new_or_told_something_else_and_withdraws_nothing() {
    let (_server, mut c, hour) = start();
    // Four days ago, so that it is of low priority.
    let old = hour - 5 * DAY;
    c.expect(
        &format!(
            "LCT.VISIT g anna gym {old} {0} carla gym {old} {0}",
            old + HOUR
        ),
        "2",
    );
    c.expect(&format!("LCT.WARN g w anna contact TO {}", old + HOUR), "1");
    assert_eq!(inbox(&mut c, "carla"), ["1 contact active"]);
    c.expect("LCT.WARN g w anna contact", "1");
    assert_eq!(inbox(&mut c, "ben"), ["1 contact active"]);
    c.expect("LCT.WARN g w anna positive DRYRUN", "2");
    c.expect("LCT.WARN g w anna positive", "2");
    assert_eq!(inbox(&mut c, "carla"), ["2 positive active"]);
    // Nobody is found any more: nobody is told.
    c.expect("LCT.WARN g w anna positive TO 5", "0");
    assert_eq!(inbox(&mut c, "carla"), ["2 positive active"]);
    // The same place, more recently: more urgent.
    c.expect(
        &format!(
            "LCT.VISIT g anna gym {hour} {0} carla gym {hour} {0}",
            hour + MINUTE
        ),
        "2",
    );
    assert_eq!(inbox(&mut c, "carla"), ["2 positive active"]);
    c.expect("LCT.WARN g w anna positive", "1");
    assert_eq!(inbox(&mut c, "carla"), ["3 positive active"]);
    assert_eq!(warnings(&mut c), ["w visitor positive active 2"]);
}

#[test]
fn a_retraction_reaches_everyone_ever_alerted() {
    let (_server, mut c, hour) = start();
    c.expect("LCT.WARN g w anna positive", "1");
    let id = alerts(&mut c, "ben")[0].id.clone();
    c.expect(&format!("LCT.ACK g ben {id}.1"), "1");
    c.expect("LCT.RETRACT g w", "1");
    c.expect("LCT.RETRACT g w", "0");
    assert_eq!(inbox(&mut c, "ben"), ["2 positive withdrawn"]);
    assert_eq!(alerts(&mut c, "ben")[0].id, id);
    assert_eq!(warnings(&mut c), ["w visitor positive retracted 1"]);
    // It matches nothing any more …
    c.expect(
        &format!("LCT.VISIT g carla cafe {hour} {}", hour + HOUR / 2),
        "1",
    );
    assert!(inbox(&mut c, "carla").is_empty());
    // … until it is given again.
    c.expect("LCT.WARN g w anna positive", "2");
    assert_eq!(inbox(&mut c, "ben"), ["3 positive active"]);
}

#[test]
fn a_warning_that_concerns_too_many_is_held_until_released_or_rejected() {
    let (_server, mut c, hour) = start();
    c.expect("LCT.WARN g w anna positive HOLD 1", "1");
    // The second one is one too many, also when it comes by a visit.
    c.expect(
        &format!("LCT.VISIT g carla cafe {hour} {}", hour + HOUR / 2),
        "1",
    );
    assert!(inbox(&mut c, "carla").is_empty());
    assert_eq!(warnings(&mut c), ["w visitor positive held 1"]);
    c.expect("LCT.RELEASE g w DRYRUN", "1");
    assert_eq!(warnings(&mut c), ["w visitor positive held 1"]);
    c.expect("LCT.RELEASE g w", "1");
    c.expect("LCT.RELEASE g w", "nil");
    c.expect("LCT.RETRACT g w IFHELD", "nil");
    assert_eq!(inbox(&mut c, "carla"), ["1 positive active"]);
    assert_eq!(inbox(&mut c, "ben"), ["1 positive active"]);
    c.expect("LCT.WARN g x ben symptoms HOLD 0 DRYRUN", "2");
    c.expect("LCT.WARN g x ben symptoms HOLD 0", "nil");
    c.expect("LCT.WARN g x ben symptoms HOLD 0", "nil");
    assert_eq!(held(&mut c), 1);
    c.expect("LCT.RETRACT g x IFHELD", "0");
    assert_eq!(held(&mut c), 0);
    for line in ["LCT.RETRACT g x IFHELD", "LCT.RELEASE g x"] {
        c.expect(line, "nil");
    }
    c.expect("LCT.RETRACT g x", "0");
    assert!(inbox(&mut c, "anna").is_empty());
    assert_eq!(
        warnings(&mut c)
            .iter()
            .filter(|row| row.ends_with("retracted 0"))
            .count(),
        1
    );
}

#[test]
fn who_was_alerted_before_it_was_held_hears_that_it_was_rejected() {
    let (_server, mut c, hour) = start();
    c.expect("LCT.WARN g w anna positive HOLD 1", "1");
    c.expect(
        &format!("LCT.VISIT g carla cafe {hour} {}", hour + HOUR / 2),
        "1",
    );
    assert_eq!(held(&mut c), 1);
    // Nobody owns it any more: it can only be rejected.
    c.expect("LCT.FORGET g anna", "1");
    assert_eq!(held(&mut c), 1);
    c.expect("LCT.RELEASE g w", "nil");
    c.expect("LCT.RETRACT g w IFHELD", "1");
    assert_eq!(inbox(&mut c, "ben"), ["2 positive withdrawn"]);
    assert!(inbox(&mut c, "carla").is_empty());
    assert_eq!(held(&mut c), 0);
}

#[test]
fn warnings_are_listed_by_state_one_by_one_and_page_by_page() {
    let (_server, mut c, _) = start();
    for n in 0..30 {
        let warning = format!("w{:02}", (n * 7) % 30);
        let line = format!("LCT.WARN g {warning} anna positive");
        if n % 3 == 1 {
            c.expect(&format!("{line} HOLD 0"), "nil");
            continue;
        }
        c.expect(&line, "1");
        if n % 3 == 2 {
            c.expect(&format!("LCT.RETRACT g {warning}"), "1");
        }
    }
    assert_eq!(held(&mut c), 10);
    let all = c.run("LCT.WARNINGS g").items().to_vec();
    assert_eq!(all.len(), 30);
    let of_state = |state: Option<&str>| -> Vec<Value> {
        let fits = |row: &&Value| state.is_none_or(|state| row.items()[3].text() == state);
        all.iter().filter(fits).cloned().collect()
    };
    for state in [None, Some("active"), Some("held"), Some("retracted")] {
        let rows = of_state(state);
        assert_eq!(rows.len(), if state.is_some() { 10 } else { 30 });
        let ask = state.map_or("LCT.WARNINGS g".to_owned(), |state| {
            format!("LCT.WARNINGS g state {state}")
        });
        assert_eq!(c.run(&ask).items(), rows);
        for count in [1, 4, 9, 30, 100] {
            let first = &rows[..rows.len().min(count)];
            assert_eq!(c.run(&format!("{ask} COUNT {count}")).items(), first);
        }
        let mut read = c.run(&format!("{ask} COUNT 4")).items().to_vec();
        loop {
            let last = read.last().expect("a row").items()[0].text();
            let page = c.run(&format!("{ask} AFTER {last} COUNT 4"));
            if page.items().is_empty() {
                break;
            }
            read.extend_from_slice(page.items());
        }
        assert_eq!(read, rows, "page by page");
    }
    for row in &all {
        let (warning, state) = (row.items()[0].text(), row.items()[3].text());
        let one = c.run(&format!("LCT.WARNINGS g WARNING {warning}"));
        assert_eq!(one.items(), std::slice::from_ref(row));
        for other in ["active", "held", "retracted"] {
            let one = c.run(&format!("LCT.WARNINGS g STATE {other} WARNING {warning}"));
            assert_eq!(one.items().len(), usize::from(state == other));
        }
    }
    c.expect("LCT.WARNINGS g WARNING unknown", "[]");
    c.expect("LCT.WARNINGS g AFTER unknown", "[]");
}

#[test]
fn a_place_can_be_declared() {
    let (_server, mut c, hour) = start();
    let line = |warning: &str, from: u64, to: u64, more: &str| {
        format!("LCT.WARNSPACE g {warning} cafe contact {from} {to} {more}")
    };
    c.expect(&line("w", hour, hour + 5 * MINUTE, ""), "1"); // anna alone
    assert_eq!(inbox(&mut c, "anna"), ["1 contact active"]);
    // Ben stays from minute 10 to 50: half-open at both ends.
    c.expect(&line("x", hour + 50 * MINUTE, hour + HOUR, "DRYRUN"), "0");
    c.expect(
        &line("x", hour + 50 * MINUTE - 1, hour + HOUR, "DRYRUN"),
        "1",
    );
    c.expect(
        &line("x", hour + 10 * MINUTE, hour + 10 * MINUTE, "DRYRUN"),
        "2",
    );
    c.expect(
        &line("x", hour + 50 * MINUTE, hour + 50 * MINUTE, "DRYRUN"),
        "0",
    );
    c.expect(&line("x", hour, hour + HOUR, "MINTIME 2400001 DRYRUN"), "0");
    c.expect(&line("x", hour, hour + HOUR, "MINTIME 2400000 DRYRUN"), "2");
    // It stands, and AT closes the period.
    c.expect(
        &format!(
            "LCT.VISIT g carla cafe {} {}",
            hour + 4 * MINUTE,
            hour + 6 * MINUTE
        ),
        "1",
    );
    assert_eq!(inbox(&mut c, "carla"), ["1 contact active"]);
    c.expect(&line("y", hour, hour + HOUR, &format!("AT {hour}")), "0");
    c.expect(
        &format!("LCT.VISIT g dora cafe {hour} {}", hour + MINUTE),
        "1",
    );
    assert_eq!(inbox(&mut c, "dora"), ["1 contact active"]); // of w
    c.expect("LCT.RETRACT g w", "3");
    assert!(warnings(&mut c).contains(&"w space contact retracted 3".to_string()));
    c.expect("LCT.RELEASE g w", "nil");
}

#[test]
fn alerted_people_warn_whom_they_met_since() {
    let (_server, mut c, hour) = start();
    c.expect(
        &format!(
            "LCT.VISIT g ben bar {0} {1} carla bar {0} {1} ben gym {2} {3} dora gym {2} {3}",
            hour + 50 * MINUTE,
            hour + 55 * MINUTE,
            hour - 2 * HOUR,
            hour - HOUR
        ),
        "4",
    );
    // Ben has not been alerted yet: accepted, and nobody learns the difference.
    c.expect("LCT.WARN g b ben alerted", "0");
    c.expect("LCT.WARN g a anna positive", "1");
    assert_eq!(inbox(&mut c, "carla"), ["1 alerted active"]);
    assert!(inbox(&mut c, "dora").is_empty(), "met before");
    assert_eq!(inbox(&mut c, "ben"), ["1 positive active"]);
}

/// The order of arrival makes no difference, and what comes late is no evidence.
#[test]
fn a_warning_stands() {
    let (server, mut c, hour) = start();
    c.expect("CONFIG SET lct.late 7200000", "OK");
    c.expect("LCT.WARN g w anna positive", "1");
    let visit = |c: &mut Client, who: &str, start: u64, end: u64| {
        c.expect(&format!("LCT.VISIT g {who} cafe {start} {end}"), "1");
    };
    visit(&mut c, "carla", hour, hour + MINUTE);
    assert_eq!(inbox(&mut c, "carla"), ["1 positive active"]);
    // By a visit of the index case.
    c.expect(
        &format!("LCT.VISIT g dora bar {hour} {}", hour + MINUTE),
        "1",
    );
    assert!(inbox(&mut c, "dora").is_empty());
    c.expect(
        &format!("LCT.VISIT g anna bar {hour} {}", hour + MINUTE),
        "1",
    );
    assert_eq!(inbox(&mut c, "dora"), ["1 positive active"]);
    // By one that is moved, or lengthened.
    visit(&mut c, "emma", hour + 45 * MINUTE, hour + 50 * MINUTE);
    assert!(inbox(&mut c, "emma").is_empty());
    c.expect(
        &format!(
            "LCT.REVISIT g emma cafe {} {} {}",
            hour + 45 * MINUTE,
            hour + 39 * MINUTE,
            hour + 50 * MINUTE
        ),
        "1",
    );
    assert_eq!(inbox(&mut c, "emma"), ["1 positive active"]);
    visit(&mut c, "fred", hour - 5 * MINUTE, hour);
    assert!(inbox(&mut c, "fred").is_empty());
    c.expect(
        &format!("LCT.VISIT g fred cafe {} {}", hour - 5 * MINUTE, hour + 1),
        "0",
    );
    assert_eq!(inbox(&mut c, "fred"), ["1 positive active"]);
    // In one command, from left to right.
    c.expect(
        &format!(
            "LCT.VISIT g gina pub {hour} {0} anna pub {hour} {0} hans pub {hour} {0}",
            hour + MINUTE
        ),
        "3",
    );
    assert_eq!(inbox(&mut c, "gina"), ["1 positive active"]);
    assert_eq!(inbox(&mut c, "hans"), ["1 positive active"]);
    // In a transaction and in a script.
    c.run("MULTI");
    c.run(&format!("LCT.VISIT g ida cafe {hour} {}", hour + MINUTE));
    c.run("LCT.ALERTS g ida");
    let exec = c.run("EXEC").to_string();
    assert!(
        exec.starts_with("[1 [[") && exec.contains("positive high active"),
        "{exec}"
    );
    let script = format!(
        "redis.call('LCT.VISIT', KEYS[1], 'jan', 'cafe', '{hour}', '{}') return #redis.call('LCT.ALERTS', KEYS[1], 'jan')",
        hour + MINUTE
    );
    assert_eq!(c.call(&args!["EVAL", script, 1, "g"]), Value::Int(1));
    // Late: it may be planted. It counts for what is asked afterwards.
    let late = hour - 3 * HOUR;
    c.expect(
        &format!(
            "LCT.VISIT g kim cafe {late} {0} anna cafe {late} {0}",
            late + MINUTE
        ),
        "2",
    );
    assert!(inbox(&mut c, "kim").is_empty());
    c.expect("LCT.EXPOSED g kim", "[anna]");
    c.expect("LCT.WARN g other anna positive DRYRUN", "10");
    c.expect("LCT.WARN g w anna positive", "1");
    assert_eq!(inbox(&mut c, "kim"), ["1 positive active"]);
    // What goes takes nothing along.
    c.expect(&format!("LCT.UNVISIT g carla cafe {hour}"), "1");
    assert_eq!(inbox(&mut c, "carla"), ["1 positive active"]);
    drop(server);
}

#[test]
fn who_is_forgotten_leaves_every_warning() {
    let (_server, mut c, hour) = start();
    c.expect(
        &format!("LCT.VISIT g carla cafe {hour} {}", hour + HOUR / 2),
        "1",
    );
    c.expect("LCT.WARN g w anna positive", "2");
    c.expect("LCT.FORGET g carla", "1");
    c.expect("LCT.ALERTS g carla", "[]");
    assert_eq!(c.run("LCT.INFO g").get("alerts").int(), 1);
    // The index case: the warning stays, ownerless, and can be taken back.
    c.expect("LCT.FORGET g anna", "1");
    assert_eq!(inbox(&mut c, "ben"), ["1 positive active"]);
    c.expect(
        &format!("LCT.VISIT g anna cafe {hour} {}", hour + HOUR),
        "1",
    );
    c.expect(
        "LCT.WARN g w anna positive",
        "-ERR warning: this id belongs to another visitor or another kind of warning",
    );
    c.expect("LCT.RETRACT g w", "1");
    assert_eq!(inbox(&mut c, "ben"), ["2 positive withdrawn"]);
    c.expect("LCT.REVOKE g ben", "1");
    c.expect("LCT.ALERTS g ben", "[]");
    c.expect(
        "LCT.WARN g x ben positive",
        "-REVOKED visitor: this id was revoked and cannot be used again",
    );
    c.expect(
        "LCT.WARN g x ben positive DRYRUN",
        "-REVOKED visitor: this id was revoked and cannot be used again",
    );
}

#[test]
fn alerts_age_and_warnings_end_by_themselves() {
    let server = Server::with(&["lct.retention 6000", "lct.alert-ttl 2500"]);
    let mut c = server.client();
    let begin = now();
    c.expect(
        &format!(
            "LCT.VISIT g anna cafe {} {begin} ben cafe {} {begin}",
            begin - 500,
            begin - 500
        ),
        "2",
    );
    c.expect("LCT.WARN g w anna positive", "1");
    while now() < begin + 1500 {
        assert_eq!(inbox(&mut c, "ben"), ["1 positive active"]);
        std::thread::sleep(Duration::from_millis(50));
    }
    eventually("the alert has aged", SOON, || {
        inbox(&mut c, "ben").is_empty()
    });
    // The warning remembers whom it has told.
    c.expect("LCT.RETRACT g w", "1");
    assert_eq!(inbox(&mut c, "ben"), ["2 positive withdrawn"]);
    eventually("nothing is left", SOON * 2, || {
        c.run("EXISTS g") == Value::Int(0)
    });
}

#[test]
fn an_aged_alert_is_not_told_even_before_it_is_purged() {
    let (_server, mut c, _) = start();
    c.expect("LCT.WARN g w anna positive", "1");
    std::thread::sleep(Duration::from_millis(5));
    // No round comes in between.
    c.expect("MULTI", "OK");
    c.expect("CONFIG SET lct.alert-ttl 1", "QUEUED");
    c.expect("LCT.ALERTS g ben", "QUEUED");
    c.expect("LCT.INFO g", "QUEUED");
    let Value::Array(replies) = c.run("EXEC") else {
        panic!("no transaction");
    };
    assert_eq!(replies[1].to_string(), "[]");
    let info = replies[2].to_string();
    assert!(info.contains("alerts 1 "), "not purged: {info}");
}

#[test]
fn a_purge_takes_alerts_by_their_age_and_warnings_that_are_over() {
    let (_server, mut c, hour) = start();
    c.expect("LCT.WARN g w anna positive", "1");
    c.expect("LCT.PURGE g BEFORE 5", "0");
    assert_eq!(inbox(&mut c, "ben").len(), 1);
    std::thread::sleep(Duration::from_millis(5));
    c.expect(&format!("LCT.PURGE g BEFORE 5 ALERTS {}", now()), "0");
    assert!(inbox(&mut c, "ben").is_empty());
    assert_eq!(warnings(&mut c), ["w visitor positive active 1"]);
    c.expect(&format!("LCT.PURGE g BEFORE {}", hour + 45 * MINUTE), "1");
    assert_eq!(warnings(&mut c).len(), 1, "its window is not past");
    c.expect(&format!("LCT.PURGE g BEFORE {}", now()), "1");
    c.expect("EXISTS g", "0");
}

/// Second orders are looked for by a timer, on the primary, and a replica is told.
#[test]
fn second_orders_follow_within_ten_seconds_here_there_and_after_a_failover() {
    let (server, mut c, hour) = start();
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let meet = |c: &mut Client, who: &str| {
        c.expect(
            &format!(
                "LCT.VISIT g ben pub-{who} {0} {1} {who} pub-{who} {0} {1}",
                hour + 50 * MINUTE,
                hour + 55 * MINUTE
            ),
            "2",
        );
    };
    c.expect("LCT.WARN g w anna positive ORDER 2", "1");
    meet(&mut c, "carla");
    assert!(inbox(&mut c, "carla").is_empty());
    let begin = Instant::now();
    eventually("carla is alerted", SOON, || {
        inbox(&mut c, "carla") == ["1 positive active"]
    });
    println!("second order after {:?}", begin.elapsed());
    replica.wait_in_sync(&server);
    let mut r = replica.client();
    assert_eq!(inbox(&mut r, "carla"), ["1 positive active"]);
    assert_eq!(digests(&mut r, &["g"]), digests(&mut c, &["g"]));
    // Under another name it goes on.
    meet(&mut c, "dora");
    c.expect("RENAME g elsewhere", "OK");
    std::thread::sleep(Duration::from_millis(100));
    eventually("dora is alerted", SOON, || {
        !c.run("LCT.ALERTS elsewhere dora").items().is_empty()
    });
    c.expect("RENAME elsewhere g", "OK");
    // A copy has alerts of its own to give.
    meet(&mut c, "emma");
    c.expect("COPY g copy", "1");
    eventually("emma is alerted twice", SOON, || {
        !c.run("LCT.ALERTS copy emma").items().is_empty() && !inbox(&mut c, "emma").is_empty()
    });
    // The replica takes over what the primary left undone.
    meet(&mut c, "fred");
    replica.wait_in_sync(&server);
    drop(server);
    assert!(inbox(&mut r, "fred").is_empty());
    r.expect("REPLICAOF NO ONE", "OK");
    eventually("fred is alerted by the new primary", SOON, || {
        inbox(&mut r, "fred") == ["1 positive active"]
    });
}

/// … and after a restart, whatever was not yet looked for.
#[test]
fn second_orders_survive_a_crash() {
    for settings in [
        &["appendonly yes", "appendfsync always"][..],
        &[
            "appendonly yes",
            "appendfsync always",
            "aof-use-rdb-preamble no",
        ],
    ] {
        let mut server = Server::with(settings);
        let mut c = server.client();
        let hour = now() - HOUR;
        let end = hour + MINUTE;
        c.expect(
            &format!("LCT.VISIT g anna cafe {hour} {end} ben cafe {hour} {end}"),
            "2",
        );
        c.expect("LCT.WARN g w anna positive ORDER 2", "1");
        c.expect(
            &format!(
                "LCT.VISIT g ben bar {end} {0} carla bar {end} {0}",
                end + MINUTE
            ),
            "2",
        );
        server.restart(Stop::Kill);
        let mut c = server.client();
        assert_eq!(inbox(&mut c, "ben"), ["1 positive active"]);
        eventually("carla is alerted", SOON, || {
            inbox(&mut c, "carla") == ["1 positive active"]
        });
        c.run("BGREWRITEAOF");
        eventually("the file is rewritten", SOON, || {
            server.info("aof_rewrite_in_progress") == "0"
        });
        let digest = digests(&mut c, &["g"]);
        server.restart(Stop::Kill);
        assert_eq!(digests(&mut server.client(), &["g"]), digest);
    }
}

/// Random histories: primary, replica with a mind of its own, replayed file and snapshot hold the same.
#[test]
fn everybody_holds_the_same_warnings_and_alerts() {
    let mut rng = random::seeded("everybody the same");
    for round in 0..random::scaled(6) {
        let mut server = Server::with(&[
            "appendonly yes",
            "appendfsync no",
            "lct.retention 1209600000",
            "lct.late 3600000",
            ["aof-use-rdb-preamble yes", "aof-use-rdb-preamble no"][round % 2],
        ]);
        let own_mind = ["lct.retention 1000", "lct.alert-ttl 1", "lct.late 1"];
        let replica = own_mind
            .iter()
            .fold(Builder::default(), |builder, line| builder.conf(line))
            .conf(&format!("replicaof 127.0.0.1 {}", server.port()))
            .start();
        replica.wait_in_sync(&server);
        let mut c = server.client();
        let mut warned = 0;
        for step in 0..3000 {
            let line = random_command(&mut rng);
            let reply = c.run(&line);
            let known = ["-ERR warning:", "-REVOKED"];
            let reply = reply.to_string();
            assert!(
                !reply.starts_with('-') || known.iter().any(|error| reply.starts_with(error)),
                "{line}: {reply}"
            );
            let alerted = reply.parse().is_ok_and(|alerted: u64| alerted > 0);
            warned += usize::from(line.starts_with("LCT.WARN ") && alerted);
            if step == 1500 {
                c.run("BGREWRITEAOF");
            }
        }
        assert!(warned > 3, "{warned} warnings alerted somebody");
        // Second orders still to come are part of what must be equal.
        std::thread::sleep(Duration::from_secs(3));
        eventually("the file is rewritten", SOON, || {
            server.info("aof_rewrite_in_progress") == "0"
        });
        replica.wait_in_sync(&server);
        // What is stored must be equal; how long alerts are told is each server's own setting.
        let mut its_client = replica.client();
        its_client.expect("CONFIG SET lct.alert-ttl 1209600000", "OK");
        let everything = |c: &mut Client| {
            let inboxes: Vec<String> = (0..VISITORS)
                .map(|visitor| c.run(&format!("LCT.ALERTS g v{visitor}")).to_string())
                .collect();
            (
                digests(c, &["g"]),
                c.run("LCT.WARNINGS g").to_string(),
                inboxes,
            )
        };
        let expected = everything(&mut c);
        assert_eq!(everything(&mut its_client), expected, "the replica");
        c.expect("DEBUG RELOAD", "OK");
        assert_eq!(everything(&mut c), expected, "the snapshot");
        server.restart(Stop::Kill);
        assert_eq!(
            everything(&mut server.client()),
            expected,
            "the replayed file"
        );
    }
}

const VISITORS: usize = 12;

/// Something somebody might do; half of the visits lie so far back that they are late.
fn random_command(rng: &mut Pcg64) -> String {
    let now = now();
    let visitor = format!("v{}", rng.random_range(0..VISITORS));
    let space = format!("s{}", rng.random_range(0..5));
    let warning = format!("w{}", rng.random_range(0..12));
    let start = now - rng.random_range(1..3 * HOUR);
    let end = start + rng.random_range(1..HOUR / 2);
    match rng.random_range(0..100) {
        0..55 => format!("LCT.VISIT g {visitor} {space} {start} {end}"),
        55..60 => format!(
            "LCT.VISIT g {visitor} {space} {start} {end} v{} {space} {start} {end}",
            rng.random_range(0..VISITORS)
        ),
        60..63 => format!("LCT.UNVISIT g {visitor} {space} {start}"),
        63..80 => {
            let reason = ["positive", "contact", "symptoms", "alerted"][rng.random_range(0..4)];
            let mut line = format!("LCT.WARN g {warning} {visitor} {reason}");
            if reason != "alerted" && rng.random_ratio(1, 2) {
                line += " ORDER 2";
            }
            if rng.random_ratio(1, 4) {
                line += " MINTIME 300000";
            }
            if rng.random_ratio(1, 4) {
                line += " LINGER 600000";
            }
            if rng.random_ratio(1, 4) {
                line += " HOLD 3";
            }
            if rng.random_ratio(1, 3) {
                line += &format!(" FROM {start} AT {}", now + HOUR);
            }
            line
        }
        80..83 => format!("LCT.WARNSPACE g s-{warning} {space} contact {start} {end}"),
        83..85 => format!("LCT.RETRACT g {warning}"),
        85..87 => format!("LCT.RETRACT g {warning} IFHELD"),
        87..89 => format!("LCT.RELEASE g {warning}"),
        89..92 => format!("LCT.FORGET g {visitor}"),
        92..94 => format!("LCT.PURGE g BEFORE {}", now - 2 * HOUR),
        94..95 => format!("LCT.PURGE g ALERTS {}", now - 50),
        _ => format!("LCT.WARN g {warning} {visitor} positive DRYRUN"),
    }
}

/// The doorbell's messages until `count` rings were heard: each message's rings as (visitor, alert, state).
fn hear(subscriber: &mut Client, channel: &str, count: usize) -> Vec<Vec<[String; 3]>> {
    let mut messages = Vec::new();
    let mut heard = 0;
    while heard < count {
        let message = subscriber.receive().expect("a message");
        let [kind, from, payload] = message.items() else {
            panic!("no message: {message}")
        };
        assert_eq!(
            (kind.text().as_str(), from.text().as_str()),
            ("message", channel)
        );
        let payload: serde_json::Value = serde_json::from_slice(payload.bytes()).expect("JSON");
        let ring = |ring: &serde_json::Value| {
            assert_eq!(ring.as_object().expect("an object").len(), 3, "{ring}");
            ["visitor", "alert", "state"]
                .map(|field| ring[field].as_str().expect("text").to_string())
        };
        let rings: Vec<_> = payload
            .as_array()
            .expect("an array")
            .iter()
            .map(ring)
            .collect();
        assert!((1..=512).contains(&rings.len()), "{} rings", rings.len());
        heard += rings.len();
        messages.push(rings);
    }
    assert_eq!(heard, count, "rings heard");
    messages
}

/// Makes sure that nothing is to be heard but markers. (A client's PUBLISH reaches the subscribers of replicas too.)
fn hear_nothing(publisher: &mut Client, subscriber: &mut Client, channel: &str) {
    std::thread::sleep(Duration::from_millis(100));
    let marker = format!("the end at {}", now());
    publisher.call(&args!["PUBLISH", channel, marker]);
    loop {
        let message = subscriber.receive().expect("a message");
        let text = message.items()[2].text();
        assert!(text.starts_with("the end"), "{message}");
        if text == marker {
            return;
        }
    }
}

#[test]
fn the_doorbell_rings_for_each_alert_and_says_nothing_else() {
    const CHANNEL: &str = "lct:alerts:g";
    let (server, mut c, hour) = start();
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let mut ear = server.client();
    ear.run("SUBSCRIBE lct:alerts:g");
    let mut far = replica.client();
    far.run("SUBSCRIBE lct:alerts:g");
    let odd = r#"o'd"d\é{}[],"#;
    let visit = args!["LCT.VISIT", "g", odd, "cafe", hour, hour + 30 * MINUTE];
    assert_eq!(c.call(&visit), Value::Int(1));
    hear_nothing(&mut c, &mut ear, CHANNEL);
    c.expect("LCT.WARN g w anna positive", "2");
    let rings: Vec<_> = hear(&mut ear, CHANNEL, 2).concat();
    for [visitor, alert, state] in &rings {
        let inbox = alerts(&mut c, visitor);
        assert_eq!(*alert, format!("{}.1", inbox[0].id));
        assert_eq!(state, "active");
    }
    let heard: HashSet<&str> = rings.iter().map(|ring| ring[0].as_str()).collect();
    assert_eq!(heard, HashSet::from(["ben", odd]));
    for (field, value) in [
        ("lct_warnings_given", "1"),
        ("lct_alerts_given", "2"),
        ("lct_rings_published", "2"),
    ] {
        assert_eq!(server.info(field), value, "{field}");
    }
    // Nothing new, nothing to ring for.
    c.expect("LCT.WARN g w anna positive", "0");
    c.expect("LCT.WARN g w anna positive DRYRUN", "0");
    hear_nothing(&mut c, &mut ear, CHANNEL);
    // By a visit, in a transaction.
    c.run("MULTI");
    c.run(&format!("LCT.VISIT g carla cafe {hour} {}", hour + MINUTE));
    c.run("EXEC");
    assert_eq!(hear(&mut ear, CHANNEL, 1)[0][0][0], "carla");
    c.expect("LCT.RETRACT g w", "3");
    let rings = hear(&mut ear, CHANNEL, 3).concat();
    assert!(
        rings
            .iter()
            .all(|[_, alert, state]| alert.ends_with(".2") && state == "withdrawn"),
        "{rings:?}"
    );
    // Given, taken back and forgotten in one step: only how it ended.
    c.run("MULTI");
    c.run("LCT.WARN g w anna positive");
    c.run("LCT.RETRACT g w");
    c.run("LCT.FORGET g carla");
    c.run("EXEC");
    let rings = hear(&mut ear, CHANNEL, 2).concat();
    assert!(
        rings
            .iter()
            .all(|[visitor, alert, _]| visitor != "carla" && alert.ends_with(".4")),
        "{rings:?}"
    );
    // The key goes before anybody rings: nothing is lost but rings.
    c.run("MULTI");
    c.run("LCT.WARN g w anna positive");
    c.run("DEL g");
    c.run("EXEC");
    hear_nothing(&mut c, &mut ear, CHANNEL);
    replica.wait_in_sync(&server);
    hear_nothing(&mut replica.client(), &mut far, CHANNEL);
    // The replica rings once it leads.
    let mut r = replica.client();
    drop(server);
    r.expect("REPLICAOF NO ONE", "OK");
    r.expect(
        &format!(
            "LCT.VISIT g anna cafe {hour} {0} ben cafe {hour} {0}",
            hour + MINUTE
        ),
        "2",
    );
    r.expect("LCT.WARN g w anna positive", "1");
    assert_eq!(hear(&mut far, CHANNEL, 1)[0][0][0], "ben");
    assert_eq!(replica.info("lct_rings_published"), "1");
    assert_eq!(replica.info("lct_graphs_ringing"), "0");
}

/// What is replayed from disk rings for nobody.
#[test]
fn loading_rings_for_nobody() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let mut c = server.client();
    let hour = now() - HOUR;
    c.expect(
        &format!(
            "LCT.VISIT g anna cafe {hour} {0} ben cafe {hour} {0}",
            hour + MINUTE
        ),
        "2",
    );
    c.expect("LCT.WARN g w anna positive", "1");
    server.restart(Stop::Kill);
    let mut ear = server.client();
    ear.run("SUBSCRIBE lct:alerts:g");
    hear_nothing(&mut server.client(), &mut ear, "lct:alerts:g");
    assert_eq!(server.info("lct_rings_published"), "0");
    assert_eq!(inbox(&mut server.client(), "ben"), ["1 positive active"]);
}

/// Fifty thousand at one venue: one warning, every inbox, every ring, and a subscriber under the shipped limits.
#[test]
fn fifty_thousand_are_told_and_nobody_waits() {
    let crowd = random::scaled(50_000);
    let server = Server::with(&["client-output-buffer-limit pubsub 64mb 16mb 60"]);
    let mut c = server.client();
    let (start, end) = (now() - HOUR, now() - MINUTE);
    let commands: Vec<Vec<Vec<u8>>> = (0..crowd)
        .map(|number| format!("0b1f6a52-8a4f-4d0c-9a53-{number:012}"))
        .collect::<Vec<_>>()
        .chunks(500)
        .map(|visitors| {
            let mut command = args!["LCT.VISIT", "g"];
            for visitor in visitors {
                command.extend(args![visitor, "arena", start, end]);
            }
            command
        })
        .collect();
    for reply in c.pipeline(&commands).expect("replies") {
        assert!(!reply.is_error(), "{reply}");
    }
    c.expect(&format!("LCT.VISIT g anna arena {start} {end}"), "1");
    let mut ear = server.client();
    ear.run("SUBSCRIBE lct:alerts:g");
    for (line, state) in [
        ("LCT.WARN g w anna positive", "active"),
        ("LCT.RETRACT g w", "withdrawn"),
    ] {
        let done = AtomicBool::new(false);
        let rings = std::thread::scope(|scope| {
            let mut pinger = server.client();
            let done = &done;
            let pinging = scope.spawn(move || {
                let mut waited = Duration::ZERO;
                while !done.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    pinger.expect("PING", "PONG");
                    waited = waited.max(begin.elapsed());
                }
                waited
            });
            let begin = Instant::now();
            c.expect(line, &crowd.to_string());
            let searched = begin.elapsed();
            let rings = hear(&mut ear, "lct:alerts:g", crowd);
            done.store(true, Ordering::Relaxed);
            let waited = pinging.join().expect("the pinging thread");
            // Printed, not asserted: how fast the machine is is no fault of the module.
            println!(
                "{line}: {searched:?}, all {} messages after {:?}, a PING waited {waited:?} at most",
                rings.len(),
                begin.elapsed()
            );
            rings
        });
        let visitors: HashSet<String> =
            rings.iter().flatten().map(|ring| ring[0].clone()).collect();
        assert_eq!(visitors.len(), crowd, "each hears it once");
        assert!(rings.iter().flatten().all(|ring| ring[2] == state));
    }
    assert_eq!(c.run("LCT.INFO g").get("alerts").int(), crowd as i64);
}

/// A node of a cluster, alone with all slots: everything works, and each ring is heard once.
#[test]
fn a_cluster_node_warns_and_rings() {
    let server = Server::with(&["cluster-enabled yes"]);
    let mut c = server.client();
    c.expect("CLUSTER ADDSLOTSRANGE 0 16383", "OK");
    eventually("the cluster is up", SOON, || {
        c.run("CLUSTER INFO").text().contains("cluster_state:ok")
    });
    let mut ear = server.client();
    ear.run("SUBSCRIBE lct:alerts:lct:{es-08}");
    let hour = now() - HOUR;
    c.expect(
        &format!(
            "LCT.VISIT lct:{{es-08}} anna cafe {hour} {0} ben cafe {hour} {0}",
            hour + MINUTE
        ),
        "2",
    );
    c.expect("LCT.WARN lct:{es-08} w anna positive", "1");
    let rings = hear(&mut ear, "lct:alerts:lct:{es-08}", 1);
    assert_eq!(rings[0][0][0], "ben");
    hear_nothing(&mut c, &mut ear, "lct:alerts:lct:{es-08}");
}
