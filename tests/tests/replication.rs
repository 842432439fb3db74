//! A replica is told every change once, with nothing left for it to decide, and nothing else.

use lct_tests::{Builder, Server, Stop, Stream, digests, fill, now, oddities, random};
use std::time::Duration;

/// Runs lines on a server and compares what each of them replicates. `#` stands for any plain number, as of a clock.
fn replicates(server: &Server, steps: &[(&str, &[&str])]) {
    let mut client = server.client();
    let mut stream = Stream::of(server);
    for (line, expected) in steps {
        let reply = client.run(line);
        assert!(!reply.is_error(), "{line}: {reply}");
        let replicated = stream.commands(server);
        let matches = replicated.len() == expected.len()
            && replicated
                .iter()
                .zip(*expected)
                .all(|(command, pattern)| is_like(command, pattern));
        assert!(
            matches,
            "{line} replicated {replicated:?}, expected {expected:?}"
        );
    }
}

fn is_like(command: &str, pattern: &str) -> bool {
    let (words, patterns): (Vec<&str>, Vec<&str>) =
        (command.split(' ').collect(), pattern.split(' ').collect());
    let like = |(word, pattern): (&&str, &&str)| match *pattern {
        "#" => word.bytes().all(|byte| byte.is_ascii_digit()),
        "HEX" => word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()),
        pattern => *word == pattern,
    };
    words.len() == patterns.len() && words.iter().zip(&patterns).all(like)
}

#[test]
fn a_change_replicates_once_and_resolved_and_no_change_not_at_all() {
    let server = Server::start();
    replicates(
        &server,
        &[
            (
                "LCT.VISIT g alice cafe 100 200 bob cafe 150 300",
                &["LCT.VISIT g alice cafe 100 200 bob cafe 150 300"],
            ),
            ("LCT.VISIT g alice cafe 100 200 bob cafe 150 300", &[]),
            (
                "LCT.VISIT g alice cafe 100 210",
                &["LCT.VISIT g alice cafe 100 210"],
            ),
            ("LCT.VISIT g alice cafe 100 210", &[]),
            (
                "LCT.REVISIT g alice cafe 100 110 220",
                &["LCT.REVISIT g alice cafe 100 110 220"],
            ),
            ("LCT.REVISIT g alice cafe 110 110 220", &[]),
            ("LCT.REVISIT g alice cafe 100 110 220", &[]),
            ("LCT.UNVISIT g alice cafe 100", &[]),
            (
                "LCT.UNVISIT g alice cafe 110",
                &["LCT.UNVISIT g alice cafe 110"],
            ),
            (
                "LCT.VISIT g carol bar 1 2 dave bar 1 2 eve bar 1 2",
                &["LCT.VISIT g carol bar 1 2 dave bar 1 2 eve bar 1 2"],
            ),
            ("LCT.FORGET g nobody", &[]),
            ("LCT.FORGET g carol", &["LCT.FORGET g carol"]),
            ("LCT.REVOKE g dave", &["LCT.REVOKE g dave SALT HEX"]),
            ("LCT.REVOKE g dave", &[]),
            ("LCT.PURGE g BEFORE 1", &[]),
            (
                "LCT.PURGE g BEFORE 2",
                &["LCT.PURGE g BEFORE 2 ALERTS # CLOCK #"],
            ),
            // What only asks is nobody else's business.
            ("LCT.VISITS g bob", &[]),
            ("LCT.PRESENT g cafe 0 1000", &[]),
            ("LCT.DENSITY g 0 3600000", &[]),
            ("LCT.EXPOSED g bob ORDER 2 WITHTIMES", &[]),
            ("LCT.INFO g", &[]),
            // Nor is a key that is not there.
            ("LCT.REVISIT missing alice cafe 100 110 220", &[]),
            ("LCT.UNVISIT missing alice cafe 100", &[]),
            ("LCT.FORGET missing alice", &[]),
            ("LCT.PURGE missing BEFORE 5", &[]),
            // The last visit takes the key with it. A replica does not decide that: it is told.
            ("LCT.VISIT h a s 1 2", &["LCT.VISIT h a s 1 2"]),
            (
                "LCT.PURGE h BEFORE 2",
                &[
                    "MULTI",
                    "LCT.PURGE h BEFORE 2 ALERTS # CLOCK #",
                    "DEL h",
                    "EXEC",
                ],
            ),
            ("LCT.VISIT h a s 1 2", &["LCT.VISIT h a s 1 2"]),
            (
                "LCT.FORGET h a",
                &["MULTI", "LCT.FORGET h a", "DEL h", "EXEC"],
            ),
            ("LCT.VISIT h a s 1 2", &["LCT.VISIT h a s 1 2"]),
            (
                "LCT.UNVISIT h a s 1",
                &["MULTI", "LCT.UNVISIT h a s 1", "DEL h", "EXEC"],
            ),
        ],
    );
}

