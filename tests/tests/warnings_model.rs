//! Warnings, alerts and inboxes over RESP: random histories, every reply and every inbox compared with the brute-force
//! model, a replica beside it.
//!
//! The clock is the server's own. Every time here is some odd number of three hours away from the start of the test, so
//! that nothing is about to become late, and what a reply says of now is checked for being plausible.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lct_model::data::MAX_MILLIS;
use lct_model::warnings::{Cut, Moment, Reason, Source, Taken, Warn, WarningState, alert_hash};
use lct_model::{HOUR, Millis, Model, Order, Priority, Question};
use lct_tests::{Client, Server, Value, args, digests, now, random};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

/// Operations on warnings of order 1, and how often a second order is to follow, which takes seconds each time.
const OPERATIONS: usize = 100_000;
const SECOND_ORDERS: usize = 10;
const BATCH: usize = 50;
/// Where the second order is meant, there are more people in more places: else everybody has met everybody.
const VISITORS: [&str; 14] = [
    "a", "b", "c", "d", "e", "same", "ж", "h", "i", "j", "k", "l", "m", "n",
];
const SPACES: [&str; 6] = ["cafe", "gym", "same", "ж", "bar", "bus"];
const CROWDED: (usize, usize) = (7, 4);
const WARNINGS: [&str; 5] = ["w0", "w1", "w2", "same", "ж"];
/// The second order follows within ten seconds; a busy machine may take five times as long.
const LIMIT: Duration = Duration::from_secs(5 * 10);
const STEP: Millis = 6 * HOUR;
const DAY: Millis = 24 * HOUR;
/// Visits that ended so long ago are late, and none is longer.
const SETTINGS: [&str; 2] = ["lct.late 86400000", "lct.max-visit 86400000"];

const TAKEN: &str = "ERR warning: this id belongs to another visitor or another kind of warning";
const REVOKED: &str = "visitor: this id was revoked and cannot be used again";

/// Makes commands up and knows what they should answer.
struct Oracle {
    rng: Pcg64,
    model: Model,
    /// When it began. Times are counted from here.
    begin: Millis,
    second_order: bool,
    /// When each warning was first given, as the server said.
    issued: BTreeMap<String, Millis>,
}

impl Oracle {
    fn new(rng: Pcg64, second_order: bool) -> Self {
        Self {
            rng,
            model: Model::default(),
            begin: now(),
            second_order,
            issued: BTreeMap::new(),
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now: now(),
            late: self.begin - DAY,
            expired: 0,
        }
    }

    /// Some steps from the start, never on a multiple of one: nothing is about to become late.
    fn time(&mut self, steps: std::ops::Range<i64>) -> Millis {
        let steps = self.rng.random_range(steps) * STEP as i64 + 3 * HOUR as i64;
        self.begin.saturating_add_signed(steps)
    }

