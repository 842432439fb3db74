//! A graph is a key like any other: what Redis can do with keys works on it, and its commands behave as Redis's own.

use lct_tests::{
    Builder, Client, Server, Value, args, digests, eventually, fill, module, purge_under_way,
    random,
};
use std::time::Duration;

fn start() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    client.expect("LCT.VISIT g alice cafe 100 200 bob cafe 150 300", "2");
    (server, client)
}

#[test]
fn generic_commands_work_on_a_graph() {
    let (_server, mut c) = start();
    c.expect("TYPE g", "lct-graph");
    c.expect("SCAN 0 TYPE lct-graph", "[0 [g]]");
    c.expect("RENAME g h", "OK");
    c.expect("LCT.EXPOSED h alice AT 1000", "[bob]");
    c.expect("LCT.EXPOSED g alice AT 1000", "[]");
    c.expect("MOVE h 3", "1");
    c.expect("DBSIZE", "0");
    c.run("SELECT 3");
    c.expect("LCT.EXPOSED h alice AT 1000", "[bob]");
    c.expect("SWAPDB 0 3", "OK");
    c.run("SELECT 0");
    c.expect("COPY h g", "1");
    c.expect("UNLINK h", "1");
    c.expect("LCT.EXPOSED g alice AT 1000", "[bob]");
    c.expect("TOUCH g", "1");
    c.expect("OBJECT ENCODING g", "raw");
    c.expect("DEL g", "1");
    c.expect("LCT.VISITS g alice", "[]");
}

#[test]
fn a_graph_expires_like_a_key_and_writing_keeps_its_expiry() {
    let (_server, mut c) = start();
    c.expect("PEXPIRE g 100000", "1");
    c.expect("LCT.VISIT g carol cafe 150 300", "1");
    assert!((90_000..=100_000).contains(&c.run("PTTL g").int()));
    c.expect("PERSIST g", "1");
    c.expect("PEXPIRE g 30", "1");
    std::thread::sleep(Duration::from_millis(40));
    c.expect("LCT.VISITS g alice", "[]");
    c.expect("LCT.VISIT g alice cafe 100 200", "1");
    c.expect("PTTL g", "-1");
}