/// `LCT.WARN` and its kin: everything that followed from the clock and the settings is filled in.
#[test]
fn a_warning_replicates_resolved_and_visits_under_warnings_with_the_time() {
    let server = Server::with(&["lct.max-visit 1000", "lct.late 2000"]);
    let now = now();
    let at = |before: u64| (now - before).to_string();
    let fill = |text: &str| {
        text.replace("T9", &at(900))
            .replace("T8", &at(800))
            .replace("T7", &at(700))
            .replace("T6", &at(600))
            .replace("UNTIL5", &(now - 500 + 3000).to_string())
            .replace("T5", &at(500))
    };
    let steps: &[(&str, &[&str])] = &[
        (
            "LCT.VISIT g alice cafe T9 T7",
            &["LCT.VISIT g alice cafe T9 T7"],
        ),
        ("LCT.WARN g w alice positive DRYRUN", &[]),
        (
            "LCT.WARN g w alice positive",
            &[
                "LCT.WARN g w alice positive FROM 0 AT # ORDER 1 LINGER 0 MINPRIORITY low UNTIL # CLOCK # LATE # EXPIRED 0",
            ],
        ),
        (
            "lct.warn g v alice SYMPTOMS from T9 to T7 at T5 order 2 mintime 5 within 10 linger 7 minpriority MEDIUM hold 3",
            &[
                "LCT.WARN g v alice symptoms FROM T9 AT T5 TO T7 ORDER 2 MINTIME 5 WITHIN 10 LINGER 7 MINPRIORITY medium \
               HOLD 3 UNTIL UNTIL5 CLOCK # LATE # EXPIRED 0",
            ],
        ),
        // An empty window is an empty one there too.
        (
            "LCT.WARN g e alice contact FROM T6 AT T7",
            &[
                "LCT.WARN g e alice contact FROM T7 AT T7 ORDER 1 LINGER 0 MINPRIORITY low UNTIL # CLOCK # LATE # EXPIRED 0",
            ],
        ),
        (
            "LCT.VISIT g bob cafe T9 T8 carol cafe T9 T8",
            &["LCT.VISIT g bob cafe T9 T8 carol cafe T9 T8 CLOCK # LATE # EXPIRED 0"],
        ),
        ("LCT.VISIT g bob cafe T9 T8", &[]),
        (
            "LCT.REVISIT g bob cafe T9 T8 T7",
            &["LCT.REVISIT g bob cafe T9 T8 T7 CLOCK # LATE # EXPIRED 0"],
        ),
        ("LCT.REVISIT g bob cafe T8 T8 T7", &[]),
        (
            "LCT.UNVISIT g carol cafe T9",
            &["LCT.UNVISIT g carol cafe T9"],
        ),
        (
            "LCT.WARNSPACE g s cafe contact T9 T8 MINTIME 5 WITHIN 9 AT T5",
            &[
                "LCT.WARNSPACE g s cafe contact T9 T8 AT T5 MINTIME 5 WITHIN 9 UNTIL UNTIL5 CLOCK # LATE # EXPIRED 0",
            ],
        ),
        (
            "LCT.WARNSPACE g i cafe contact T8 T8 AT T5",
            &["LCT.WARNSPACE g i cafe contact T8 T8+ AT T5 UNTIL UNTIL5 CLOCK # LATE # EXPIRED 0"],
        ),
        (
            "LCT.WARNSPACE g j cafe contact T5 T5 AT T6",
            &["LCT.WARNSPACE g j cafe contact T6 T6 AT T6 UNTIL # CLOCK # LATE # EXPIRED 0"],
        ),
        ("LCT.RETRACT g w", &["LCT.RETRACT g w CLOCK #"]),
        ("LCT.RETRACT g w", &[]),
        ("LCT.RETRACT g unknown", &[]),
        ("LCT.RELEASE g w", &[]),
        (
            "LCT.WARN g h alice positive HOLD 0 AT T5",
            &[
                "LCT.WARN g h alice positive FROM 0 AT T5 ORDER 1 LINGER 0 MINPRIORITY low HOLD 0 UNTIL UNTIL5 CLOCK # \
               LATE # EXPIRED 0",
            ],
        ),
        ("LCT.RELEASE g h DRYRUN", &[]),
        // What happened is told, not what it took.
        ("LCT.RETRACT g h IFHELD", &["LCT.RETRACT g h CLOCK #"]),
        ("LCT.RETRACT g h IFHELD", &[]),
        ("LCT.RETRACT g unknown IFHELD", &[]),
        (
            "LCT.WARN g h alice positive HOLD 0 AT T5",
            &[
                "LCT.WARN g h alice positive FROM 0 AT T5 ORDER 1 LINGER 0 MINPRIORITY low HOLD 0 UNTIL UNTIL5 CLOCK # \
               LATE # EXPIRED 0",
            ],
        ),
        (
            "LCT.RELEASE g h",
            &["LCT.RELEASE g h CLOCK # LATE # EXPIRED 0"],
        ),
        ("LCT.RETRACT g h IFHELD", &[]),
        ("LCT.WARNINGS g STATE active COUNT 5", &[]),
        ("LCT.ALERTS g bob", &[]),
        ("LCT.ACK g bob 0123456789abcdef0123456789abcdef.1", &[]),
        ("LCT.PURGE g BEFORE 5", &[]),
        // Alerts alone are reason enough.
        (
            "LCT.PURGE g BEFORE 5 ALERTS NOW",
            &["LCT.PURGE g BEFORE 5 ALERTS # CLOCK #"],
        ),
        ("LCT.PURGE g BEFORE 5 ALERTS NOW", &[]),
        ("LCT.FORGET g nobody", &[]),
        ("LCT.WARN g lonely hermit positive DRYRUN", &[]),
        (
            "LCT.WARN k lonely hermit positive AT T5",
            &[
                "LCT.WARN k lonely hermit positive FROM 0 AT T5 ORDER 1 LINGER 0 MINPRIORITY low UNTIL UNTIL5 CLOCK # LATE # \
               EXPIRED 0",
            ],
        ),
        // No visit goes, but a name.
        ("LCT.FORGET k hermit", &["LCT.FORGET k hermit"]),
    ];
    let mut client = server.client();
    let mut stream = Stream::of(&server);
    for (line, expected) in steps {
        std::thread::sleep(Duration::from_millis(2)); // what happened before NOW happened earlier
        let line = fill(line).replace("NOW", &lct_tests::now().to_string());
        let reply = client.run(&line);
        assert!(!reply.is_error(), "{line}: {reply}");
        let replicated = stream.commands(&server);
        let instant = (now - 800 + 1).to_string();
        let expected: Vec<String> = expected
            .iter()
            .map(|command| fill(&command.replace("T8+", &instant)))
            .collect();
        let matches = replicated.len() == expected.len()
            && replicated
                .iter()
                .zip(&expected)
                .all(|(command, pattern)| is_like(command, pattern));
        assert!(
            matches,
            "{line} replicated {replicated:?}, expected {expected:?}"
        );
    }
}

