//! Questions answered in slices: as of one moment, whatever happens meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lct_tests::{Client, Server, Value, args, eventually};

const HOUR: u64 = 3_600_000;
/// People in the hall: with times, their rows are more than one slice replies.
const PEOPLE: usize = 40_000;
/// When they were there.
const EVENING: u64 = 1_000 * HOUR;

const QUESTION: [&str; 8] = [
    "LCT.EXPOSED",
    "g",
    "p0",
    "AT",
    "4000000000",
    "ORDER",
    "2",
    "WITHTIMES",
];

/// Says that it is over, also when a test fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server whose graphs hold visits of long ago.
fn start() -> (Server, Client) {
    let server = Server::with(&["lct.retention 0"]);
    let client = server.client();
    (server, client)
}

fn visit(graph: &str, people: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let mut command = args!["LCT.VISIT", graph];
    for person in people {
        command.extend(args![person, "hall", EVENING, EVENING + 2 * HOUR]);
    }
    command
}

/// `people` in the hall, each of whom was somewhere else before with somebody who was not.
fn hall(client: &mut Client, graph: &str, people: usize) {
    let numbers: Vec<usize> = (0..people).collect();
    let mut commands = Vec::new();
    for some in numbers.chunks(200) {
        commands.push(visit(graph, some.iter().map(|n| format!("p{n}"))));
        let mut command = args!["LCT.VISIT", graph];
        for n in some {
            let (start, end) = (EVENING + HOUR, EVENING + 3 * HOUR);
            command.extend(args![format!("q{n}"), format!("home{n}"), start, end]);
            command.extend(args![format!("p{n}"), format!("home{n}"), start, end]);
        }
        commands.push(command);
    }
    for some in commands.chunks(50) {
        let replies = client.pipeline(some).expect("replies");
        assert!(replies.iter().all(|reply| !reply.is_error()));
    }
}

fn sliced(server: &Server) -> u64 {
    let answered = server.info("lct_questions_sliced");
    answered.parse().expect("a number")
}

/// The rows of an answer by contact, as text.
fn rows(answer: &Value) -> HashMap<String, String> {
    let rows = answer.items().iter();
    rows.map(|row| (row.items()[0].text(), row.to_string()))
        .collect()
}

/// How many of `name0`, `name1`, … there are, which must be the first ones.
fn first_ones(rows: &HashMap<String, String>, name: &str) -> usize {
    let numbers: HashSet<usize> = (rows.keys())
        .filter_map(|contact| contact.strip_prefix(name)?.parse().ok())
        .collect();
    for n in 0..numbers.len() {
        assert!(
            numbers.contains(&n),
            "{name}{n} is missing, a later one is not"
        );
    }
    numbers.len()
}

/// Asks thirty times, while the graph `g` is a copy of `large`, then one of `small`, then not there, over and over.
fn while_it_is_replaced(server: &Server, ask: impl Fn(&mut Client)) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            while !over.load(Ordering::Relaxed) {
                for command in ["COPY large g REPLACE", "COPY small g REPLACE", "DEL g"] {
                    client.expect(command, "1");
                    thread::sleep(Duration::from_millis(3));
                }
            }
        });
        let ends = Over(&over);
        let mut asker = server.client();
        asker.set_timeout(Duration::from_secs(60));
        for _ in 0..30 {
            ask(&mut asker);
        }
        drop(ends);
    });
}