    fn visitor(&mut self) -> &'static str {
        let visitors = if self.second_order {
            VISITORS.len()
        } else {
            CROWDED.0
        };
        VISITORS[..visitors]
            .choose(&mut self.rng)
            .expect("not empty")
    }

    fn space(&mut self) -> &'static str {
        let spaces = if self.second_order {
            SPACES.len()
        } else {
            CROWDED.1
        };
        SPACES[..spaces].choose(&mut self.rng).expect("not empty")
    }

    fn warning(&mut self) -> &'static str {
        WARNINGS.choose(&mut self.rng).expect("not empty")
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_ratio(1, one_in)
    }

    /// A visit that exists, mostly; else one made up.
    fn known(&mut self) -> (Vec<u8>, Vec<u8>, Millis) {
        let known = self.model.visits.choose(&mut self.rng).cloned();
        match known {
            Some(visit) if !self.chance(5) => (visit.visitor, visit.space, visit.span.start),
            _ => (self.visitor().into(), self.space().into(), self.start()),
        }
    }

    /// When a visit might start.
    fn start(&mut self) -> Millis {
        if self.second_order {
            self.time(-5..2)
        } else {
            self.time(-12..3)
        }
    }

    fn end(&mut self, start: Millis) -> Millis {
        let most = if self.second_order { 1 } else { 4 };
        start + self.rng.random_range(1..=most) * STEP
    }

    /// A command and its reply.
    fn step(&mut self) -> (Vec<Vec<u8>>, Value) {
        match self.rng.random_range(0..100) {
            0..40 => self.visit(),
            40..47 => {
                let (visitor, space, start) = self.known();
                let new_start = self.start();
                let new_end = self.end(new_start);
                let moment = self.moment();
                let moved =
                    (self.model).revisit_at(&visitor, &space, start, new_start, new_end, &moment);
                let command = args![
                    "LCT.REVISIT",
                    "g",
                    visitor,
                    space,
                    start,
                    new_start,
                    new_end
                ];
                (command, int(u64::from(moved)))
            }
            47..52 => {
                let (visitor, space, start) = self.known();
                let removed = self.model.unvisit(&visitor, &space, start);
                let command = args!["LCT.UNVISIT", "g", visitor, space, start];
                (command, int(u64::from(removed)))
            }
            52..74 => self.warn(),
            74..79 => {
                let warning = self.warning();
                let moment = self.moment();
                let mut command = args!["LCT.RELEASE", "g", warning];
                if self.chance(3) {
                    command.extend(args!["DRYRUN"]);
                    let would = self.model.would_release(warning.as_bytes(), &moment);
                    return (command, int_or_nil(would));
                }
                let released = self.model.release(warning.as_bytes(), &moment);
                (command, int_or_nil(released))
            }
            79..83 => {
                let warning = self.warning();
                let mut command = args!["LCT.RETRACT", "g", warning];
                if self.chance(2) {
                    command.extend(args!["IFHELD"]);
                    let known = self.model.warnings.get(warning.as_bytes());
                    if known.is_none_or(|known| known.state != WarningState::Held) {
                        return (command, Value::Nil);
                    }
                }
                let withdrawn = self.model.retract(warning.as_bytes(), now());
                (command, int(withdrawn.unwrap_or(0)))
            }
            83..95 => self.ack(),
            95..97 => (args!["EXISTS", "g"], int(u64::from(!self.model.is_empty()))),
            97 if self.chance(4) => {
                let visitor = self.visitor();
                let removed = self.model.forget(visitor.as_bytes());
                (args!["LCT.FORGET", "g", visitor], int(removed))
            }
            _ => {
                let cut = Cut {
                    before: self.time(-24..-6),
                    alerts: 0,
                    now: now(),
                };
                let removed = self.model.purge_cut(&cut);
                self.forget_what_is_gone();
                let command = args!["LCT.PURGE", "g", "BEFORE", cut.before, "ALERTS", 0];
                (command, int(removed))
            }
        }
    }

    fn visit(&mut self) -> (Vec<Vec<u8>>, Value) {
        let mut command = args!["LCT.VISIT", "g"];
        let mut after = self.model.clone();
        let mut added = 0;
        for number in 1..=self.rng.random_range(1..=3) {
            let (mut visitor, mut space, mut start) =
                (self.visitor().into(), self.space().into(), self.start());
            if self.chance(6) {
                (visitor, space, start) = self.known();
            }
            let end = self.end(start);
            command.extend(args![visitor, space, start, end]);
            if after.revoked.contains(&visitor) {
                let refused = format!("REVOKED visit {number}: {REVOKED}");
                return (command, Value::Error(refused));
            }
            added += after.visit_at(&visitor, &space, start, end, &self.moment());
        }
        self.model = after;
        (command, int(added))
    }

    fn warn(&mut self) -> (Vec<Vec<u8>>, Value) {
        let (warn, mut command) = self.any_warn();
        if let Source::Visitor(visitor) = &warn.source
            && self.model.revoked.contains(visitor)
        {
            return (command, Value::Error(format!("REVOKED {REVOKED}")));
        }
        let moment = self.moment();
        let alerted = if self.chance(8) {
            command.extend(args!["DRYRUN"]);
            self.model.would_warn(&warn, &moment).map(Some)
        } else {
            let warned = self.model.warn(&warn, &moment);
            warned.map(|warned| (!warned.held).then_some(warned.alerted))
        };
        let reply = match alerted {
            Ok(alerted) => int_or_nil(alerted),
            Err(Taken) => Value::Error(TAKEN.into()),
        };
        (command, reply)
    }

    /// A warning and the command that gives it; mostly from whoever gave it before.
    fn any_warn(&mut self) -> (Warn, Vec<Vec<u8>>) {
        let warning = self.warning();
        let given = self.model.warnings.get(warning.as_bytes()).cloned();
        let source = match given.and_then(|given| given.source) {
            Some(source) if !self.chance(12) => source,
            _ if self.chance(4) => Source::Space(self.space().into()),
            _ => Source::Visitor(self.visitor().into()),
        };
        let reasons = [
            (Reason::Positive, "positive"),
            (Reason::Contact, "Contact"),
            (Reason::Symptoms, "SYMPTOMS"),
            (Reason::Alerted, "alerted"),
        ];
        let of_space = matches!(source, Source::Space(_));
        let reasons = &reasons[..if of_space { 3 } else { 4 }];
        let (reason, word) = *reasons.choose(&mut self.rng).expect("some");
        let at = if self.second_order {
            self.time(1..4)
        } else {
            self.time(-4..4)
        };
        let mut terms = Question {
            from: 0,
            to: at,
            at,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        let mut options = args!["AT", at];
        if self.chance(3) {
            let min_time = self.rng.random_range(0..3) * STEP;
            terms.min_time = Some(min_time);
            options.extend(args!["MINTIME", min_time]);
            if self.chance(2) {
                let within = self.rng.random_range(1..6) * STEP;
                terms.within = Some(within);
                options.extend(args!["WITHIN", within]);
            }
        }
        let mut warn = Warn {
            warning: warning.into(),
            source,
            reason,
            terms,
            stands_until: MAX_MILLIS,
            hold: None,
        };
        let command = match &warn.source {
            Source::Space(space) => {
                let from = self.time(-14..-2);
                let to = from + self.rng.random_range(0..8) * STEP;
                warn.terms.from = from;
                // From t to t is about that instant.
                warn.terms.to = to.max(from + 1).min(at);
                args!["LCT.WARNSPACE", "g", warning, space, word, from, to]
            }
            Source::Visitor(visitor) => {
                let visitor = visitor.clone();
                self.visitor_options(&mut warn, &mut options);
                args!["LCT.WARN", "g", warning, visitor, word]
            }
        };
        (warn, [command, options].concat())
    }

    /// What only the warnings of visitors can have.
    fn visitor_options(&mut self, warn: &mut Warn, options: &mut Vec<Vec<u8>>) {
        let terms = &mut warn.terms;
        let from = self.time(-14..-2);
        if self.chance(3) {
            terms.from = from;
            options.extend(args!["FROM", from]);
        }
        if self.chance(4) {
            let to = from + self.rng.random_range(1..10) * STEP;
            terms.to = to.min(terms.at);
            options.extend(args!["TO", to]);
        }
        if self.second_order && warn.reason != Reason::Alerted && !self.chance(3) {
            terms.order = Order::Second;
            options.extend(args!["ORDER", 2]);
        }
        if self.chance(5) {
            terms.linger = self.rng.random_range(0..3) * STEP;
            options.extend(args!["LINGER", terms.linger]);
        }
        if self.chance(5) {
            let priorities = [("high", Priority::High), ("medium", Priority::Medium)];
            let (word, priority) = *priorities.choose(&mut self.rng).expect("some");
            terms.min_priority = priority;
            options.extend(args!["MINPRIORITY", word]);
        }
        if self.chance(4) {
            let hold = self.rng.random_range(1..5);
            warn.hold = Some(hold);
            options.extend(args!["HOLD", hold]);
        }
    }

    /// Takes some of what is in an inbox out, among ids of what has changed, or never was.
    fn ack(&mut self) -> (Vec<Vec<u8>>, Value) {
        let visitor = self.visitor().as_bytes();
        let mut command = args!["LCT.ACK", "g", visitor];
        let mut alerts = Vec::new();
        for _ in 0..self.rng.random_range(1..4) {
            let warning = self.warning().as_bytes();
            let known = self.model.warnings.get(warning);
            let version = known.and_then(|known| known.recipients.get(visitor));
            let version =
                version.map_or(1, |recipient| recipient.version) + u32::from(self.chance(6));
            let alert = (alert_hash(warning, visitor), version);
            command.push(alert_id(alert).into_bytes());
            alerts.push(alert);
        }
        (command, int(self.model.ack(visitor, &alerts)))
    }

    /// Whether every inbox is the model's; the first difference.
    fn inboxes(&self, client: &mut Client) -> Result<(), String> {
        for visitor in VISITORS {
            let reply = client.call(&args!["LCT.ALERTS", "g", visitor]);
            let mut rows = Vec::new();
            for row in reply.items() {
                let [alert, reason, priority, state, issued] = row.items() else {
                    panic!("no row of five: {row}")
                };
                let issued = issued.int() as u64;
                assert_eq!(issued % DAY, 0, "midnight");
                let days = self.begin - self.begin % DAY..=now();
                assert!(days.contains(&issued), "issued today");
                let urgency = ["high", "medium", "low"];
                let priority = urgency.iter().position(|word| *word == priority.text());
                let priority = priority.expect("a priority");
                rows.push((
                    priority,
                    std::cmp::Reverse(issued),
                    alert.text(),
                    reason.text(),
                    state.text(),
                ));
            }
            assert!(rows.is_sorted(), "the inbox of {visitor} is out of order");
            let rows: BTreeSet<_> = (rows.into_iter())
                .map(|(priority, _, alert, reason, state)| (alert, reason, priority, state))
                .collect();
            let expected: BTreeSet<_> = (self.model.alerts(visitor.as_bytes(), 0).into_iter())
                .map(|alert| {
                    let state = if alert.active { "active" } else { "withdrawn" };
                    (
                        alert_id((alert.hash, alert.version)),
                        word(alert.reason).to_string(),
                        alert.priority as usize,
                        state.to_string(),
                    )
                })
                .collect();
            if rows != expected {
                return Err(format!(
                    "the inbox of {visitor}\nhas {rows:?}\nnot {expected:?}"
                ));
            }
        }
        Ok(())
    }

    /// The list of warnings, its order and its times.
    fn warnings(&mut self, client: &mut Client) -> Result<(), String> {
        let reply = client.run("LCT.WARNINGS g");
        let (mut rows, mut order) = (BTreeSet::new(), Vec::new());
        for row in reply.items() {
            let [warning, kind, reason, state, issued, alerts] = row.items() else {
                panic!("no row of six: {row}")
            };
            let (warning, issued) = (warning.text(), issued.int() as u64);
            let days = self.begin..=now();
            assert!(days.contains(&issued), "first given in this life");
            let first = *self.issued.entry(warning.clone()).or_insert(issued);
            assert_eq!(issued, first, "a warning's first day has moved");
            order.push((std::cmp::Reverse(issued), warning.clone()));
            rows.insert((
                warning,
                kind.text(),
                reason.text(),
                state.text(),
                alerts.int(),
            ));
        }
        assert!(order.is_sorted(), "the warnings are out of order");
        let all = reply.items();
        let first = client.run("LCT.WARNINGS g COUNT 2");
        assert_eq!(first.items(), &all[..all.len().min(2)]);
        for (place, row) in all.iter().enumerate() {
            let (warning, state) = (row.items()[0].text(), row.items()[3].text());
            let one = client.run(&format!("LCT.WARNINGS g STATE {state} WARNING {warning}"));
            assert_eq!(one.items(), &all[place..=place]);
            let after = client.run(&format!("LCT.WARNINGS g STATE {state} AFTER {warning}"));
            let same = |row: &&Value| row.items()[3].text() == state;
            let expected: Vec<Value> = all[place + 1..].iter().filter(same).cloned().collect();
            assert_eq!(after.items(), expected);
        }
        let expected: BTreeSet<_> = (self.model.warnings.iter())
            .map(|(id, warning)| {
                let kind = match &warning.source {
                    Some(Source::Space(_)) => "space",
                    _ => "visitor",
                };
                let state = match warning.state {
                    WarningState::Active => "active",
                    WarningState::Held => "held",
                    WarningState::Retracted => "retracted",
                };
                (
                    String::from_utf8_lossy(id).into_owned(),
                    kind.to_string(),
                    word(warning.reason).to_string(),
                    state.to_string(),
                    warning.recipients.len() as i64,
                )
            })
            .collect();
        if rows != expected {
            return Err(format!("the warnings\nare {rows:?}\nnot {expected:?}"));
        }
        Ok(())
    }

    fn compare(&mut self, client: &mut Client) -> Result<(), String> {
        self.inboxes(client)?;
        self.warnings(client)?;
        if self.model.is_empty() {
            return Ok(());
        }
        let info = client.run("LCT.INFO g");
        let stats = self.model.stats();
        let counts = [
            "visitors",
            "spaces",
            "visits",
            "revoked",
            "warnings",
            "warnings-held",
            "alerts",
        ];
        let counts = counts.map(|field| info.get(field).int() as u64);
        let expected = [
            stats.visitors,
            stats.spaces,
            stats.visits,
            stats.revoked,
            stats.warnings,
            stats.held,
            stats.alerts,
        ];
        if counts != expected {
            return Err(format!("the counts are {counts:?}, not {expected:?}"));
        }
        Ok(())
    }

    /// A warning that went may be given anew.
    fn forget_what_is_gone(&mut self) {
        let warnings = &self.model.warnings;
        self.issued
            .retain(|id, _| warnings.contains_key(id.as_bytes()));
    }

    /// A life in which the second order follows after every batch; how often there was something to follow.
    fn second_orders(&mut self, client: &mut Client) -> usize {
        let mut followed = 0;
        let mut history = Vec::new();
        for round in 0..10 {
            let steps: Vec<_> = (0..BATCH / 2).map(|_| self.step()).collect();
            // In one transaction, so that no second order is looked for before the batch is over.
            let mut commands = vec![args!["MULTI"]];
            commands.extend(steps.iter().map(|(command, _)| command.clone()));
            commands.push(args!["EXEC"]);
            let replies = client.pipeline(&commands).expect("replies").pop();
            let replies = replies.expect("that of EXEC").items().to_vec();
            assert_eq!(replies.len(), steps.len());
            check(&steps, replies, &mut history);
            self.forget_what_is_gone();

            let before = self.model.clone();
            let moment = self.moment();
            for warning in before.warnings.keys() {
                followed += usize::from(self.model.stand(warning, &moment));
            }
            let since = Instant::now();
            while let Err(difference) = self.compare(client) {
                let history = || history.join("\n");
                assert!(
                    since.elapsed() < LIMIT,
                    "{difference}\nafter\n{}",
                    history()
                );
                std::thread::sleep(Duration::from_millis(50));
            }
            if unseen(&self.model) != unseen(&before) {
                // Nobody can tell when that is done.
                std::thread::sleep(LIMIT / 5);
            }
            self.interlude(client, round);
        }
        followed
    }

    /// Between batches: alerts age, an id is revoked, the graph is saved and loaded.
    fn interlude(&mut self, client: &mut Client, round: usize) {
        if round % 5 == 4 {
            // Everything was issued before, and nothing that is to come.
            std::thread::sleep(Duration::from_millis(2));
            let cut = Cut {
                before: self.time(-24..-5),
                alerts: now(),
                now: now(),
            };
            std::thread::sleep(Duration::from_millis(2));
            let command = args!["LCT.PURGE", "g", "BEFORE", cut.before, "ALERTS", cut.alerts];
            let removed = self.model.purge_cut(&cut);
            assert_eq!(client.call(&command), int(removed));
            self.forget_what_is_gone();
        }
        if round % 17 == 16 {
            let visitor = self.visitor();
            let removed = self.model.revoke(visitor.as_bytes());
            client.expect(&format!("LCT.REVOKE g {visitor}"), &removed.to_string());
        }
        if round % 3 == 2 && !self.model.is_empty() {
            let before = digests(client, &["g"]);
            if self.chance(2) {
                client.expect("DEBUG RELOAD", "OK");
            } else {
                let payload = client.run("DUMP g").bytes().to_vec();
                let restore = args!["RESTORE", "g", 0, payload, "REPLACE"];
                assert_eq!(client.call(&restore).to_string(), "OK");
            }
            assert_eq!(digests(client, &["g"]), before);
        }
    }
}