#[test]
fn transactions_and_scripts_replicate_their_effects() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = Stream::of(&server);
    for line in [
        "MULTI",
        "LCT.VISIT g a s 1 2",
        "LCT.VISIT g a s 1 2",
        "LCT.EXPOSED g a",
        "LCT.VISIT g b s 1 2",
        "LCT.PURGE g BEFORE 1",
    ] {
        client.run(line);
    }
    client.expect("EXEC", "[1 0 [] 1 0]");
    assert_eq!(
        stream.commands(&server),
        [
            "MULTI",
            "LCT.VISIT g a s 1 2",
            "LCT.VISIT g b s 1 2",
            "EXEC"
        ]
    );
    let script = "redis.call('LCT.VISIT', KEYS[1], 'c', 's', '1', '2') return redis.call('LCT.EXPOSED', KEYS[1], 'c', 'AT', '9', 'COUNT', '1')";
    assert_eq!(client.call(&["EVAL", script, "1", "g"]).to_string(), "[a]");
    assert_eq!(stream.commands(&server), ["LCT.VISIT g c s 1 2"]);
}

#[test]
fn a_replica_that_joins_in_the_middle_of_a_load_becomes_equal() {
    let primary = Server::start();
    let mut client = primary.client();
    let mut rng = random::seeded("replica mid-load");
    oddities(&mut client, "odd");
    fill(&mut client, "large", 300_000, &mut rng);
    let replica = std::thread::scope(|scope| {
        let joining = scope.spawn(|| Server::replica_of(&primary));
        fill(&mut client, "large", 300_000, &mut rng);
        fill(&mut client, "later", 50_000, &mut rng);
        client.run("LCT.PURGE large BEFORE 300000000");
        client.run("LCT.FORGET later visitor-0");
        client.run("LCT.REVOKE later visitor-1eef");
        joining.join().expect("a replica")
    });
    fill(&mut client, "large", 10_000, &mut rng);
    replica.wait_in_sync(&primary);
    let keys = ["odd", "large", "later"];
    assert_eq!(
        digests(&mut replica.client(), &keys),
        digests(&mut client, &keys)
    );
    for question in [
        "LCT.EXPOSED large visitor-0 ORDER 2 WITHTIMES AT 864000000",
        "LCT.VISITS large visitor-0",
        "LCT.VISIT later visitor-1eef s 1 2",
    ] {
        let (ours, theirs) = (client.run(question), replica.client().run(question));
        if ours.is_error() {
            assert!(theirs.to_string().starts_with("-READONLY"), "{theirs}");
        } else {
            assert_eq!(theirs, ours, "{question}");
        }
    }
}

