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
        ("lct.density-k", "5"),
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

const USERS: [&str; 5] = ["gateway", "operator", "tracer", "auditor", "analyst"];

/// What each of them may run at all, on whatever key.
const MAY_RUN: [(&str, &str); 5] = [
    (
        "gateway",
        "ping time wait multi exec subscribe unsubscribe publish \
         lct.visit lct.revisit lct.unvisit lct.visits lct.warn lct.retract lct.alerts lct.ack lct.forget lct.revoke lct.info \
         get set incrby sadd smembers srem scard hexists hsetnx hmget hgetall unlink xadd xtrim pexpire",
    ),
    (
        "operator",
        "ping info role dbsize lastsave client|list latency|latest latency|history latency|histogram latency|doctor \
         memory|stats memory|doctor slowlog|len module|list wait multi exec bgrewriteaof \
         lct.info lct.purge lct.warnspace lct.retract lct.release lct.warnings lct.density \
         hset hgetall hmget hkeys hdel pexpire unlink xlen xrange xrevrange",
    ),
    ("tracer", "ping lct.exposed lct.present lct.info"),
    (
        "auditor",
        "ping info acl|whoami acl|list acl|users acl|getuser acl|dryrun acl|cat acl|log client|list module|list \
         command|list command|info command|docs lct.info xlen xrange xrevrange",
    ),
    ("analyst", "ping lct.density"),
];