/// The priorities that are remembered but in no inbox.
fn unseen(model: &Model) -> Vec<Priority> {
    let recipients = (model.warnings.values()).flat_map(|warning| warning.recipients.values());
    let unseen = recipients.filter(|recipient| !recipient.in_inbox);
    unseen.map(|recipient| recipient.priority).collect()
}

fn int(n: u64) -> Value {
    Value::Int(n.try_into().expect("at most 2^53"))
}

fn int_or_nil(n: Option<u64>) -> Value {
    n.map_or(Value::Nil, int)
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Positive => "positive",
        Reason::Contact => "contact",
        Reason::Symptoms => "symptoms",
        Reason::Alerted => "alerted",
    }
}

fn alert_id((hash, version): ([u8; 16], u32)) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{version}")
}

fn legible(command: &[Vec<u8>]) -> String {
    let words = command.iter().map(|arg| String::from_utf8_lossy(arg));
    words.collect::<Vec<_>>().join(" ")
}

/// Compares replies, and shows the life of the graph where one differs.
fn check(steps: &[(Vec<Vec<u8>>, Value)], replies: Vec<Value>, history: &mut Vec<String>) {
    for ((command, expected), got) in steps.iter().zip(replies) {
        history.push(format!("{} -> {expected}", legible(command)));
        if got != *expected {
            panic!("got {got} from the last of\n{}", history.join("\n"));
        }
    }
}

