//! Random commands of every kind over RESP, each reply compared with a brute-force model that shares no code with the graph.

use lct_model::data::MAX_MILLIS;
use lct_model::{Asked, Cell, HOUR, Limits, Millis, Model, Order, Priority, Question, Window};
use lct_tests::{Client, Server, Value, args, digests, random};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

const OPERATIONS: usize = 1_000_000;
const BATCH: usize = 50;
/// How many people make a crowd.
const K: u64 = 3;
const VISITORS: [&str; 7] = ["a", "b", "c", "d", "e", "same", "ж"];
const SPACES: [&str; 4] = ["cafe", "gym", "same", "ж"];

/// A command with the reply it should have.
struct Step {
    args: Vec<Vec<u8>>,
    reply: Value,
    /// The reply is a set: its order says nothing.
    unordered: bool,
}

/// Makes commands up and knows what they should answer.
struct Oracle {
    rng: Pcg64,
    model: Model,
    /// The grid of times: collisions of starts and ends are wanted, in milliseconds as in hours.
    unit: Millis,
}

impl Oracle {
    fn time(&mut self) -> Millis {
        match self.rng.random_range(0..40) {
            0 => 0,
            1 => MAX_MILLIS,
            2 => MAX_MILLIS - 1,
            n => self.rng.random_range(0..150) * self.unit + u64::from(n < 10),
        }
    }

    fn span(&mut self) -> (Millis, Millis) {
        let start = self.time().min(MAX_MILLIS - 1);
        let length = self.rng.random_range(1..=20) * self.unit;
        (start, (start + length).min(MAX_MILLIS))
    }

