//! The redis.conf of this repository: it starts, keeps what was acknowledged, bounds what clients can do, and lets each user do their
//! job and nothing else.

use lct_tests::{Builder, Client, Server, Stop, Value, now, root};

fn start() -> (Server, Client) {
    let server = Builder::shipped().start();
    let client = server.client();
    (server, client)
}

#[test]
fn the_baseline_holds() {
    let (_server, mut c) = start();
    let mut get = |name: &str| c.run(&format!("CONFIG GET {name}")).get(name).text();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("no-appendfsync-on-rewrite", "no"),
        ("save", ""),
        ("maxmemory-policy", "noeviction"),
        ("enable-debug-command", "no"),
        ("enable-module-command", "no"),
        ("protected-mode", "yes"),
        ("proto-max-bulk-len", "1048576"),
        ("client-query-buffer-limit", "16777216"),
        ("lct.retention", "1209600000"),
        ("lct.alert-ttl", "1209600000"),
        ("lct.late", "86400000"),
        ("lct.max-visit", "86400000"),
        ("lct.max-ahead", "86400000"),
        ("lct.erase-within", "86400000"),
    ] {
        assert_eq!(get(name), value, "{name}");
    }
    assert_ne!(get("maxmemory"), "0");
    assert!(get("client-output-buffer-limit").contains("pubsub 67108864 16777216 60"));
    let text = std::fs::read_to_string(root().join("redis.conf")).expect("redis.conf");
    assert!(
        text.lines().any(|line| line == "user default off"),
        "nobody gets in without a name"
    );
    assert!(
        text.lines().any(|line| line.starts_with("loadmodule ")),
        "it loads the module"
    );
    for line in text
        .lines()
        .filter(|line| line.starts_with("user ") && *line != "user default off")
    {
        assert!(
            !line.contains("nopass") && !line.contains('>'),
            "no shipped password: {line}"
        );
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let (mut server, mut c) = start();
    let now = now();
    c.expect(
        &format!("LCT.VISIT lct alice cafe {} {now}", now - 1000),
        "1",
    );
    server.restart(Stop::Kill);
    server.client().expect(
        "LCT.VISITS lct alice",
        &format!("[[cafe {} {now}]]", now - 1000),
    );
}

const USERS: [&str; 4] = ["gateway", "operator", "tracer", "auditor"];

/// Commands, and which of the users above may run each of them.
const MATRIX: &[(&str, [bool; 4])] = &[
    ("LCT.VISIT lct v s 0 1", [true, false, false, false]),
    ("LCT.VISIT lct:es v s 0 1", [true, false, false, false]),
    ("LCT.VISIT Sandbox v s 0 1", [true, false, false, false]),
    ("LCT.REVISIT lct v s 0 1 2", [true, false, false, false]),
    ("LCT.UNVISIT lct v s 0", [true, false, false, false]),
    ("LCT.VISITS lct v", [true, false, false, false]),
    ("LCT.EXPOSED lct v", [false, false, true, false]),
    ("LCT.PRESENT lct s 0 1", [false, false, true, false]),
    ("LCT.PURGE lct", [false, true, false, false]),
    ("LCT.FORGET lct v", [false, false, false, false]),
    ("LCT.REVOKE lct v", [false, false, false, false]),
    ("LCT.LOAD lct part", [false, false, false, false]),
    ("LCT.INFO lct", [true, true, true, true]),
    ("PING", [true, true, true, true]),
    ("SUBSCRIBE lct:alerts:lct", [true, false, false, false]),
    ("INFO", [false, true, false, true]),
    ("BGREWRITEAOF", [false, true, false, false]),
    ("ACL LOG", [false, false, false, true]),
    ("ACL LIST", [false, false, false, true]),
    // Foreign keys and channels.
    ("LCT.VISIT other v s 0 1", [false; 4]),
    ("LCT.EXPOSED other v", [false; 4]),
    ("LCT.INFO other", [false; 4]),
    ("LCT.PURGE other", [false; 4]),
    ("SUBSCRIBE other", [false; 4]),
    ("PSUBSCRIBE *", [false; 4]),
    // Ways round the module, to its data or out of the server.
    ("GET lct", [false; 4]),
    ("DUMP lct", [false; 4]),
    ("RESTORE lct 0 x", [false; 4]),
    ("COPY lct lct:2", [false; 4]),
    ("RENAME lct lct:2", [false; 4]),
    ("DEL lct", [false; 4]),
    ("UNLINK lct", [false; 4]),
    ("SET lct x", [false; 4]),
    ("EXPIRE lct 1", [false; 4]),
    ("KEYS *", [false; 4]),
    ("SCAN 0", [false; 4]),
    ("EVAL x 0", [false; 4]),
    ("FUNCTION LIST", [false; 4]),
    ("MONITOR", [false; 4]),
    ("SLOWLOG GET", [false; 4]),
    ("DEBUG RELOAD", [false; 4]),
    ("CONFIG GET maxmemory", [false; 4]),
    ("CONFIG GET masterauth", [false; 4]),
    ("CONFIG SET dir /", [false; 4]),
    ("CONFIG REWRITE", [false; 4]),
    ("ACL SETUSER x", [false; 4]),
    ("ACL SAVE", [false; 4]),
    ("MODULE LOAD x", [false; 4]),
    ("REPLICAOF 10.0.0.1 1", [false; 4]),
    ("SYNC", [false; 4]),
    ("PSYNC ? -1", [false; 4]),
    ("MIGRATE h 1 lct 0 1", [false; 4]),
    ("FAILOVER", [false; 4]),
    ("FLUSHALL", [false; 4]),
    ("SWAPDB 0 1", [false; 4]),
    ("SAVE", [false; 4]),
    ("BGSAVE", [false; 4]),
    ("SHUTDOWN", [false; 4]),
    ("CLIENT KILL TYPE normal", [false; 4]),
];

#[test]
fn each_user_may_do_their_job_and_nothing_else() {
    let (_server, mut c) = start();
    let mut listed: Vec<String> = c
        .run("ACL USERS")
        .items()
        .iter()
        .map(|user| user.text())
        .collect();
    listed.sort();
    assert_eq!(
        listed,
        ["auditor", "default", "gateway", "operator", "tracer"]
    );
    for (command, allowed) in MATRIX {
        for (user, allowed) in USERS.iter().zip(allowed) {
            let reply = c.run(&format!("ACL DRYRUN {user} {command}"));
            assert_eq!(
                reply == Value::Simple("OK".into()),
                *allowed,
                "{user}: {command}: {reply}"
            );
        }
    }
}

#[test]
fn only_the_tracer_may_ask_who_met_whom() {
    let (_server, mut c) = start();
    for command in c
        .run("COMMAND LIST FILTERBY MODULE lct")
        .items()
        .iter()
        .map(|name| name.text())
    {
        assert!(
            MATRIX
                .iter()
                .any(|(line, _)| line.to_lowercase().starts_with(&format!("{command} "))),
            "{command} is not in the matrix"
        );
    }
    for user in USERS {
        for question in ["LCT.EXPOSED lct v", "LCT.PRESENT lct s 0 1"] {
            let reply = c.run(&format!("ACL DRYRUN {user} {question}"));
            assert_eq!(
                reply == Value::Simple("OK".into()),
                user == "tracer",
                "{user}: {question}"
            );
        }
    }
}