#[test]
fn every_reply_and_every_inbox_is_the_models() {
    let server = Server::with(&SETTINGS);
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let mut client = server.client();
    let mut rng = random::seeded("warnings_model");
    let (mut done, operations) = (0, random::scaled(OPERATIONS));
    while done < operations {
        client.run("DEL g");
        let mut oracle = Oracle::new(rng, false);
        let mut history = Vec::new();
        for round in 0..30 {
            let steps: Vec<_> = (0..BATCH).map(|_| oracle.step()).collect();
            let commands: Vec<_> = steps.iter().map(|(command, _)| command.clone()).collect();
            let replies = client.pipeline(&commands).expect("replies");
            check(&steps, replies, &mut history);
            done += steps.len();
            oracle.forget_what_is_gone();
            if let Err(difference) = oracle.compare(&mut client) {
                panic!("{difference}\nafter\n{}", history.join("\n"));
            }
            oracle.interlude(&mut client, round);
        }
        if !oracle.model.is_empty() {
            replica.wait_in_sync(&server);
            let digest = digests(&mut client, &["g"]);
            assert_eq!(
                digests(&mut replica.client(), &["g"]),
                digest,
                "the replica"
            );
        }
        rng = oracle.rng;
    }
    println!("{done} operations");
}

#[test]
fn the_second_order_follows_within_seconds() {
    let server = Server::with(&SETTINGS);
    let replica = Server::replica_of(&server);
    replica.wait_in_sync(&server);
    let mut client = server.client();
    let mut rng = random::seeded("warnings_model, order 2");
    let (mut followed, wanted) = (0, random::scaled(SECOND_ORDERS).max(3));
    while followed < wanted {
        client.run("DEL g");
        let mut oracle = Oracle::new(rng, true);
        followed += oracle.second_orders(&mut client);
        if !oracle.model.is_empty() {
            replica.wait_in_sync(&server);
            let digest = digests(&mut client, &["g"]);
            let of_replica = digests(&mut replica.client(), &["g"]);
            assert_eq!(of_replica, digest, "the replica");
        }
        rng = oracle.rng;
    }
    println!("{followed} times the second order had more to give");
}