    fn visitor(&mut self) -> &'static str {
        VISITORS.choose(&mut self.rng).expect("not empty")
    }

    fn space(&mut self) -> &'static str {
        SPACES.choose(&mut self.rng).expect("not empty")
    }

    /// A visit that exists, mostly; else one made up.
    fn known(&mut self) -> (Vec<u8>, Vec<u8>, Millis) {
        let known = self.model.visits.choose(&mut self.rng).cloned();
        match known {
            Some(visit) if self.rng.random_ratio(4, 5) => {
                (visit.visitor, visit.space, visit.span.start)
            }
            _ => (self.visitor().into(), self.space().into(), self.time()),
        }
    }

    fn step(&mut self) -> Step {
        let mut unordered = false;
        let (args, reply) = match self.rng.random_range(0..100) {
            0..30 => self.visit(),
            30..38 => {
                let (visitor, space, start) = self.known();
                let (new_start, new_end) = self.span();
                let moved = self
                    .model
                    .revisit(&visitor, &space, start, new_start, new_end);
                (
                    args![
                        "LCT.REVISIT",
                        "g",
                        visitor,
                        space,
                        start,
                        new_start,
                        new_end
                    ],
                    int(u64::from(moved)),
                )
            }
            38..45 => {
                let (visitor, space, start) = self.known();
                let removed = self.model.unvisit(&visitor, &space, start);
                (
                    args!["LCT.UNVISIT", "g", visitor, space, start],
                    int(u64::from(removed)),
                )
            }
            45..53 => self.visits(),
            53..61 => self.present(),
            61..66 => self.density(),
            66..92 => {
                let (args, reply, sorted) = self.exposed();
                unordered = !sorted;
                (args, reply)
            }
            92..94 => {
                let before = self.time().min(150 * self.unit);
                (
                    args!["LCT.PURGE", "g", "BEFORE", before],
                    int(self.model.purge(before)),
                )
            }
            94..95 => {
                let visitor = self.visitor();
                (
                    args!["LCT.FORGET", "g", visitor],
                    int(self.model.forget(visitor.as_bytes())),
                )
            }
            _ => (args!["EXISTS", "g"], int(u64::from(!self.model.is_empty()))),
        };
        Step {
            args,
            reply,
            unordered,
        }
    }

    fn visit(&mut self) -> (Vec<Vec<u8>>, Value) {
        let mut args = args!["LCT.VISIT", "g"];
        let mut after = self.model.clone();
        let mut added = 0;
        for number in 1..=self.rng.random_range(1..=3) {
            let (visitor, space) = (self.visitor(), self.space());
            let (start, end) = self.span();
            args.extend(args![visitor, space, start, end]);
            if after.revoked.contains(visitor.as_bytes()) {
                // The rest of the command would not matter any more.
                return (
                    args,
                    Value::Error(format!(
                        "REVOKED visit {number}: visitor: this id was revoked and cannot be used again"
                    )),
                );
            }
            added += after.visit(visitor.as_bytes(), space.as_bytes(), start, end);
        }
        self.model = after;
        (args, int(added))
    }

    fn visits(&mut self) -> (Vec<Vec<u8>>, Value) {
        let visitor = self.visitor();
        let mut args = args!["LCT.VISITS", "g", visitor];
        let (mut from, mut to) = self.span();
        if self.rng.random() {
            args.extend(args!["FROM", from]);
        } else {
            from = 0;
        }
        if self.rng.random() {
            args.extend(args!["to", to]);
        } else {
            to = Millis::MAX;
        }
        (
            args,
            rows(
                self.model
                    .visits(visitor.as_bytes(), from, period_end(from, to), 0),
            ),
        )
    }

    fn present(&mut self) -> (Vec<Vec<u8>>, Value) {
        let space = self.space();
        let (from, to) = self.span();
        let mut args = args!["LCT.PRESENT", "g", space, from, to];
        let mut count = usize::MAX;
        if self.rng.random_ratio(1, 3) {
            count = self.rng.random_range(1..5);
            args.extend(args!["COUNT", count]);
        }
        (
            args,
            rows(
                self.model
                    .present(space.as_bytes(), from, period_end(from, to), 0, count),
            ),
        )
    }

    fn density(&mut self) -> (Vec<Vec<u8>>, Value) {
        let from = self.rng.random_range(0..150) * self.unit;
        let to = from + self.rng.random_range(0..40) * HOUR + self.rng.random_range(0..HOUR);
        let mut args = args!["LCT.DENSITY", "g", from, to];
        let mut space = None;
        if self.rng.random() {
            space = Some(self.space());
            args.extend(args!["SPACE", space.expect("set above")]);
        }
        // All of this is long over.
        let (from, to) = (from.next_multiple_of(HOUR), to / HOUR * HOUR);
        let cells = (self.model).density(space.map(str::as_bytes), from, to, K);
        if self.rng.random_ratio(1, 3) {
            let count = self.rng.random_range(1..6);
            args.extend(args!["COUNT", count]);
            if cells.len() > count {
                let line = format!(
                    "ERR to: the answer has more than {count} rows; ask for fewer hours, or for one SPACE"
                );
                return (args, Value::Error(line));
            }
        }
        let row = |cell: Cell| {
            let figures = [cell.hour, cell.minutes, cell.peak].map(int);
            Value::Array([vec![Value::Bulk(cell.space)], figures.to_vec()].concat())
        };
        (args, Value::Array(cells.into_iter().map(row).collect()))
    }

    /// The command, its reply, and whether that is sorted.
    fn exposed(&mut self) -> (Vec<Vec<u8>>, Value, bool) {
        let visitor = self.visitor();
        let mut asked = Asked {
            from: None,
            to: None,
            at: Some(self.time()),
        };
        let mut options: Vec<Vec<Vec<u8>>> = vec![args!["AT", asked.at.expect("set above")]];
        let (from, to) = self.span();
        if self.rng.random() {
            asked.from = Some(from);
            options.push(args!["FROM", from]);
        }
        if self.rng.random_ratio(1, 3) {
            asked.to = Some(to);
            options.push(args!["TO", to]);
        }
        let window = Window::resolve(asked, Limits::default()).expect("a span is never empty");
        let mut question = Question {
            from: window.from,
            to: window.to,
            at: window.at,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        if self.rng.random_ratio(2, 3) {
            question.order = Order::Second;
            options.push(args!["ORDER", 2]);
        }
        if self.rng.random_ratio(1, 3) {
            let min_time = self.rng.random_range(0..30) * self.unit + self.rng.random_range(0..2);
            question.min_time = Some(min_time);
            options.push(args!["MINTIME", min_time]);
            if self.rng.random() {
                let within = self.rng.random_range(0..60) * self.unit + self.rng.random_range(0..2);
                question.within = Some(within);
                options.push(args!["WITHIN", within]);
            }
        }
        if self.rng.random_ratio(1, 3) {
            question.linger = *[0, 1, 5 * self.unit, MAX_MILLIS]
                .choose(&mut self.rng)
                .expect("not empty");
            options.push(args!["LINGER", question.linger]);
        }
        if self.rng.random_ratio(1, 3) {
            let (word, priority) = *[
                ("high", Priority::High),
                ("Medium", Priority::Medium),
                ("LOW", Priority::Low),
            ]
            .choose(&mut self.rng)
            .expect("not empty");
            question.min_priority = priority;
            options.push(args!["minpriority", word]);
        }
        let mut rows = self.model.exposures(visitor.as_bytes(), &question);
        let with_times = self.rng.random();
        if with_times {
            options.push(args!["WITHTIMES"]);
        }
        let counted = self.rng.random_ratio(1, 3);
        if counted {
            let count = self.rng.random_range(1..5);
            rows.truncate(count);
            options.push(args!["COUNT", count]);
        }
        let mut command = args!["LCT.EXPOSED", "g", visitor];
        while !options.is_empty() {
            let next = self.rng.random_range(0..options.len());
            command.extend(options.swap_remove(next));
        }
        let row = |row: lct_model::Exposure| {
            if !with_times {
                return Value::Bulk(row.contact);
            }
            let priority = match row.priority {
                Priority::High => "high",
                Priority::Medium => "medium",
                Priority::Low => "low",
            };
            let times = [row.first, row.last, row.total].map(int);
            Value::Array(
                [
                    vec![
                        Value::Bulk(row.contact),
                        int(row.order as u64),
                        Value::Bulk(priority.into()),
                    ],
                    times.to_vec(),
                ]
                .concat(),
            )
        };
        (
            command,
            Value::Array(rows.into_iter().map(row).collect()),
            with_times || counted,
        )
    }
}