/// Calls on keys and channels, and which of the users above may make each of them.
const MATRIX: &[(&str, [bool; 5])] = &[
    ("LCT.VISIT lct v s 0 1", [true, false, false, false, false]),
    (
        "LCT.VISIT lct:es v s 0 1",
        [true, false, false, false, false],
    ),
    (
        "LCT.VISIT Sandbox v s 0 1",
        [true, false, false, false, false],
    ),
    ("LCT.VISITS lct v", [true, false, false, false, false]),
    (
        "LCT.WARN lct w v positive",
        [true, false, false, false, false],
    ),
    (
        "LCT.WARNSPACE lct w s contact 0 1",
        [false, true, false, false, false],
    ),
    ("LCT.RETRACT lct w", [true, true, false, false, false]),
    ("LCT.RELEASE lct w", [false, true, false, false, false]),
    ("LCT.WARNINGS lct", [false, true, false, false, false]),
    ("LCT.ALERTS lct v", [true, false, false, false, false]),
    ("LCT.ACK lct v a", [true, false, false, false, false]),
    (
        "LCT.STAND lct w CLOCK 1",
        [false, false, false, false, false],
    ),
    ("LCT.EXPOSED lct v", [false, false, true, false, false]),
    ("LCT.PRESENT lct s 0 1", [false, false, true, false, false]),
    (
        "LCT.DENSITY lct 0 1 SPACE s",
        [false, true, false, false, true],
    ),
    // Nor tell whether there is such a book.
    (
        "LCT.DENSITY lct:cap:lct:warnings:1 0 1",
        [false, true, false, false, false],
    ),
    ("LCT.PURGE lct", [false, true, false, false, false]),
    ("LCT.FORGET lct v", [true, false, false, false, false]),
    ("LCT.REVOKE lct v", [true, false, false, false, false]),
    ("LCT.INFO lct", [true, true, true, true, false]),
    (
        "SUBSCRIBE lct:alerts:lct",
        [true, false, false, false, false],
    ),
    (
        "SUBSCRIBE lct:control:lct",
        [true, false, false, false, false],
    ),
    (
        "PUBLISH lct:control:lct x",
        [true, false, false, false, false],
    ),
    ("PUBLISH lct:probe:7 x", [true, false, false, false, false]),
    // The gateways' own books; the operator makes codes and tokens and reads what people wrote.
    ("INCRBY lct:cap:lct:1 1", [true, false, false, false, false]),
    (
        "HMGET lct:code:lct:1 day",
        [true, false, false, false, false],
    ),
    (
        "HSET lct:code:lct:1 day 1",
        [false, true, false, false, false],
    ),
    (
        "XADD lct:feedback:lct * text x",
        [true, false, false, false, false],
    ),
    (
        "XRANGE lct:feedback:lct - +",
        [false, true, false, false, false],
    ),
    (
        "HSET lct:feedback-status:lct 1-0 read",
        [false, true, false, false, false],
    ),
    (
        "HMGET lct:feedback-status:lct 1-0",
        [false, true, false, false, false],
    ),
    (
        "XADD lct:audit:operators * who x",
        [true, false, false, false, false],
    ),
    (
        "XREVRANGE lct:audit:operators + -",
        [false, true, false, true, false],
    ),
    ("HGETALL lct:token:1", [true, true, false, false, false]),
    ("HSET lct:token:1 a b", [false, true, false, false, false]),
    ("HDEL lct:token:all 1", [false, true, false, false, false]),
    ("INCRBY lct:rate:1:2 3", [true, false, false, false, false]),
    (
        "SET lct:nonce:lct:1 x NX PX 1",
        [true, false, false, false, false],
    ),
    ("SADD lct:gone:lct:1 x", [true, false, false, false, false]),
    (
        "SMEMBERS lct:gone:lct:1",
        [true, false, false, false, false],
    ),
    (
        "XADD lct:audit:1 * outcome x",
        [true, false, false, false, false],
    ),
    ("XRANGE lct:audit:1 - +", [false, false, false, true, false]),
    ("TIME", [true, false, false, false, false]),
    // What is allowed on a book is not allowed on a graph, nor on another book.
    ("UNLINK lct:es", [false; 5]),
    ("PEXPIRE lct:es 1", [false; 5]),
    ("PEXPIRE lct 1", [false; 5]),
    ("SET lct:es x", [false; 5]),
    ("SET lct:code:1 x", [false; 5]),
    ("SMEMBERS lct:cap:lct:1", [false; 5]),
    ("GET lct:token:1", [false; 5]),
    ("HMGET lct:token:1 a", [false; 5]),
    ("HGETALL lct:code:lct:1", [false; 5]),
    ("HSET lct:feedback:lct 1-0 read", [false; 5]),
    ("UNLINK lct:feedback-status:lct", [false; 5]),
    ("XTRIM lct:feedback-status:lct MAXLEN 0", [false; 5]),
    ("UNLINK lct:audit:operators", [false; 5]),
    // Foreign keys and channels.
    ("LCT.VISIT other v s 0 1", [false; 5]),
    ("LCT.EXPOSED other v", [false; 5]),
    ("LCT.INFO other", [false; 5]),
    ("LCT.PURGE other", [false; 5]),
    ("SUBSCRIBE other", [false; 5]),
    ("PSUBSCRIBE *", [false; 5]),
    // Ways round the module, to its data or out of the server.
    ("GET lct", [false; 5]),
    ("DUMP lct", [false; 5]),
    ("RESTORE lct 0 x", [false; 5]),
    ("COPY lct lct:2", [false; 5]),
    ("RENAME lct lct:2", [false; 5]),
    ("DEL lct", [false; 5]),
    ("UNLINK lct", [false; 5]),
    ("SET lct x", [false; 5]),
    ("EXPIRE lct 1", [false; 5]),
    ("KEYS *", [false; 5]),
    ("SCAN 0", [false; 5]),
    ("EVAL x 0", [false; 5]),
    ("FUNCTION LIST", [false; 5]),
    ("MONITOR", [false; 5]),
    ("SLOWLOG GET", [false; 5]),
    ("DEBUG RELOAD", [false; 5]),
    ("CONFIG GET maxmemory", [false; 5]),
    ("CONFIG GET masterauth", [false; 5]),
    ("CONFIG SET dir /", [false; 5]),
    ("CONFIG REWRITE", [false; 5]),
    ("ACL SETUSER x", [false; 5]),
    ("ACL SAVE", [false; 5]),
    ("MODULE LOAD x", [false; 5]),
    ("REPLICAOF 10.0.0.1 1", [false; 5]),
    ("SYNC", [false; 5]),
    ("PSYNC ? -1", [false; 5]),
    ("MIGRATE h 1 lct 0 1", [false; 5]),
    ("FAILOVER", [false; 5]),
    ("FLUSHALL", [false; 5]),
    ("SWAPDB 0 1", [false; 5]),
    ("SAVE", [false; 5]),
    ("BGSAVE", [false; 5]),
    ("SHUTDOWN", [false; 5]),
    ("CLIENT KILL TYPE normal", [false; 5]),
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
        [
            "analyst", "auditor", "default", "gateway", "operator", "tracer"
        ]
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

/// Every command the server has, with its subcommands: who may run it on any key is listed above, nobody else may.
#[test]
fn nobody_may_run_a_command_that_is_not_listed() {
    let (_server, mut c) = start();
    // Always allowed, by the server itself: they are how one logs in and out.
    const FOR_ALL: [&str; 4] = ["auth", "hello", "quit", "reset"];
    let mut commands: Vec<(String, i64)> = Vec::new();
    for info in c.run("COMMAND").items() {
        let rows = match info.items().get(9) {
            Some(subcommands) if !subcommands.items().is_empty() => subcommands.items(),
            _ => std::slice::from_ref(info),
        };
        commands.extend(
            rows.iter()
                .map(|row| (row.items()[0].text(), row.items()[1].int())),
        );
    }
    assert!(commands.len() > 300, "{} commands", commands.len());
    for (user, may) in MAY_RUN {
        let may: Vec<&str> = may.split_whitespace().collect();
        for word in &may {
            assert!(
                commands.iter().any(|(name, _)| name == word),
                "no such command: {word}"
            );
        }
        for (name, arity) in &commands {
            if FOR_ALL.contains(&name.as_str()) {
                continue;
            }
            let words = name.replace('|', " ");
            let given = words.split(' ').count();
            let missing = usize::try_from(arity.abs()).expect("an arity") - given;
            let arguments = vec!["1"; missing].join(" "); // a key nobody may use, and a count where one is needed
            let reply = c
                .run(&format!("ACL DRYRUN {user} {words} {arguments}"))
                .to_string();
            let refused = reply.contains("no permissions to run the");
            assert_eq!(
                !refused,
                may.contains(&name.as_str()),
                "{user}: {words} {arguments}: {reply}"
            );
        }
    }
}

#[test]
fn every_command_of_the_module_is_in_the_matrix_or_internal() {
    let (_server, mut c) = start();
    for command in c
        .run("COMMAND LIST FILTERBY MODULE lct")
        .items()
        .iter()
        .map(|name| name.text())
    {
        let is_listed = |list: &str| list.split_whitespace().any(|word| word == command);
        assert!(
            ["lct.load", "lct.stand"].contains(&command.as_str())
                || MAY_RUN.iter().any(|(_, list)| is_listed(list)),
            "nobody may run {command}"
        );
    }
}