#[test]
fn a_replica_asks_neither_its_clock_nor_its_settings() {
    let primary = Server::start();
    let own_mind = [
        "lct.retention 1000",
        "lct.max-visit 1",
        "lct.max-ahead 1",
        "lct.late 1",
        "lct.alert-ttl 1",
    ];
    let replica = own_mind
        .iter()
        .fold(Builder::default(), |builder, line| builder.conf(line));
    let replica = replica
        .conf(&format!("replicaof 127.0.0.1 {}", primary.port()))
        .start();
    let below = Server::replica_of(&replica);
    let mut client = primary.client();
    let now = now();
    replica.wait_in_sync(&primary);
    fill(
        &mut client,
        "g",
        20_000,
        &mut random::seeded("another mind"),
    );
    client.expect(
        &format!(
            "LCT.VISIT g ahead cafe {} {}",
            now + 900_000_000,
            now + 999_000_000
        ),
        "1",
    );
    client.expect("LCT.REVISIT g ahead cafe 0 1 2", "0");
    client.run("LCT.PURGE g BEFORE 1000000");
    client.run("LCT.REVOKE g visitor-0");
    // Long enough for a timer that did not know its place.
    std::thread::sleep(Duration::from_millis(2500));
    replica.wait_in_sync(&primary);
    below.wait_in_sync(&replica);
    let digest = digests(&mut client, &["g"]);
    assert_eq!(digests(&mut replica.client(), &["g"]), digest);
    assert_eq!(digests(&mut below.client(), &["g"]), digest);
}

#[test]
fn a_replica_survives_its_own_restart_and_becomes_equal_again() {
    let primary = Server::with(&["appendonly yes"]);
    let mut replica = Server::replica_of(&primary);
    let mut client = primary.client();
    let mut rng = random::seeded("replica restart");
    fill(&mut client, "g", 20_000, &mut rng);
    replica.wait_in_sync(&primary);
    replica.restart(Stop::Kill);
    fill(&mut client, "g", 20_000, &mut rng);
    replica.wait_in_sync(&primary);
    assert_eq!(
        digests(&mut replica.client(), &["g"]),
        digests(&mut client, &["g"])
    );
}
