//! What is stored stays the same through everything Redis does with a key: the digest tells.

use lct_tests::dump::{Dump, Field};
use lct_tests::{
    Client, Server, Stop, args, digests, eventually, fill, oddities, purge_under_way, random,
};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const KEYS: [&str; 3] = ["odd", "small", "large"];
const MAX_PART: usize = 4 << 20;

/// The keys: one with every oddity, a small one, one that takes several parts.
fn load(client: &mut Client) {
    let mut rng = random::seeded("persistence");
    oddities(client, "odd");
    fill(client, "small", 500, &mut rng);
    // The longest ids, so that a graph of several parts is quickly made.
    let visit = |n: i32| {
        args![
            long_visitor(n),
            format!("space-{}", n % 300),
            n / 4,
            n / 4 + 100
        ]
    };
    let visits: Vec<Vec<Vec<u8>>> = (0..100_000).map(visit).collect();
    let commands: Vec<_> = visits
        .chunks(200)
        .map(|visits| [args!["LCT.VISIT", "large"], visits.concat()].concat())
        .collect();
    let replies = client.pipeline(&commands).expect("replies");
    assert!(replies.iter().all(|reply| reply.int() == 200));
}

/// A visitor of the large graph.
fn long_visitor(number: i32) -> String {
    format!("{number:a>128}")
}

fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    client.run(&format!("DUMP {key}")).bytes().to_vec()
}

/// Some answers of the large graph: a digest that forgot something would not do.
fn answers(client: &mut Client) -> Vec<String> {
    let questions = [
        &format!("LCT.VISITS large {}", long_visitor(7)),
        "LCT.PRESENT large space-5 10000 11000",
        &format!(
            "LCT.EXPOSED large {} ORDER 2 WITHTIMES COUNT 100",
            long_visitor(50_000)
        ),
        "LCT.VISITS small visitor-0",
        "LCT.EXPOSED odd b ORDER 2 WITHTIMES AT 9007199254740991",
        "LCT.VISIT odd mallory s 0 1",
    ];
    let answers: Vec<String> = questions
        .iter()
        .map(|question| client.run(question).to_string())
        .collect();
    assert!(
        answers.iter().all(|answer| answer.len() > 10),
        "the questions are chosen to have answers: {answers:?}"
    );
    answers
}

fn rewrite_aof(server: &Server) {
    server.client().run("BGREWRITEAOF");
    let done = || {
        server.info("aof_rewrite_in_progress") == "0" && server.info("aof_rewrite_scheduled") == "0"
    };
    eventually("the AOF is rewritten", Duration::from_secs(60), done);
    assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
}

/// The contents of the files below `folder` in the data folder, with their names.
fn files(server: &Server, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(server.dir().join(folder))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file")))
        .collect()
}

#[test]
fn debug_reload_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    load(&mut client);
    let before = (digests(&mut client, &KEYS), answers(&mut client));
    client.expect("DEBUG RELOAD", "OK");
    assert_eq!((digests(&mut client, &KEYS), answers(&mut client)), before);
}

#[test]
fn an_aof_rewritten_without_preamble_loads_to_the_same_graph() {
    let server = Server::with(&[
        "appendonly yes",
        "appendfsync no",
        "aof-use-rdb-preamble no",
    ]);
    let mut client = server.client();
    load(&mut client);
    let before = (digests(&mut client, &KEYS), answers(&mut client));
    rewrite_aof(&server);
    let (_, base) = files(&server, "appendonlydir")
        .into_iter()
        .find(|(name, _)| name.contains(".base."))
        .expect("a base file");
    let loads = base
        .windows(8)
        .filter(|word| word.eq_ignore_ascii_case(b"LCT.LOAD"))
        .count();
    assert!(
        loads > KEYS.len(),
        "the large graph takes several LCT.LOAD, there are {loads}"
    );
    client.expect("DEBUG LOADAOF", "OK");
    assert_eq!((digests(&mut client, &KEYS), answers(&mut client)), before);
}