#[test]
fn an_answer_in_slices_is_that_of_one_moment() {
    let (server, mut client) = start();
    hall(&mut client, "g", PEOPLE);
    let whole = rows(&client.call(&QUESTION));
    assert_eq!(whole.len(), 2 * PEOPLE - 1); // all but p0
    let before = sliced(&server);

    // One by one somebody comes into the hall and somebody is said not to have been there.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut client = server.client();
            let mut n = 0;
            while !over.load(Ordering::Relaxed) && n < PEOPLE / 2 {
                let came = visit("g", [format!("new{n}")].into_iter());
                assert_eq!(client.call(&came), Value::Int(1));
                let gone = format!("p{}", PEOPLE - 1 - n);
                if n % 500 == 499 {
                    client.expect(&format!("LCT.FORGET g {gone}"), "2");
                } else {
                    client.expect(&format!("LCT.UNVISIT g {gone} hall {EVENING}"), "1");
                }
                n += 1;
            }
            n
        });
        let ends = Over(&over);
        let mut asker = server.client();
        asker.set_timeout(Duration::from_secs(60));
        let mut changes = Vec::new();
        for _ in 0..12 {
            let now = rows(&asker.call(&QUESTION));
            let came = first_ones(&now, "new");
            let left = PEOPLE
                - 1
                - (1..PEOPLE)
                    .filter(|n| now.contains_key(&format!("p{n}")))
                    .count();
            for n in 1..PEOPLE {
                let is_there = now.contains_key(&format!("p{n}"));
                assert_eq!(is_there, n < PEOPLE - left, "p{n} of {left} who left");
                // Whoever was met there brings in somebody from home; the others' rows are what they were.
                assert_eq!(now.contains_key(&format!("q{n}")), is_there, "q{n}");
                if is_there {
                    assert_eq!(now[&format!("p{n}")], whole[&format!("p{n}")]);
                }
            }
            assert!(came == left || came == left + 1, "{came} came, {left} left");
            changes.push(came);
        }
        drop(ends);
        let written = writer.join().expect("the writer");
        assert!(changes.is_sorted() && changes[11] <= written);
        assert!(changes[11] > 0, "nothing changed meanwhile");
    });
    assert!(sliced(&server) >= before + 12);
    assert_eq!(server.info("lct_questions_waiting"), "0");
}

#[test]
fn a_graph_that_goes_or_is_replaced_is_answered_as_one_of_them() {
    let (server, mut client) = start();
    hall(&mut client, "large", PEOPLE);
    hall(&mut client, "small", 10_000);
    while_it_is_replaced(&server, |asker| {
        let found = asker.call(&QUESTION).items().len();
        assert!(
            [0, 19_999, 2 * PEOPLE - 1].contains(&found),
            "{found} contacts"
        );
    });
}

#[test]
fn transactions_scripts_and_several_clients_get_the_same() {
    let (server, mut client) = start();
    hall(&mut client, "g", PEOPLE);
    let mut sorted = client.call(&QUESTION);
    assert_eq!(sorted.items().len(), 2 * PEOPLE - 1);

    let before = sliced(&server);
    client.expect("MULTI", "OK");
    client.expect(&QUESTION.join(" "), "QUEUED");
    assert_eq!(client.run("EXEC").items(), [sorted.clone()]);
    let call = "return redis.call(unpack(ARGV))";
    let mut script = args!["EVAL", call, 0];
    script.extend(args![QUESTION[0], QUESTION[1], QUESTION[2]]);
    script.extend(QUESTION[3..].iter().map(|word| word.as_bytes().to_vec()));
    assert_eq!(client.call(&script), sorted);
    assert_eq!(sliced(&server), before, "these are answered at once");

    // Whoever leaves is forgotten, the others have their turn.
    let mut clients: Vec<Client> = (0..6).map(|_| server.client()).collect();
    for client in &mut clients {
        client.set_timeout(Duration::from_secs(60));
        client.send(&QUESTION).expect("sent");
    }
    clients.remove(3);
    clients.remove(0);
    for mut client in clients {
        assert_eq!(client.receive().expect("a reply"), sorted);
        client.expect("PING", "PONG");
    }
    eventually("nobody waits", Duration::from_secs(30), || {
        server.info("lct_questions_waiting") == "0"
    });

    // The plain answer and a COUNT agree with it.
    let plain: Vec<&str> = QUESTION[..7].to_vec();
    let contacts: HashSet<String> = (client.call(&plain).items().iter())
        .map(Value::text)
        .collect();
    assert_eq!(contacts.len(), 2 * PEOPLE - 1);
    assert!(
        sorted
            .items()
            .iter()
            .all(|row| contacts.contains(&row.items()[0].text()))
    );
    let mut counted: Vec<&str> = QUESTION.to_vec();
    counted.extend(["COUNT", "30000"]);
    if let Value::Array(rows) = &mut sorted {
        rows.truncate(30_000);
    }
    assert_eq!(client.call(&counted), sorted);

    // Who was there takes no less.
    let (from, to) = (EVENING.to_string(), (EVENING + HOUR).to_string());
    let present = ["LCT.PRESENT", "g", "hall", &from, &to];
    let before = sliced(&server);
    let found = client.call(&present);
    assert_eq!(sliced(&server), before + 1);
    let mut people: Vec<String> = (0..PEOPLE).map(|n| format!("p{n}")).collect();
    people.sort();
    let there = |person| format!("[{person} {EVENING} {}]", EVENING + 2 * HOUR);
    let expected: Vec<String> = people.into_iter().map(there).collect();
    let found: Vec<String> = found.items().iter().map(Value::to_string).collect();
    assert_eq!(found, expected);

    // Over RESP3 too.
    client.run("HELLO 3");
    assert_eq!(client.call(&counted), sorted);
}