/// A question from t to t is about that instant: who came then is there, who left then is not.
fn period_end(from: Millis, to: Millis) -> Millis {
    to.max(from + 1)
}

fn int(n: u64) -> Value {
    Value::Int(n.try_into().expect("at most 2^53"))
}

fn rows(rows: Vec<(Vec<u8>, Millis, Millis)>) -> Value {
    Value::Array(
        rows.into_iter()
            .map(|(id, start, end)| Value::Array(vec![Value::Bulk(id), int(start), int(end)]))
            .collect(),
    )
}

fn sorted(reply: Value) -> Value {
    let (Value::Array(mut items) | Value::Set(mut items)) = reply else {
        return reply;
    };
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

/// Simple and bulk strings say the same here.
fn plain(reply: Value) -> Value {
    match reply {
        Value::Simple(text) => Value::Bulk(text.into_bytes()),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

fn compare(client: &mut Client, steps: Vec<Step>, done: &mut usize) {
    let commands: Vec<_> = steps.iter().map(|step| step.args.clone()).collect();
    let replies = client.pipeline(&commands).expect("replies");
    for (step, got) in steps.into_iter().zip(replies) {
        let (got, expected) = if step.unordered {
            (sorted(got), sorted(step.reply))
        } else {
            (plain(got), step.reply)
        };
        let command: Vec<String> = step
            .args
            .iter()
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .collect();
        assert_eq!(got, expected, "operation {done}: {}", command.join(" "));
        *done += 1;
    }
}

#[test]
fn every_reply_is_the_models() {
    let server = Server::with(&[&format!("lct.density-k {K}")]);
    let mut client = server.client();
    let mut rng = random::seeded("model");
    let mut done = 0;
    let operations = random::scaled(OPERATIONS);
    while done < operations {
        client.run("DEL g");
        // A life of some thousand operations: it grows, is purged, forgotten, saved and loaded.
        let mut oracle = Oracle {
            rng: rng.clone(),
            model: Model::default(),
            unit: *[1, HOUR].choose(&mut rng).expect("not empty"),
        };
        for round in 0..40 {
            let steps = (0..BATCH).map(|_| oracle.step()).collect();
            compare(&mut client, steps, &mut done);
            if oracle.model.visits.len() > 120 {
                let before = 75 * oracle.unit;
                client.expect(
                    &format!("LCT.PURGE g BEFORE {before}"),
                    &oracle.model.purge(before).to_string(),
                );
            }
            if round % 13 == 12 {
                let visitor = oracle.visitor();
                client.expect(
                    &format!("LCT.REVOKE g {visitor}"),
                    &oracle.model.revoke(visitor.as_bytes()).to_string(),
                );
            }
            if round % 7 == 6 && !oracle.model.is_empty() {
                let before = digests(&mut client, &["g"]);
                match round % 3 {
                    0 => client.expect("DEBUG RELOAD", "OK"),
                    1 => {
                        client.expect("COPY g h", "1");
                        client.expect("RENAME h g", "OK");
                    }
                    _ => {
                        let payload = client.run("DUMP g").bytes().to_vec();
                        assert_eq!(
                            client
                                .call(&args!["RESTORE", "g", 0, payload, "REPLACE"])
                                .to_string(),
                            "OK"
                        );
                    }
                }
                assert_eq!(digests(&mut client, &["g"]), before);
            }
            if !oracle.model.is_empty() {
                let info = client.run("LCT.INFO g");
                let stats = oracle.model.stats();
                let counts = ["visitors", "spaces", "visits", "revoked"]
                    .map(|field| info.get(field).int() as u64);
                assert_eq!(
                    counts,
                    [stats.visitors, stats.spaces, stats.visits, stats.revoked],
                    "the counts after operation {done}"
                );
                if let (Some(oldest), Some(newest)) = (stats.oldest, stats.newest) {
                    assert_eq!(
                        [info.get("oldest"), info.get("newest")],
                        [int(oldest), int(newest)],
                        "oldest and newest after operation {done}"
                    );
                }
            }
        }
        rng = oracle.rng;
    }
    println!("{done} operations");
}