#[test]
fn a_killed_server_reads_its_aof() {
    for preamble in ["yes", "no"] {
        let mut server = Server::with(&[
            "appendonly yes",
            "appendfsync always",
            &format!("aof-use-rdb-preamble {preamble}"),
        ]);
        let mut client = server.client();
        load(&mut client);
        rewrite_aof(&server);
        // Behind the base come single commands, one of each that writes.
        for line in [
            "LCT.VISIT small new cafe 0 10 newer cafe 5 15 gone cafe 1 2",
            "LCT.REVISIT small new cafe 0 3 13",
            "LCT.UNVISIT small gone cafe 1",
            "LCT.FORGET small visitor-1eef",
            "LCT.REVOKE small newer",
            "LCT.PURGE small BEFORE 100000000",
            "LCT.REVOKE fresh someone",
            "LCT.VISIT short-lived a b 0 1",
            "LCT.FORGET short-lived a",
        ] {
            let reply = client.run(line);
            assert!(!reply.is_error(), "{line}: {reply}");
        }
        let keys = [&KEYS[..], &["fresh"]].concat();
        let before = (digests(&mut client, &keys), answers(&mut client));
        server.restart(Stop::Kill);
        let mut client = server.client();
        assert_eq!(
            (digests(&mut client, &keys), answers(&mut client)),
            before,
            "aof-use-rdb-preamble {preamble}"
        );
        client.expect("EXISTS short-lived", "0");
    }
}

#[test]
fn a_server_that_was_shut_down_reads_its_rdb() {
    for compression in ["yes", "no"] {
        let mut server = Server::with(&["save 3600 1", &format!("rdbcompression {compression}")]);
        let mut client = server.client();
        load(&mut client);
        let before = (digests(&mut client, &KEYS), answers(&mut client));
        server.restart(Stop::Shutdown);
        let mut client = server.client();
        assert_eq!(
            (digests(&mut client, &KEYS), answers(&mut client)),
            before,
            "rdbcompression {compression}"
        );
    }
}

#[test]
fn history_replays_whatever_the_settings_are_by_then() {
    let mut server = Server::with(&[
        "appendonly yes",
        "appendfsync always",
        "aof-use-rdb-preamble no",
    ]);
    let mut client = server.client();
    let now = lct_tests::now();
    let (late, ahead) = (now + 900_000_000, now + 999_000_000);
    client.expect(
        &format!("LCT.VISIT g old cafe 0 10 long cafe 0 {now} ahead cafe {late} {ahead}"),
        "3",
    );
    client.expect(&format!("LCT.REVISIT g old cafe 0 {late} {ahead}"), "1");
    let before = digests(&mut client, &["g"]);
    server.configure("lct.max-ahead 1");
    server.configure("lct.max-visit 1");
    server.restart(Stop::Kill);
    assert_eq!(digests(&mut server.client(), &["g"]), before);
    rewrite_aof(&server);
    server.restart(Stop::Kill);
    assert_eq!(digests(&mut server.client(), &["g"]), before);
}

/// A part in the append-only file that cannot be read: the server starts, and rather than answer from half a graph it refuses that one.
#[test]
fn a_graph_with_an_unreadable_part_is_refused_not_shortened() {
    const DAMAGED: &str =
        "-ERR the graph was damaged by an internal error; restart the server to load it again";
    let mut server = Server::with(&[
        "appendonly yes",
        "appendfsync always",
        "aof-use-rdb-preamble no",
    ]);
    let mut client = server.client();
    client.expect("LCT.VISIT g findable cafe 100 200 bob cafe 150 300", "2");
    client.expect("LCT.VISIT whole alice cafe 100 200", "1");
    rewrite_aof(&server);
    let (base, mut bytes) = files(&server, "appendonlydir")
        .into_iter()
        .find(|(name, _)| name.contains(".base."))
        .expect("a base file");
    let at = bytes
        .windows(8)
        .position(|word| word == b"findable")
        .expect("the id in the part");
    bytes[at] ^= 1;
    fs::write(base, bytes).expect("the base file");
    server.restart(Stop::Kill);
    let mut client = server.client();
    client.expect("LCT.VISITS whole alice", "[[cafe 100 200]]");
    for line in [
        "LCT.VISITS g bob",
        "LCT.EXPOSED g bob",
        "LCT.VISIT g carol cafe 1 2",
        "LCT.FORGET g bob",
    ] {
        client.expect(line, DAMAGED);
    }
    // Nor does it get into a new file.
    client.run("BGREWRITEAOF");
    eventually("the rewrite has ended", Duration::from_secs(20), || {
        server.info("aof_rewrite_in_progress") == "0"
    });
    assert_eq!(server.info("aof_last_bgrewrite_status"), "err");
}

