//! Nothing outlives its time: not in answers, not in memory, not on disk.

use lct_tests::dump::{Dump, Field};
use lct_tests::{Client, Server, Stop, Value, args, eventually, fill, now, random};
use std::path::Path;
use std::time::Duration;

/// The contract gives the timers a second (an AOF rewrite: `lct.erase-within`, here one second too); the tests give fivefold.
const SOON: Duration = Duration::from_secs(10);

fn is_empty(reply: &Value) -> bool {
    reply.items().is_empty()
}

#[test]
fn an_expired_visit_is_answered_no_more_from_that_millisecond_on() {
    const RETENTION: u64 = 1500;
    let server = Server::with(&[&format!("lct.retention {RETENTION}")]);
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let end = now();
    let start = end - 1000;
    let mut client = server.client();
    client.expect(
        &format!(
            "LCT.VISIT g alice cafe {start} {end} bob cafe {start} {end} carol cafe {start} {}",
            end + 5000
        ),
        "3",
    );
    replica.wait_in_sync(&server);
    // carol stays: what goes is the visit, not the key.
    let questions = [
        "LCT.VISITS g alice".to_string(),
        format!("LCT.PRESENT g cafe {start} {end} COUNT 2"),
        "LCT.EXPOSED g alice".to_string(),
    ];
    let mut seen = [0; 2];
    let mut clients = [client, replica.client()];
    while now() < end + RETENTION + 300 {
        for client in &mut clients {
            for question in &questions {
                let asked = now();
                let reply = client.run(question);
                let answered = now();
                let names_alice_or_bob = reply.to_string().contains("bob")
                    || reply.to_string().contains("alice")
                    || reply.to_string().contains("cafe ");
                if answered < end + RETENTION {
                    assert!(
                        names_alice_or_bob,
                        "{question}, {} ms before the visit expires: {reply}",
                        end + RETENTION - answered
                    );
                    seen[0] += 1;
                } else if asked >= end + RETENTION {
                    assert!(
                        !names_alice_or_bob,
                        "{question}, {} ms after the visit expired: {reply}",
                        asked - end - RETENTION
                    );
                    seen[1] += 1;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(
        seen[0] > 10 && seen[1] > 10,
        "asked on both sides of the moment: {seen:?}"
    );
}

/// What happens now is not told, and what begins to be forgotten is told no more as a whole.
#[test]
fn an_hour_is_told_of_when_it_is_over_and_until_it_begins_to_expire() {
    const HOUR: u64 = 3_600_000;
    let server = Server::with(&["lct.retention 0", "lct.max-visit 0"]);
    let mut client = server.client();
    let hour = (now() / HOUR - 2) * HOUR;
    for n in 0..5 {
        // Until tomorrow.
        let end = hour + 30 * HOUR;
        client.expect(&format!("LCT.VISIT g v{n} hall {hour} {end}"), "1");
    }
    let retention = now() - hour + 1500;
    client.expect(&format!("CONFIG SET lct.retention {retention}"), "OK");
    let question = format!("LCT.DENSITY g 0 {}", hour + 20 * HOUR);
    let mut seen = [0; 2];
    while now() < hour + retention + 300 {
        let asked = now();
        let reply = client.run(&question);
        let answered = now();
        let hours: Vec<u64> = (reply.items().iter())
            .map(|row| row.items()[1].int().unsigned_abs())
            .collect();
        if asked / HOUR == answered / HOUR {
            let over = asked / HOUR * HOUR;
            assert_eq!(hours.last(), Some(&(over - HOUR)), "the last that is over");
        }
        if answered <= hour + retention {
            assert_eq!(hours[0], hour);
            seen[0] += 1;
        } else if asked > hour + retention {
            assert_eq!(hours[0], hour + HOUR);
            seen[1] += 1;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(
        seen[0] > 10 && seen[1] > 10,
        "asked on both sides of the moment: {seen:?}"
    );
}

#[test]
fn expired_visits_leave_memory_with_visitors_and_spaces_and_the_key() {
    let server = Server::with(&["lct.retention 1000"]);
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let mut client = server.client();
    for db in [0, 5, 15] {
        client.run(&format!("SELECT {db}"));
        let now = now();
        client.expect(
            &format!(
                "LCT.VISIT g alice cafe {} {now} alice gym {now} {} bob cafe {} {now}",
                now - 500,
                now + 3000,
                now - 500
            ),
            "3",
        );
        client.expect(
            &format!("LCT.VISIT all-gone carol bar {} {now}", now - 500),
            "1",
        );
        client.expect(
            &format!("LCT.VISIT barred carol bar {} {now}", now - 500),
            "1",
        );
        client.expect("LCT.REVOKE barred mallory", "0");
    }
    for db in [0, 5, 15] {
        for server in [&server, &replica] {
            let mut client = server.client();
            client.run(&format!("SELECT {db}"));
            let counts = |client: &mut Client, key: &str| -> Option<[i64; 3]> {
                let info = client.run(&format!("LCT.INFO {key}"));
                (!info.is_error())
                    .then(|| ["visitors", "spaces", "visits"].map(|field| info.get(field).int()))
            };
            eventually("bob and the cafe are gone from memory", SOON, || {
                counts(&mut client, "g").is_none_or(|counts| counts == [1, 1, 1])
            });
            eventually("a graph without visits is gone", SOON, || {
                client.run("EXISTS all-gone") == Value::Int(0)
            });
            eventually("a graph with revocations stays", SOON, || {
                counts(&mut client, "barred") == Some([0, 0, 0])
            });
            eventually("alice and the gym are gone, too", SOON, || {
                client.run("EXISTS g") == Value::Int(0)
            });
        }
    }
}

#[test]
fn a_large_graph_gives_its_memory_back() {
    let server = Server::with(&["lct.retention 0"]);
    let mut client = server.client();
    let used = || server.info("used_memory").parse::<i64>().expect("a number");
    // Once around, so that what the server itself keeps is there already.
    fill(
        &mut client,
        "g",
        200_000,
        &mut random::seeded("memory given back"),
    );
    client.run("DEL g");
    let before = used();
    fill(
        &mut client,
        "g",
        200_000,
        &mut random::seeded("memory given back"),
    );
    let full = used();
    assert!(
        full - before > 3_000_000,
        "200,000 visits take more than {}",
        full - before
    );
    // All of it happened around 1970.
    client.expect("CONFIG SET lct.retention 10000", "OK");
    eventually("the graph is gone", SOON, || {
        client.run("EXISTS g") == Value::Int(0)
    });
    let after = used();
    assert!(
        after - before < (full - before) / 50,
        "{} of {} bytes are back",
        full - after,
        full - before
    );
}

#[test]
fn a_purge_gives_most_of_the_memory_back_even_if_some_visits_stay() {
    let server = Server::start();
    let mut client = server.client();
    fill(
        &mut client,
        "g",
        200_000,
        &mut random::seeded("purged small"),
    );
    let full = client.run("MEMORY USAGE g").int();
    client.run("LCT.PURGE g BEFORE 860000000"); // of 864000000
    let left = client.run("LCT.INFO g").get("visits").int();
    assert!(left > 100 && left < 5000, "{left} visits left");
    let after = client.run("MEMORY USAGE g").int();
    // Rows are given back; the slots of names are kept for the next ones.
    println!("{full} bytes before the purge, {after} after it, for {left} visits");
    assert!(after * 2 < full, "{after} of {full} bytes are still taken");
}

/// A snapshot can meet a graph between its purge and its deletion. It holds no part then, and must load all the same.
#[test]
fn a_graph_that_was_saved_empty_loads_and_goes() {
    let server = Server::with(&["lct.retention 2000", "rdbcompression no"]);
    let mut client = server.client();
    let now = now();
    client.expect(&format!("LCT.VISIT g a s {now} {}", now + 1), "1");
    let mut empty = Dump::parse(client.run("DUMP g").bytes()).expect("the known form");
    empty.fields = vec![Field::Bytes(Vec::new())];
    client.expect("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", "OK");
    let restored = client.call(&args!["RESTORE", "empty", 0, empty.to_payload()]);
    assert_eq!(restored.to_string(), "OK");
    client.expect("LCT.VISITS empty a", "[]");
    client.expect("LCT.EXPOSED empty a", "[]");
    client.expect("LCT.FORGET empty a", "0");
    eventually("the empty graph is gone", SOON, || {
        client.run("EXISTS empty") == Value::Int(0)
    });
}

#[test]
fn a_new_primary_takes_over_the_timer() {
    let primary = Server::with(&["lct.retention 4000"]);
    let replica = Server::replica_of(&primary);
    replica.wait_in_sync(&primary);
    let now = now();
    primary
        .client()
        .expect(&format!("LCT.VISIT g alice cafe {} {now}", now - 500), "1");
    replica.wait_in_sync(&primary);
    drop(primary);
    replica.client().expect("REPLICAOF NO ONE", "OK");
    let mut client = replica.client();
    client.expect("EXISTS g", "1");
    eventually("the new primary purges", SOON, || {
        client.run("EXISTS g") == Value::Int(0)
    });
}

#[test]
fn visits_that_expired_while_the_server_was_down_are_purged_after_the_start() {
    let mut server = Server::with(&["lct.retention 1000", "appendonly yes", "appendfsync always"]);
    let now = now();
    server
        .client()
        .expect(&format!("LCT.VISIT g alice cafe {} {now}", now - 500), "1");
    // Killed before they expire; the start takes place after.
    server.restart(Stop::Kill);
    let mut client = server.client();
    while lct_tests::now() < now + 1000 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(is_empty(&client.run("LCT.VISITS g alice")));
    eventually("they are purged", SOON, || {
        client.run("EXISTS g") == Value::Int(0)
    });
}

/// Whether any file below `folder` holds `needle`. Everything there counts, the log too.
fn holds(folder: &Path, needle: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        // A file may go while we look: that is what we wait for.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
    })
}

/// Writes visits of a canary and of bystanders, lets `erase` do its work, and waits until no byte of the canary is left in the data
/// folders of primary and replica.
fn erased_on_disk(settings: &[&str], erase: impl Fn(&mut Client)) {
    const IDS: [&str; 2] = ["canary-visitor-7d1f9c", "canary-space-7d1f9c"];
    let aof = [
        "appendonly yes",
        "appendfsync always",
        "lct.erase-within 1000",
    ];
    for preamble in ["aof-use-rdb-preamble yes", "aof-use-rdb-preamble no"] {
        let mut server = Server::with(&[&aof[..], settings, &[preamble]].concat());
        let replica = Server::replica_of(&server);
        replica.wait_in_sync(&server);
        let now = now();
        let mut client = server.client();
        let [visitor, space] = IDS;
        client.expect(
            &format!(
                "LCT.VISIT g {visitor} {space} {} {now} bystander cafe {now} {}",
                now - 100,
                now + 3_600_000
            ),
            "2",
        );
        client.expect(
            &format!("LCT.VISIT g {visitor} cafe {now} {}", now + 50),
            "1",
        );
        replica.wait_in_sync(&server);
        let folders = [server.dir().to_path_buf(), replica.dir().to_path_buf()];
        for id in IDS {
            assert!(
                folders.iter().all(|folder| holds(folder, id)),
                "the AOF of both holds {id} at first"
            );
        }
        erase(&mut client);
        for id in IDS {
            eventually(
                &format!("no file of the primary holds {id} ({preamble})"),
                SOON * 2,
                || !holds(&folders[0], id),
            );
            eventually(
                &format!("no file of the replica holds {id} ({preamble})"),
                SOON * 2,
                || !holds(&folders[1], id),
            );
        }
        assert!(
            holds(&folders[0], "bystander"),
            "who is left is still stored"
        );
        server.restart(Stop::Kill);
        server.client().expect(
            "LCT.VISITS g bystander",
            &format!("[[cafe {now} {}]]", now + 3_600_000),
        );
    }
}

#[test]
fn expired_visits_leave_the_disk() {
    erased_on_disk(&["lct.retention 1500"], |_| {});
}

#[test]
fn forgotten_visitors_leave_the_disk() {
    erased_on_disk(&[], |client| {
        client.expect("LCT.FORGET g canary-visitor-7d1f9c", "2")
    });
}

#[test]
fn revoked_visitors_leave_the_disk_and_stay_barred() {
    erased_on_disk(&[], |client| {
        client.expect("LCT.REVOKE g canary-visitor-7d1f9c", "2")
    });
}

#[test]
fn who_was_alerted_and_forgotten_leaves_the_disk() {
    erased_on_disk(&[], |client| {
        std::thread::sleep(Duration::from_millis(10)); // both have come by now
        client.expect(&format!("LCT.WARNSPACE g w1 cafe contact 0 {}", now()), "2");
        client.expect("LCT.WARN g w2 canary-visitor-7d1f9c positive", "1");
        client.expect("LCT.WARN g w3 bystander symptoms", "1");
        let inbox = client.run("LCT.ALERTS g canary-visitor-7d1f9c");
        assert_eq!(inbox.items().len(), 2, "{inbox}");
        client.expect("LCT.RETRACT g w1", "2");
        client.expect("LCT.FORGET g canary-visitor-7d1f9c", "2");
    });
}

#[test]
fn purged_visits_leave_the_disk() {
    erased_on_disk(&[], |client| {
        std::thread::sleep(Duration::from_millis(100));
        client.expect(&format!("LCT.PURGE g BEFORE {}", now()), "2");
    });
}

#[test]
fn single_visits_that_were_removed_leave_the_disk() {
    erased_on_disk(&[], |client| {
        for row in client.run("LCT.VISITS g canary-visitor-7d1f9c").items() {
            client.expect(
                &format!(
                    "LCT.UNVISIT g canary-visitor-7d1f9c {} {}",
                    row.items()[0],
                    row.items()[1]
                ),
                "1",
            );
        }
    });
}

#[test]
fn flushed_graphs_leave_the_disk() {
    for flush in ["FLUSHALL", "FLUSHDB ASYNC"] {
        let server = Server::with(&[
            "appendonly yes",
            "appendfsync always",
            "lct.erase-within 1000",
        ]);
        let mut client = server.client();
        client.expect("LCT.VISIT g canary-visitor cafe 0 1", "1");
        client.expect(flush, "OK");
        eventually(
            &format!("no file holds the visitor after {flush}"),
            SOON,
            || !holds(server.dir(), "canary-visitor"),
        );
    }
}

#[test]
fn an_expired_visit_is_not_brought_back() {
    let server = Server::start();
    let mut client = server.client();
    let now = now();
    client.expect(
        &format!("LCT.VISIT g alice cafe {} {}", now - 100_000, now - 90_000),
        "1",
    );
    // In one step, so that no timer purges it before it is asked for.
    client.run("MULTI");
    client.run("CONFIG SET lct.retention 60000");
    client.run(&format!(
        "LCT.REVISIT g alice cafe {} {} {now}",
        now - 100_000,
        now - 10_000
    ));
    client.run("LCT.VISITS g alice");
    client.expect("EXEC", "[OK 0 []]");
}

#[test]
fn a_forgotten_visitor_is_erased_even_where_the_key_went_with_them() {
    let server = Server::with(&[
        "appendonly yes",
        "appendfsync always",
        "lct.erase-within 1000",
    ]);
    let mut client = server.client();
    client.expect("LCT.VISIT g canary-visitor cafe 0 1", "1");
    client.expect("LCT.FORGET g canary-visitor", "1");
    client.expect("EXISTS g", "0");
    eventually("no file holds the visitor", SOON, || {
        !holds(server.dir(), "canary-visitor")
    });
}

#[test]
fn the_aof_is_rewritten_at_most_once_in_the_time_allowed() {
    let server = Server::with(&["appendonly yes", "appendfsync no", "lct.erase-within 2000"]);
    let mut client = server.client();
    let start = now();
    while now() < start + 5000 {
        client.expect("LCT.VISIT g alice cafe 0 1", "1");
        client.expect("LCT.FORGET g alice", "1");
        std::thread::sleep(Duration::from_millis(50));
    }
    let rewrites: u64 = server
        .log()
        .matches("Background AOF rewrite finished successfully")
        .count() as u64;
    let allowed = (now() - start) / 2000 + 1;
    assert!(
        (1..=allowed).contains(&rewrites),
        "{rewrites} rewrites, 1 to {allowed} are due"
    );
}

#[test]
fn without_an_aof_none_is_written() {
    let server = Server::with(&[
        "appendonly no",
        "lct.erase-within 1000",
        "lct.retention 1000",
    ]);
    let mut client = server.client();
    let now = now();
    client.expect(
        &format!(
            "LCT.VISIT g alice cafe {} {now} bob cafe {} {now}",
            now - 500,
            now - 500
        ),
        "2",
    );
    client.expect("LCT.FORGET g alice", "1");
    std::thread::sleep(Duration::from_secs(4));
    client.expect("EXISTS g", "0");
    let mut files: Vec<_> = std::fs::read_dir(server.dir())
        .expect("the data folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["redis.conf", "server.log"],
        "a server without persistence writes nothing"
    );
}