/// Rooms with fifty people each, for a day.
fn rooms(client: &mut Client, graph: &str, name: &str, rooms: usize) {
    let day = EVENING + 24 * HOUR;
    let numbers: Vec<usize> = (0..rooms).collect();
    for some in numbers.chunks(10) {
        let mut command = args!["LCT.VISIT", graph];
        for room in some {
            for n in 0..50 {
                let (person, room) = (format!("{name}{room}-{n}"), format!("{name}{room}"));
                command.extend(args![person, room, EVENING, day]);
            }
        }
        assert!(!client.call(&command).is_error());
    }
}

/// What there is to tell of them: in each hour fifty people, all together.
fn full(name: &str, rooms: usize) -> Vec<String> {
    let mut rooms: Vec<String> = (0..rooms).map(|n| format!("{name}{n}")).collect();
    rooms.sort();
    let hours = |room: String| (0..24).map(move |n| (room.clone(), EVENING + n * HOUR));
    let cells = rooms.into_iter().flat_map(hours);
    cells
        .map(|(room, hour)| format!("[{room} {hour} 3000 50]"))
        .collect()
}

fn texts(answer: &Value) -> Vec<String> {
    answer.items().iter().map(Value::to_string).collect()
}

#[test]
fn crowds_are_counted_in_slices_too() {
    let (server, mut client) = start();
    rooms(&mut client, "g", "room", 800);
    let (from, to) = (EVENING.to_string(), (EVENING + 30 * HOUR).to_string());
    let question = ["LCT.DENSITY", "g", &from, &to];
    let before = sliced(&server);
    let whole = client.call(&question);
    assert_eq!(sliced(&server), before + 1);
    assert_eq!(texts(&whole), full("room", 800));

    client.expect("MULTI", "OK");
    client.expect(&question.join(" "), "QUEUED");
    assert_eq!(client.run("EXEC").items(), std::slice::from_ref(&whole));
    let script = "return redis.call('LCT.DENSITY', KEYS[1], ARGV[1], ARGV[2])";
    assert_eq!(client.call(&["EVAL", script, "1", "g", &from, &to]), whole);
    let one = client.run(&format!("{} SPACE room77", question.join(" ")));
    let room: Vec<String> = texts(&whole)
        .into_iter()
        .filter(|row| row.starts_with("[room77 "))
        .collect();
    assert_eq!(texts(&one), room);
    assert_eq!(sliced(&server), before + 1, "these are answered at once");

    // While people leave the last rooms, one from each in turn, each room is counted as it is at some moment.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            for n in 0..30 {
                for room in 400..800 {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    client.expect(
                        &format!("LCT.UNVISIT g room{room}-{n} room{room} {EVENING}"),
                        "1",
                    );
                }
            }
        });
        let ends = Over(&over);
        let mut asker = server.client();
        asker.set_timeout(Duration::from_secs(60));
        let (mut asked, mut least) = (0, 50);
        while asked < 8 || least == 50 {
            asked += 1;
            assert!(asked < 1_000, "nobody left meanwhile");
            for cells in asker.call(&question).items().chunks(24) {
                let figures = |cell: &Value| (cell.items()[2].int(), cell.items()[3].int());
                let (minutes, peak) = figures(&cells[0]);
                assert!(cells.iter().all(|cell| figures(cell) == (minutes, peak)));
                assert_eq!(minutes, 60 * peak);
                least = least.min(peak);
            }
        }
        drop(ends);
    });

    client.run("HELLO 3");
    client.run("DEL g");
    rooms(&mut client, "g", "room", 800);
    assert_eq!(client.call(&question), whole);
}

#[test]
fn crowds_of_a_graph_that_is_replaced_are_those_of_one() {
    let (server, mut client) = start();
    rooms(&mut client, "large", "room", 800);
    rooms(&mut client, "small", "hut", 500);
    let (from, to) = (EVENING.to_string(), (EVENING + 30 * HOUR).to_string());
    while_it_is_replaced(&server, |asker| {
        let found = texts(&asker.call(&["LCT.DENSITY", "g", &from, &to]));
        assert!(
            found.is_empty() || found == full("room", 800) || found == full("hut", 500),
            "{} rows, from {:?} to {:?}",
            found.len(),
            found.first(),
            found.last()
        );
    });
}