#[test]
fn dump_restore_and_copy_make_equal_graphs() {
    let server = Server::start();
    let mut client = server.client();
    load(&mut client);
    for key in KEYS {
        let before = digests(&mut client, &[key]);
        let payload = dump(&mut client, key);
        assert_eq!(
            client
                .call(&args!["RESTORE", "restored", 0, payload])
                .to_string(),
            "OK"
        );
        client.expect(&format!("COPY {key} copied"), "1");
        client.expect(&format!("COPY {key} {key} DB 1"), "1");
        assert_eq!(
            [
                digests(&mut client, &["restored"]),
                digests(&mut client, &["copied"])
            ],
            [before.clone(), before.clone()],
            "{key}"
        );
        client.run("SELECT 1");
        assert_eq!(
            digests(&mut client, &[key]),
            before,
            "{key} in another database"
        );
        client.run("SELECT 0");
        // A copy has nothing in common with its origin but the content.
        client.expect("LCT.VISIT copied only-here cafe 0 1", "1");
        client.expect("LCT.FORGET restored a", &client_forgets(key));
        assert_eq!(
            digests(&mut client, &[key]),
            before,
            "{key} after its copies changed"
        );
        assert_ne!(digests(&mut client, &["copied"]), before);
        let payload = dump(&mut client, key);
        let replaced = client.call(&args!["RESTORE", "copied", 0, payload, "REPLACE"]);
        assert_eq!(replaced.to_string(), "OK");
        assert_eq!(
            digests(&mut client, &["copied"]),
            before,
            "{key} restored over a copy"
        );
        client.run("DEL restored copied");
    }
}

/// `a` has visits only in the odd graph.
fn client_forgets(key: &str) -> String {
    if key == "odd" { "4" } else { "0" }.into()
}