#[test]
fn another_type_is_never_overwritten() {
    let (_server, mut c) = start();
    for (make, key) in [
        ("SET s x", "s"),
        ("LPUSH l x", "l"),
        ("HSET h a x", "h"),
        ("SADD t x", "t"),
        ("ZADD z 1 x", "z"),
        ("XADD x * a b", "x"),
    ] {
        c.run(make);
        c.expect(
            &format!("LCT.VISIT {key} v s 0 1"),
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
    for line in [
        "GET g",
        "LPUSH g x",
        "HSET g a x",
        "APPEND g x",
        "INCR g",
        "XADD g * a b",
    ] {
        c.expect(
            line,
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
    c.expect("LCT.EXPOSED g alice AT 1000", "[bob]");
}

#[test]
fn transactions_run_and_watch_sees_changes_only() {
    let (server, mut c) = start();
    for line in [
        "MULTI",
        "LCT.VISIT g carol cafe 150 300",
        "LCT.EXPOSED g alice AT 1000 COUNT 5",
        "LCT.PURGE g BEFORE 200",
        "LCT.VISIT g x y 5 5",
        "LCT.FORGET g bob",
    ] {
        c.run(line);
    }
    let exec = c.run("EXEC");
    assert_eq!(
        exec.to_string(),
        "[1 [bob carol] 1 -ERR visit 1: end: must be after start 1]"
    );

    let mut other = server.client();
    c.run("WATCH g");
    other.run("LCT.VISIT g carol cafe 150 300"); // changes nothing
    other.run("LCT.EXPOSED g carol");
    c.run("MULTI");
    c.run("LCT.VISIT g dave cafe 150 300");
    c.expect("EXEC", "[1]");
    c.run("WATCH g");
    other.run("LCT.VISIT g carol cafe 150 301");
    c.run("MULTI");
    c.run("LCT.VISIT g eve cafe 150 300");
    c.expect("EXEC", "nil");
}

#[test]
fn scripts_may_ask_and_write() {
    let (_server, mut c) = start();
    let mut eval = |script: &str| c.call(&["EVAL", script, "1", "g"]).to_string();
    assert_eq!(
        eval("return redis.call('LCT.VISIT', KEYS[1], 'carol', 'cafe', '160', '170')"),
        "1"
    );
    assert_eq!(
        eval("return redis.call('LCT.EXPOSED', KEYS[1], 'alice', 'AT', '1000', 'WITHTIMES')"),
        "[[bob 1 high 150 200 50] [carol 1 high 160 170 10]]"
    );
    assert_eq!(
        eval("return redis.call('LCT.PURGE', KEYS[1], 'BEFORE', '170')"),
        "1"
    );
    assert_eq!(
        eval("return redis.pcall('LCT.VISIT', KEYS[1], 'carol', 'cafe', '170', '170')['err']"),
        "\"ERR visit 1: end: must be after start\""
    );
    assert_eq!(eval("return redis.call('LCT.REVOKE', KEYS[1], 'bob')"), "1");
    assert_eq!(
        eval("return redis.call('LCT.VISITS', KEYS[1], 'alice')"),
        "[[cafe 100 200]]"
    );
    let script =
        "#!lua flags=no-writes\nreturn redis.call('LCT.VISIT', KEYS[1], 'x', 'y', '0', '1')";
    assert!(
        c.call(&["EVAL", script, "1", "g"]).is_error(),
        "a write in a script that promised none"
    );
}

#[test]
fn keyspace_events_tell_each_change_once() {
    let server = Server::with(&["notify-keyspace-events Edgn"]);
    let mut events = server.client();
    events.run("PSUBSCRIBE __keyevent@0__:*");
    let mut c = server.client();
    // The server's own event for a new key comes first.
    let steps: &[(&str, &[&str])] = &[
        (
            "LCT.VISIT g alice cafe 100 200 bob cafe 150 300",
            &["new", "lct.visit"],
        ),
        ("LCT.VISIT g alice cafe 100 200", &[]),
        ("LCT.VISIT g alice cafe 100 210", &["lct.visit"]),
        ("LCT.VISIT g alice cafe 9 9", &[]),
        ("LCT.REVISIT g alice cafe 100 110 210", &["lct.revisit"]),
        ("LCT.REVISIT g alice cafe 100 110 210", &[]),
        ("LCT.UNVISIT g alice cafe 110", &["lct.unvisit"]),
        ("LCT.UNVISIT g alice cafe 110", &[]),
        ("LCT.VISITS g alice", &[]),
        ("LCT.EXPOSED g bob", &[]),
        ("LCT.REVOKE g mallory", &["lct.revoke"]),
        ("LCT.REVOKE g mallory", &[]),
        ("LCT.PURGE g BEFORE 300", &["lct.purge"]),
        ("LCT.PURGE g BEFORE 300", &[]),
        ("LCT.FORGET g bob", &[]),
        (
            "LCT.VISIT g alice cafe 100 200 bob cafe 150 300",
            &["lct.visit"],
        ),
        ("LCT.WARN g w alice positive DRYRUN", &[]),
        ("LCT.WARN g w alice positive HOLD 0", &["lct.warn"]),
        ("LCT.WARN g w bob positive", &[]),
        ("LCT.WARNINGS g", &[]),
        ("LCT.ALERTS g bob", &[]),
        ("LCT.RELEASE g w DRYRUN", &[]),
        ("LCT.RELEASE g w", &["lct.release"]),
        ("LCT.RELEASE g w", &[]),
        ("LCT.RETRACT g w IFHELD", &[]),
        ("LCT.RETRACT g w", &["lct.retract"]),
        ("LCT.RETRACT g w", &[]),
        ("LCT.RETRACT g w IFHELD", &[]),
        // The alert's id is made of the ids of warning and visitor.
        ("LCT.ACK g bob cffd204f222afcca5c2c56e0324c20c8.1", &[]),
        (
            "LCT.ACK g bob cffd204f222afcca5c2c56e0324c20c8.2",
            &["lct.ack"],
        ),
        ("LCT.WARNSPACE g x cafe contact 100 200", &["lct.warnspace"]),
        ("LCT.VISIT h a s 0 1", &["new", "lct.visit"]),
        ("LCT.FORGET h a", &["lct.forget", "del"]),
        ("LCT.VISIT h a s 0 1", &["new", "lct.visit"]),
        ("LCT.UNVISIT h a s 0", &["lct.unvisit", "del"]),
        ("LCT.VISIT h a s 0 1", &["new", "lct.visit"]),
        ("LCT.PURGE h BEFORE 1", &["lct.purge", "del"]),
    ];
    for (index, (line, expected)) in steps.iter().enumerate() {
        c.run(line);
        // A marker, so that nobody waits for events that do not come.
        let marker = format!("marker-{index}");
        c.call(&args!["PUBLISH", "__keyevent@0__:marker", marker]);
        let mut seen = Vec::new();
        loop {
            let message = events.receive().expect("an event");
            let [_, _, channel, key] = message.items() else {
                panic!("no event: {message}")
            };
            let event = channel.text().replace("__keyevent@0__:", "");
            if key.text() == marker {
                break;
            }
            seen.push(event);
        }
        assert_eq!(seen, *expected, "events of {line}");
    }
}

#[test]
fn memory_usage_tells_what_a_graph_takes() {
    let server = Server::start();
    let mut c = server.client();
    let used = || server.info("used_memory").parse::<i64>().expect("a number");
    for visits in [20_000, 500_000] {
        fill(&mut c, "warm", visits, &mut random::seeded("memory usage"));
        c.run("DEL warm");
        let before = used();
        fill(&mut c, "g", visits, &mut random::seeded("memory usage"));
        let (taken, told) = (used() - before, c.run("MEMORY USAGE g").int());
        println!(
            "{visits} visits: {taken} bytes taken, {told} told, {} a visit",
            taken / visits as i64
        );
        assert!(
            (taken - told).abs() * 10 <= taken,
            "{visits} visits: {taken} bytes taken, {told} told"
        );
        let info = c.run("LCT.INFO g").get("memory").int();
        assert!(
            (info - told).abs() * 100 <= told,
            "LCT.INFO says {info}, MEMORY USAGE {told}"
        );
        c.run("DEL g");
    }
}

#[test]
fn memory_comes_back_whichever_way_a_graph_goes() {
    let server = Server::start();
    let mut c = server.client();
    let used = || server.info("used_memory").parse::<i64>().expect("a number");
    let rng = random::seeded("memory back");
    let load = |c: &mut Client| fill(c, "g", 50_000, &mut rng.clone());
    load(&mut c);
    c.run("DEL g");
    let before = used();
    load(&mut c);
    let taken = used() - before;
    c.run("DEL g");
    // Each way, and how many such graphs are left by it.
    let ways: [(&[&str], i64); 11] = [
        (&["DEL g"], 0),
        (&["UNLINK g"], 0),
        (&["FLUSHALL ASYNC"], 0),
        (&["FLUSHALL SYNC"], 0),
        (&["PEXPIRE g 1"], 0),
        (&["SET g x"], 0),
        (&["LCT.PURGE g BEFORE 1000000000000"], 0),
        (&["LCT.VISIT tiny a b 0 1", "COPY tiny g REPLACE"], 0),
        (&["LCT.VISIT tiny a b 0 1", "RENAME tiny g"], 0),
        (&["COPY g h", "RENAME h g"], 1),
        (&["DEBUG RELOAD"], 1),
    ];
    // What is left after the first round are buffers that are used again; a second round must not add to them.
    let mut left = Vec::new();
    for _round in 0..2 {
        for (lines, graphs) in ways {
            load(&mut c);
            for line in lines {
                let reply = c.run(line);
                assert!(!reply.is_error(), "{line}: {reply}");
            }
            let what = format!("the memory is free after {lines:?}");
            eventually(&what, Duration::from_secs(10), || {
                c.run("EXISTS g"); // meets an expired key
                used() - before < taken * graphs + taken / 3
            });
            c.run("FLUSHALL");
        }
        std::thread::sleep(Duration::from_millis(200)); // for the background thread
        left.push(used() - before);
    }
    assert!(left[1] - left[0] < taken / 20, "left of {taken}: {left:?}");
}

#[test]
fn a_full_memory_refuses_visits_and_nothing_that_frees_or_asks() {
    let (server, mut c) = start();
    c.run("LCT.VISIT g carol gym 5 9 dave gym 5 9 eve gym 1 3");
    c.expect("LCT.WARN g w alice positive", "1");
    c.expect("LCT.WARN g held bob positive HOLD 0", "nil");
    c.expect("LCT.WARN g rejected bob positive HOLD 0", "nil");
    c.expect("CONFIG SET maxmemory-policy noeviction", "OK");
    c.expect("CONFIG SET maxmemory 1", "OK");
    let before = digests(&mut c, &["g"]);
    for line in [
        "LCT.VISIT g frank cafe 0 5",
        "LCT.WARN g other alice positive",
        "LCT.WARNSPACE g other cafe contact 0 5",
        "LCT.RELEASE g held",
    ] {
        c.expect(
            line,
            "-OOM command not allowed when used memory > 'maxmemory'.",
        );
    }
    assert_eq!(digests(&mut c, &["g"]), before);
    assert_eq!(c.run("LCT.WARNINGS g").items().len(), 3);
    assert_eq!(c.run("LCT.ALERTS g bob").items().len(), 1);
    // A false alarm cannot wait until there is room.
    c.expect("LCT.RETRACT g rejected IFHELD", "0");
    c.expect("LCT.RETRACT g w", "1");
    let alert = c.run("LCT.ALERTS g bob").items()[0].items()[0].text();
    c.expect(&format!("LCT.ACK g bob {alert}"), "1");
    c.expect("LCT.EXPOSED g alice AT 1000", "[bob]");
    c.expect("LCT.VISITS g alice", "[[cafe 100 200]]");
    c.expect("LCT.PRESENT g cafe 0 1000 COUNT 1", "[[alice 100 200]]");
    assert_eq!(c.run("LCT.INFO g").get("visits").int(), 5);
    c.expect("LCT.PURGE g BEFORE 3", "1");
    c.expect("LCT.UNVISIT g carol gym 5", "1");
    c.expect("LCT.FORGET g bob", "1");
    c.expect("LCT.REVOKE g dave", "1");
    assert!(!server.log().contains("BUG REPORT"));
    c.expect("CONFIG SET maxmemory 0", "OK");
    c.expect("LCT.VISIT g frank cafe 0 5", "1");
}

#[test]
fn a_purge_in_slices_means_the_same_whatever_comes_in_between() {
    // The same commands on two servers: one purges in slices, the other in a transaction, which is one step.
    let (server, whole) = (Server::start(), Server::start());
    let mut c = server.client();
    fill(&mut c, "g", 200_000, &mut random::seeded("slices"));
    let payload = c.run("DUMP g").bytes().to_vec();
    let visits = c.run("LCT.INFO g").get("visits").int();
    for (what, lines) in [
        ("nothing", &[][..]),
        (
            "a visit",
            &["LCT.VISIT g newcomer cafe 500000000 500000001"],
        ),
        ("an old visit", &["LCT.VISIT g latecomer cafe 5 6"]),
        ("another purge", &["LCT.PURGE g BEFORE 500000000"]),
        ("an erasure", &["LCT.FORGET g visitor-0"]),
        ("a new name", &["RENAME g h", "LCT.VISIT h a b 1 2"]),
        ("two new names", &["RENAME g h", "RENAME h g"]),
        ("a copy", &["COPY g h", "LCT.VISIT h a b 1 2"]),
        ("a deletion", &["DEL g", "LCT.VISIT g a b 1 2"]),
        ("another type", &["SET g x"]),
        ("a flush", &["FLUSHALL", "LCT.VISIT g a b 1 2"]),
        ("other databases", &["SWAPDB 0 1", "LCT.VISIT g a b 1 2"]),
        ("a kill", &["CLIENT KILL TYPE normal SKIPME yes"]),
    ] {
        let mut expected = whole.client();
        expected.expect("FLUSHALL", "OK");
        expected.call(&args!["RESTORE", "g", 0, payload]);
        expected.run("MULTI");
        expected.run("LCT.PURGE g BEFORE 400000000");
        let removed = expected.run("EXEC").items()[0].int();
        let mut purging = purge_under_way(&server, 400_000_000, || {
            c.expect("FLUSHALL", "OK");
            c.call(&args!["RESTORE", "g", 0, payload]);
        });
        for line in lines {
            let (reply, expected) = (c.run(line), expected.run(line));
            if what != "a kill" {
                assert_eq!(reply, expected, "{what}: {line}");
            }
        }
        match purging.receive() {
            Ok(reply) if what == "nothing" => assert_eq!(reply.int(), removed),
            Ok(reply) => assert!((0..=visits).contains(&reply.int()), "{what}: {reply}"),
            Err(_) => assert_eq!(what, "a kill"),
        }
        let digests = [c.run("DEBUG DIGEST"), expected.run("DEBUG DIGEST")];
        assert_eq!(digests[0], digests[1], "{what} during a purge");
    }
}

#[test]
fn a_second_purge_waits_for_the_first_instead_of_ending_it_in_one_step() {
    let (server, whole) = (Server::start(), Server::start());
    let mut c = server.client();
    fill(&mut c, "g", 200_000, &mut random::seeded("second purge"));
    c.expect("LCT.VISIT g witness cafe 450000000 450000001", "1");
    let payload = c.run("DUMP g").bytes().to_vec();
    let mut expected = whole.client();
    expected.call(&args!["RESTORE", "g", 0, payload]);
    expected.run("MULTI");
    for before in [400_000_000, 500_000_000] {
        expected.run(&format!("LCT.PURGE g BEFORE {before}"));
    }
    let removed = expected.run("EXEC");
    for _attempt in 0..100 {
        let mut first = purge_under_way(&server, 400_000_000, || {
            c.expect("FLUSHALL", "OK");
            c.call(&args!["RESTORE", "g", 0, payload]);
        });
        let mut second = server.client();
        let command = args!["LCT.PURGE", "g", "BEFORE", 500_000_000];
        second.send(&command).expect("a command sent");
        // Seen in one moment: both wait, and the second one's cut, past the witness, is not in effect yet.
        let both_wait = (0..20).any(|_| {
            c.run("MULTI");
            c.run("INFO clients");
            c.run("LCT.VISITS g witness");
            let seen = c.run("EXEC");
            let [clients, witness] = seen.items() else {
                panic!("{seen}")
            };
            clients.text().contains("blocked_clients:2") && witness.items().len() == 1
        });
        let replies = [first.receive(), second.receive()].map(|reply| reply.expect("a reply"));
        assert_eq!(replies, removed.items(), "what each purge removed");
        assert_eq!(digests(&mut c, &["g"]), digests(&mut expected, &["g"]));
        if both_wait {
            return;
        }
    }
    panic!("no two purges were under way at once in a hundred attempts");
}

#[test]
fn nobody_sees_ids_in_monitor_or_slowlog() {
    let server = Server::with(&["slowlog-log-slower-than 0"]);
    let mut monitor = server.client();
    monitor.run("MONITOR");
    let mut c = server.client();
    for line in [
        "LCT.VISIT g secret-id cafe 100 200",
        "LCT.REVISIT g secret-id cafe 100 110 200",
        "LCT.VISITS g secret-id",
        "LCT.PRESENT g secret-id 0 1000",
        "LCT.DENSITY g 0 1000 SPACE secret-id",
        "LCT.EXPOSED g secret-id",
        "LCT.UNVISIT g secret-id cafe 110",
        "LCT.FORGET g secret-id",
        "LCT.REVOKE g secret-id",
        "LCT.VISIT g secret-id cafe 100 200",
        "LCT.VISIT g secret-id cafe 100",
        "LCT.LOAD g secret-id",
        "LCT.WARN g secret-id alice positive",
        "LCT.WARN g w secret-id positive DRYRUN",
        "LCT.WARN g w secret-id",
        "LCT.WARNSPACE g w secret-id contact 0 1000",
        "LCT.RETRACT g secret-id",
        "LCT.RETRACT g secret-id IFHELD",
        "LCT.WARNINGS g WARNING secret-id",
        "LCT.WARNINGS g AFTER secret-id",
        "LCT.RELEASE g secret-id",
        "LCT.ALERTS g secret-id",
        "LCT.ACK g secret-id 0123456789abcdef0123456789abcdef.1",
        "LCT.ACK g alice secret-id",
        "LCT.STAND g secret-id",
    ] {
        c.run(line);
    }
    assert!(!c.run("SLOWLOG GET 100").to_string().contains("secret-id"));
    c.run("ECHO the-end");
    loop {
        let line = monitor.receive().expect("a line of MONITOR").text();
        assert!(!line.contains("secret-id"), "{line}");
        if line.contains("the-end") {
            break;
        }
    }
    assert!(!server.log().contains("secret-id"));
}

const SETTINGS: [(&str, &str); 6] = [
    ("lct.retention", "1209600000"),
    ("lct.alert-ttl", "1209600000"),
    ("lct.late", "86400000"),
    ("lct.max-visit", "86400000"),
    ("lct.max-ahead", "86400000"),
    ("lct.erase-within", "86400000"),
];

#[test]
fn settings_have_defaults_and_ranges_and_survive_a_rewrite() {
    let mut server = Builder::default().default_limits().start();
    let mut c = server.client();
    assert_eq!(c.run("CONFIG GET lct.*").pairs().len(), SETTINGS.len() + 1);
    for (name, default) in SETTINGS {
        assert_eq!(
            c.run(&format!("CONFIG GET {name}")).get(name).text(),
            default
        );
        for good in ["0", "1", "3600000", "9007199254740991"] {
            if name == "lct.erase-within" && good != "3600000" {
                continue; // its own test
            }
            c.expect(&format!("CONFIG SET {name} {good}"), "OK");
            assert_eq!(c.run(&format!("CONFIG GET {name}")).get(name).text(), good);
        }
        for bad in ["-1", "9007199254740992", "1.5", "ten", "1d"] {
            let reply = c.run(&format!("CONFIG SET {name} {bad}"));
            assert!(reply.is_error(), "{name} {bad}: {reply}");
        }
        c.expect(&format!("CONFIG SET {name} 7200000"), "OK");
    }
    c.expect("CONFIG REWRITE", "OK");
    server.restart(lct_tests::Stop::Kill);
    for (name, _) in SETTINGS {
        assert_eq!(
            server
                .client()
                .run(&format!("CONFIG GET {name}"))
                .get(name)
                .text(),
            "7200000",
            "{name} after the restart"
        );
    }
}

#[test]
fn nobody_is_told_of_fewer_than_three() {
    let server = Builder::default().default_limits().start();
    let mut c = server.client();
    let name = "lct.density-k";
    assert_eq!(
        c.run(&format!("CONFIG GET {name}")).get(name).text(),
        "5",
        "the default"
    );
    for good in ["3", "1000000"] {
        c.expect(&format!("CONFIG SET {name} {good}"), "OK");
        assert_eq!(c.run(&format!("CONFIG GET {name}")).get(name).text(), good);
    }
    for bad in ["-1", "0", "1", "2", "1000001", "five"] {
        let reply = c.run(&format!("CONFIG SET {name} {bad}"));
        assert!(reply.is_error(), "{bad}: {reply}");
    }
}

#[test]
fn the_module_loads_at_run_time_with_settings() {
    let path = module();
    let path = path.to_str().expect("UTF-8");
    // An unknown name instead is not for the tests: the server then tries to unload a module that has a type, which 7.0 refuses half-way
    // and Redis 8.0 and Valkey 8.1 do not survive.
    let server = Builder::default().without_module().start();
    let command = ["MODULE", "LOADEX", path, "CONFIG", "lct.retention", "-5"];
    let reply = server.client().call(&command);
    assert!(reply.is_error(), "a retention of -5: {reply}");
    server.client().expect("PING", "PONG");

    let server = Builder::default().without_module().start();
    let mut c = server.client();
    let loaded = c.call(&[
        "MODULE",
        "LOADEX",
        path,
        "CONFIG",
        "lct.retention",
        "5000",
        "CONFIG",
        "lct.max-visit",
        "77",
    ]);
    assert_eq!(loaded.to_string(), "OK");
    assert_eq!(
        c.run("CONFIG GET lct.retention")
            .get("lct.retention")
            .text(),
        "5000"
    );
    assert_eq!(
        c.run("CONFIG GET lct.max-visit")
            .get("lct.max-visit")
            .text(),
        "77"
    );
    let modules = c.run("MODULE LIST");
    // Redis 8 has modules of its own beside.
    let named_lct = |module: &Value| module.get("name").text() == "lct";
    assert!(modules.items().iter().any(named_lct), "{modules}");
    assert_eq!(
        c.call(&["MODULE", "LOAD", path]).to_string(),
        "-ERR Error loading the extension. Please check the server logs."
    );
    assert!(
        c.run("MODULE UNLOAD lct").is_error(),
        "a module that has a type stays"
    );
    c.expect("PING", "PONG");
}

#[test]
fn info_has_a_section_of_the_module() {
    let (_server, mut c) = start();
    let info = c.run("INFO lct").text();
    assert!(info.contains("# lct"), "{info}");
    let lines: Vec<&str> = info.lines().filter(|line| line.contains(':')).collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.starts_with("lct_")),
        "{info}"
    );
    assert!(!info.contains("alice") && !info.contains("cafe"));
    for section in ["modules", "everything"] {
        assert!(
            c.run(&format!("INFO {section}"))
                .text()
                .contains(lines[0].split(':').next().expect("a field")),
            "INFO {section}"
        );
    }
}

#[test]
fn other_clients_rights_end_at_their_keys() {
    let (_server, mut c) = start();
    c.expect("ACL SETUSER reader on nopass +@all %R~g", "OK");
    c.expect("ACL SETUSER writer on nopass +@all ~g", "OK");
    let commands = [
        ("LCT.VISIT KEY v s 0 1", false),
        ("LCT.REVISIT KEY v s 0 1 2", false),
        ("LCT.UNVISIT KEY v s 0", false),
        ("LCT.VISITS KEY v", true),
        ("LCT.PRESENT KEY s 0 1", true),
        ("LCT.DENSITY KEY 0 1", true),
        ("LCT.EXPOSED KEY v", true),
        ("LCT.PURGE KEY", false),
        ("LCT.FORGET KEY v", false),
        ("LCT.REVOKE KEY v", false),
        ("LCT.INFO KEY", true),
    ];
    for (command, only_reads) in commands {
        let mut allowed = |user: &str, key: &str| {
            c.run(&format!(
                "ACL DRYRUN {user} {}",
                command.replace("KEY", key)
            )) == Value::Simple("OK".into())
        };
        assert!(allowed("writer", "g"), "{command}");
        assert!(!allowed("writer", "h"), "{command} on a foreign key");
        assert_eq!(allowed("reader", "g"), only_reads, "{command} by a reader");
        assert!(!allowed("reader", "h"), "{command} on a foreign key");
    }
}