#[test]
fn a_dump_is_made_of_parts_of_at_most_four_mebibytes() {
    let server = Server::start();
    let mut client = server.client();
    load(&mut client);
    let payload = dump(&mut client, "large");
    let whole = Dump::parse(&payload).expect("a payload of the known form");
    let parts = whole.parts().expect("nothing but parts");
    let sizes: Vec<usize> = parts.iter().map(|(_, part)| part.len()).collect();
    assert!(
        sizes.len() >= 3 && sizes.iter().all(|&size| size <= MAX_PART),
        "several parts: {sizes:?}"
    );
    // Each part is a graph by itself, and together they are the large one.
    client.run("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    let mut visits = 0;
    for (index, part) in parts {
        lct_graph::Part::decode(part).expect("each part is whole by itself");
        let one = Dump {
            fields: vec![whole.fields[index].clone(), Field::Bytes(Vec::new())],
            ..whole.clone()
        };
        assert_eq!(
            client
                .call(&args!["RESTORE", "one", 0, one.to_payload(), "REPLACE"])
                .to_string(),
            "OK"
        );
        visits += client.run("LCT.INFO one").get("visits").int();
    }
    assert_eq!(visits, client.run("LCT.INFO large").get("visits").int());
}

#[test]
fn a_purge_under_way_is_seen_by_nobody() {
    let server = Server::with(&[
        "appendonly yes",
        "appendfsync no",
        "aof-use-rdb-preamble no",
    ]);
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let mut client = server.client();
    fill(
        &mut client,
        "large",
        300_000,
        &mut random::seeded("purge under way"),
    );
    client.expect("COPY large purged", "1");
    client.run("LCT.PURGE purged BEFORE 600000000");
    let after = digests(&mut client, &["purged"]);
    assert_ne!(after, digests(&mut client, &["large"]));

    let make_again = |client: &mut Client| client.expect("COPY large g REPLACE", "1");
    for what in ["nothing", "DUMP and RESTORE", "COPY", "DEBUG RELOAD"] {
        let mut purging = purge_under_way(&server, 600_000_000, || make_again(&mut client));
        match what {
            "nothing" => {}
            "DUMP and RESTORE" => {
                let payload = dump(&mut client, "g");
                client.call(&args!["RESTORE", "g", 0, payload, "REPLACE"]);
            }
            "COPY" => {
                client.expect("COPY g h", "1");
                client.expect("RENAME h g", "OK");
            }
            _ => client.expect("DEBUG RELOAD", "OK"),
        }
        let during = digests(&mut client, &["g"]);
        assert_eq!(during, after, "{what} during a purge");
        let reply = purging.receive().expect("a reply");
        assert!(!reply.is_error(), "{what} during a purge: {reply}");
        let at_last = digests(&mut client, &["g"]);
        assert_eq!(at_last, after, "{what}, after the purge");
    }

    // The rewritten AOF and the replica agree too.
    let mut purging = purge_under_way(&server, 600_000_000, || make_again(&mut client));
    rewrite_aof(&server);
    replica.wait_in_sync(&server);
    assert_eq!(digests(&mut replica.client(), &["g"]), after, "the replica");
    purging.receive().expect("a reply");
    client.expect("DEBUG LOADAOF", "OK");
    assert_eq!(digests(&mut client, &["g"]), after, "the AOF");
}

#[test]
fn the_digest_tells_content_and_nothing_else() {
    let server = Server::start();
    let mut client = server.client();
    let mut build = |visits: &[String]| {
        client.run("DEL g");
        for visit in visits {
            client.run(&format!("LCT.VISIT g {visit}"));
        }
        digests(&mut client, &["g"]).remove(0)
    };
    let base = [
        "alice cafe 100 200",
        "alice bar 100 200",
        "bob cafe 150 250",
        "carol gym 0 9007199254740991",
    ]
    .map(String::from);

    // Each field of each visit set to words and times, among them those of the others; a visit less, a visit twice; names swapped,
    // letters moved from one name to the other.
    let mut graphs = vec![base.to_vec()];
    let words = [
        "x", "Alice", "alicf", "lice", "alicec", "afe", "ca", "alice", "cafe", "bob", "gym",
    ];
    let times = [
        "1",
        "99",
        "100",
        "101",
        "149",
        "150",
        "199",
        "200",
        "201",
        "250",
        "9007199254740990",
    ];
    for index in 0..base.len() {
        for (field, new) in [(0, words), (1, words), (2, times), (3, times)] {
            for new in new {
                let mut fields: Vec<&str> = base[index].split(' ').collect();
                fields[field] = new;
                let mut graph = base.to_vec();
                graph[index] = fields.join(" ");
                graphs.push(graph);
            }
        }
        let mut graph = base.to_vec();
        graph.push(graph[index].clone());
        graph.rotate_left(index);
        graphs.push(graph.clone());
        graph.retain(|visit| *visit != base[index]);
        graphs.push(graph);
        let swapped = |visit: &String| {
            let fields: Vec<&str> = visit.split(' ').collect();
            [fields[1], fields[0], fields[2], fields[3]].join(" ")
        };
        graphs.push(base.iter().map(swapped).collect());
    }
    graphs.push([&base[1..], &["alicec afe 100 200".into()]].concat());

    let (mut contents, mut known) = (BTreeMap::new(), BTreeMap::new());
    let count = graphs.len();
    for graph in graphs {
        let content = content(&graph);
        if content.is_empty() {
            continue;
        }
        let digest = build(&graph);
        let same = contents.entry(digest.clone()).or_insert(content.clone());
        assert_eq!(*same, content, "two graphs, one digest");
        let same = known.entry(content).or_insert(digest.clone());
        assert_eq!(*same, digest, "one graph, two digests: {graph:?}");
    }
    println!("{count} graphs, {} of them different", contents.len());
    assert!(contents.len() > 100);

    // The way there, a name and a purge of nothing leave no mark.
    let digest = build(&base);
    client.expect("LCT.VISIT g mallory lair 0 1 alice bar 7 8", "2");
    client.expect("LCT.VISIT g alice cafe 100 999", "0");
    client.expect("LCT.VISIT g alice cafe 100 200", "0");
    client.expect("LCT.FORGET g mallory", "1");
    client.expect("LCT.UNVISIT g alice bar 7", "1");
    client.expect("LCT.PURGE g BEFORE 5", "0");
    client.expect("RENAME g renamed", "OK");
    assert_eq!(digests(&mut client, &["renamed"]), [digest.as_str()]);
    // Who is barred belongs to the content.
    client.expect("LCT.REVOKE renamed mallory", "0");
    let barred = digests(&mut client, &["renamed"]);
    client.expect("LCT.REVOKE renamed eve", "0");
    assert_ne!(barred, [digest]);
    assert_ne!(digests(&mut client, &["renamed"]), barred);
}

/// What visits, logged from left to right, come to: the end of each (visitor, space, start).
fn content(visits: &[String]) -> BTreeMap<String, String> {
    let end = |visit: &String| {
        let (known_by, end) = visit.rsplit_once(' ').expect("four fields");
        let start: u64 = known_by
            .rsplit_once(' ')
            .expect("four fields")
            .1
            .parse()
            .ok()?;
        let is_visit = end.parse::<u64>().is_ok_and(|end| start < end);
        is_visit.then(|| (known_by.to_string(), end.to_string()))
    };
    visits.iter().filter_map(end).collect()
}
