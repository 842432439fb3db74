//! The graph against the brute-force model: random commands with all their options, and laws that need no model.
//!
//! `SEED=` replays a run, `OPS=` sets how many random operations are made (a million by default).

mod common;

use std::collections::BTreeSet;

use common::{ask, exposure, graph_of, to_graph};
use lct_graph::{
    Density, Graph, Loader, Logged, MAX_CELLS, MAX_MILLIS, Millis, Part, Progress, PurgeCut,
    PurgeProgress, Revoked, Scratch, Search, Stats,
};
use lct_model::replay::{play_rounds, seed};
use lct_model::{Cell, Exposure, HOUR, Id, Model, Order, Priority, Question, Span, Visit};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg as Rng;

/// The salt of every revocation here.
const SALT: [u8; 16] = [7; 16];

/// One operation on a graph.
#[derive(Debug, Clone)]
enum Op {
    Visit(String, String, Span),
    Revisit(String, String, Millis, Span),
    Unvisit(String, String, Millis),
    Forget(String),
    Revoke(String),
    Purge(Millis),
    PurgeBegin(Millis),
    PurgeStep(usize),
    /// Who was exposed, at most that many.
    Exposed(String, Question, usize),
    /// The same in steps of so much work, between which the graph changes. Without a count it is a set.
    Ask(String, Question, Option<usize>, usize),
    /// Another step.
    GoOn(usize),
    /// A visitor's visits: from, to, expired.
    Visits(String, Millis, Millis, Millis),
    /// Who was there: from, to, expired, count.
    Present(String, Millis, Millis, Millis, usize),
    /// How much people were together, in one space or in all: from, to, k, in steps of so much work.
    Density(Option<String>, Millis, Millis, u64, usize),
    /// Counts, digest and all else that is cheap to compare now and then.
    Compare,
    /// Encode, decode, load, and go on with what was loaded.
    Reload,
    /// Keep a copy aside, which must not change from now on.
    SetAside,
    /// Go on with the copy.
    TakeBack,
}

/// A graph and the model of it.
struct World {
    graph: Graph,
    model: Model,
    /// What the purge under way will say it removed.
    purging: Option<u64>,
    asking: Option<Asking>,
}

/// A question under way.
struct Asking {
    search: Search,
    expected: Vec<Exposure>,
    is_set: bool,
    /// Whether something happened that may make it void.
    may_be_void: bool,
}

impl Clone for World {
    /// A copy of the graph that nobody watches.
    fn clone(&self) -> Self {
        let mut graph = self.graph.clone();
        graph.unwatch();
        Self {
            graph,
            model: self.model.clone(),
            purging: self.purging,
            asking: None,
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            graph: Graph::new(),
            model: Model::default(),
            purging: None,
            asking: None,
        }
    }

    fn apply(&mut self, op: &Op, aside: &mut Option<Box<World>>, scratch: &mut Scratch) {
        let Self { graph, model, .. } = self;
        if let Some(asking) = &mut self.asking {
            asking.may_be_void |= matches!(
                op,
                Op::Forget(_) | Op::Revoke(_) | Op::Purge(_) | Op::PurgeBegin(_)
            );
        }
        match op {
            Op::Visit(visitor, space, span) => {
                let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
                let barred = model.revoked.contains(visitor);
                assert_eq!(graph.is_revoked(visitor), barred);
                if barred {
                    return; // The caller's part, as the command does.
                }
                let expected = match model.end_of(visitor, space, span.start) {
                    None => Logged::Added,
                    Some(end) if end == span.end => Logged::Unchanged,
                    Some(_) => Logged::Moved,
                };
                model.visit(visitor, space, span.start, span.end);
                assert_eq!(graph.visit(visitor, space, span.start, span.end), expected);
            }
            Op::Revisit(visitor, space, start, new) => {
                let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
                let known = model.end_of(visitor, space, *start);
                let expected = known.map(|end| (*start, end) != (new.start, new.end));
                model.revisit(visitor, space, *start, new.start, new.end);
                let moved = graph.revisit(visitor, space, *start, new.start, new.end);
                assert_eq!(moved, expected);
            }
            Op::Unvisit(visitor, space, start) => assert_eq!(
                graph.unvisit(visitor.as_bytes(), space.as_bytes(), *start),
                model.unvisit(visitor.as_bytes(), space.as_bytes(), *start)
            ),
            Op::Forget(visitor) => {
                let visitor = visitor.as_bytes();
                assert_eq!(graph.forget(visitor).visits, model.forget(visitor));
            }
            Op::Revoke(visitor) => {
                let visitor = visitor.as_bytes();
                let expected = Revoked {
                    changed: !model.revoked.contains(visitor),
                    visits: model.revoke(visitor),
                };
                assert_eq!(graph.revoke(visitor, SALT), expected);
                // A salt, once there, stays.
                assert!(!graph.revoke(visitor, [9; 16]).changed);
                assert_eq!(graph.salt(), Some(SALT));
                assert!(graph.is_revoked(visitor));
            }
            Op::Purge(before) => {
                assert_eq!(graph.purge(*before), model.purge(*before));
                assert!(!graph.purging());
                self.purging = None;
            }
            Op::PurgeBegin(before) => {
                graph.purge_begin(&PurgeCut {
                    before: *before,
                    ..PurgeCut::default()
                });
                self.purging = Some(model.purge(*before));
            }
            Op::PurgeStep(rows) => self.purge_step(*rows),
            Op::Exposed(visitor, question, count) => {
                let visitor = visitor.as_bytes();
                let mut expected = model.exposures(visitor, question);
                expected.truncate(*count);
                let rows = ask(graph, visitor, question, *count, scratch);
                assert_eq!(show(&rows), show(&expected));
            }
            Op::Ask(_, _, _, work) if self.asking.is_some() => {
                self.go_on(*work);
            }
            Op::Ask(visitor, question, count, work) => {
                let visitor = visitor.as_bytes();
                let mut expected = model.exposures(visitor, question);
                let question = &to_graph(question);
                let search = match count {
                    Some(count) => {
                        expected.truncate(*count);
                        graph.ask_exposures(visitor, question, *count, Scratch::default())
                    }
                    None => graph.ask_contacts(visitor, question, Scratch::default()),
                };
                let asking = Asking {
                    search,
                    expected,
                    is_set: count.is_none(),
                    may_be_void: false,
                };
                self.asking = Some(asking);
                if self.go_on(*work) {
                    self.graph.watch(7);
                    let asking = self.asking.as_mut().expect("it goes on");
                    asking.search.look_through(7);
                }
            }
            Op::GoOn(work) => {
                self.go_on(*work);
            }
            Op::Visits(visitor, from, to, expired) => {
                let visitor = visitor.as_bytes();
                let rows = graph.visits(visitor, *from, *to, *expired);
                let expected = model.visits(visitor, *from, *to, *expired);
                assert_eq!(owned(&rows), expected);
            }
            Op::Present(space, from, to, expired, count) => {
                let space = space.as_bytes();
                let rows = graph.present(space, *from, *to, *expired, *count);
                let expected = model.present(space, *from, *to, *expired, *count);
                assert_eq!(owned(&rows), expected);
            }
            Op::Density(space, from, to, k, rows) => {
                let space = space.as_ref().map(String::as_bytes);
                let expected = model.density(space, *from, *to, *k);
                let mut density = graph.ask_density(space, *from, *to, *k, expected.len());
                while density.step(graph, *rows) == Progress::More {}
                assert_eq!(cells(density), expected);
                if let Some(less) = expected.len().checked_sub(1) {
                    let mut density = graph.ask_density(space, *from, *to, *k, less);
                    while density.step(graph, *rows) == Progress::More {}
                    assert!(density.is_too_large() && density.is_empty());
                }
            }
            Op::Compare => {
                self.compare();
                if let Some(aside) = aside {
                    aside.compare();
                }
            }
            Op::Reload => {
                let loaded = reload(graph);
                assert_eq!(loaded.digest(), graph.digest());
                self.graph = loaded;
                self.asking = None;
                self.purging = None;
                self.compare();
            }
            Op::SetAside => *aside = Some(Box::new(self.clone())),
            Op::TakeBack => {
                if let Some(copy) = aside.take() {
                    copy.clone().compare();
                    *self = *copy;
                }
            }
        }
    }

    /// Goes on with the question under way; whether it still is.
    fn go_on(&mut self, work: usize) -> bool {
        let Some(asking) = &mut self.asking else {
            return false;
        };
        let graph = &self.graph;
        match asking.search.step(graph, work) {
            Progress::More => return true,
            Progress::Void => assert!(asking.may_be_void, "void for no reason"),
            Progress::Done if asking.is_set => {
                let next = || asking.search.next_contact(graph);
                let mut contacts: Vec<Id> = std::iter::from_fn(next).map(<[u8]>::to_vec).collect();
                contacts.sort();
                let expected = asking.expected.iter().map(|row| row.contact.clone());
                let mut expected: Vec<Id> = expected.collect();
                expected.sort();
                assert_eq!(contacts, expected);
            }
            Progress::Done => {
                assert_eq!(asking.search.len(), asking.expected.len());
                let search = &mut asking.search;
                let next = || search.next_exposure(graph);
                let rows: Vec<Exposure> =
                    std::iter::from_fn(next).map(|row| exposure(&row)).collect();
                assert_eq!(show(&rows), show(&asking.expected));
            }
        }
        self.end_asking();
        false
    }

    /// Asks no more.
    fn end_asking(&mut self) {
        self.asking = None;
        self.graph.unwatch();
    }

    fn purge_step(&mut self, rows: usize) {
        let Some(expected) = self.purging else {
            assert!(!self.graph.purging());
            return;
        };
        match self.graph.purge_step(rows) {
            PurgeProgress::More => assert!(self.graph.purging()),
            PurgeProgress::Done {
                visits: removed, ..
            } => {
                assert_eq!(removed, expected);
                assert!(!self.graph.purging());
                self.purging = None;
            }
        }
    }

    /// Everything that is the same for equal content, whatever the history.
    fn compare(&mut self) {
        let asking = self.asking.is_some();
        let Self { graph, model, .. } = self;
        // What was logged last goes first here: the order of insertion must not matter.
        let mut fresh = graph_of(model.visits.iter().rev());
        for visitor in &model.revoked {
            fresh.revoke(visitor, SALT);
        }
        assert_eq!(graph.digest(), fresh.digest(), "digest");
        if self.purging.is_none() {
            // A graph is not empty before a purge has freed what it declared dead.
            assert_eq!(graph.is_empty(), model.is_empty());
        }
        assert_eq!(graph.salt().is_some(), !model.revoked.is_empty());
        for visit in &model.visits {
            assert!(
                graph.may_purge(&PurgeCut {
                    before: visit.span.end,
                    ..PurgeCut::default()
                }),
                "an end forgotten"
            );
        }
        if self.purging.is_none() && !asking {
            assert_eq!(counts(graph.stats()), model.stats());
        }
    }

    /// Finishes what is under way, takes everything out again in one of several ways, and expects nothing to be left.
    fn take_down(&mut self, way: u64) {
        self.end_asking();
        let most_steps = 1_000_000;
        for _ in 0..most_steps {
            if self.purging.is_none() {
                break;
            }
            self.purge_step(1 + way as usize);
        }
        assert!(self.purging.is_none(), "a purge that never ends");
        self.compare();
        let Self { graph, model, .. } = self;
        let visits = std::mem::take(&mut model.visits);
        match way % 3 {
            0 => {
                assert_eq!(graph.purge(MAX_MILLIS), visits.len() as u64);
                assert!(!graph.may_purge(&PurgeCut {
                    before: MAX_MILLIS,
                    ..PurgeCut::default()
                }));
            }
            1 => {
                for Visit {
                    visitor,
                    space,
                    span,
                } in &visits
                {
                    assert!(graph.unvisit(visitor, space, span.start));
                }
            }
            _ => {
                let forgotten: u64 = visits.iter().map(|v| graph.forget(&v.visitor).visits).sum();
                assert_eq!(forgotten, visits.len() as u64);
            }
        }
        assert_eq!(counts(graph.stats()), model.stats());
        if model.revoked.is_empty() {
            assert!(graph.is_empty());
            assert_eq!(graph.memory(), Graph::new().memory(), "memory left behind");
            assert_eq!(graph.blocks(), Graph::new().blocks(), "blocks left behind");
            assert_eq!(graph.digest(), Graph::new().digest());
            assert_eq!(graph.parts().count(), 0);
        }
    }
}

/// The same graph by way of its parts.
fn reload(graph: &Graph) -> Graph {
    let mut loaded = Graph::new();
    let mut loader = Loader::new(&mut loaded);
    for part in graph.parts() {
        let part = Part::decode(&part).expect("an own part decodes");
        loader.add(&part).expect("an own part loads");
    }
    loader.finish();
    loaded
}

fn counts(stats: Stats) -> lct_model::Stats {
    lct_model::Stats {
        visitors: stats.visitors,
        spaces: stats.spaces,
        visits: stats.visits,
        oldest: stats.oldest,
        newest: stats.newest,
        revoked: stats.revoked,
        warnings: stats.warnings,
        held: stats.held,
        alerts: stats.alerts,
    }
}

fn owned(rows: &[(&[u8], Millis, Millis)]) -> Vec<(Id, Millis, Millis)> {
    rows.iter()
        .map(|(id, a, b)| (id.to_vec(), *a, *b))
        .collect()
}

/// Rows in a form whose difference is readable.
fn show(rows: &[Exposure]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let Exposure {
                order,
                priority,
                first,
                last,
                total,
                ..
            } = row;
            let contact = String::from_utf8_lossy(&row.contact);
            format!("{contact} {order:?} {priority:?} {first}..{last} {total}")
        })
        .collect()
}

/// What a round of random operations draws from.
struct Scene {
    visitors: Vec<String>,
    spaces: Vec<String>,
    /// Where time begins, in what steps it goes and how many there are.
    base: Millis,
    grains: Vec<Millis>,
    steps: Millis,
    /// One visit in so many lasts anything up to for ever.
    long_one_in: u32,
    /// Operations in all, and how many in a thousand are questions about exposure.
    ops: usize,
    questions: u32,
    /// Visits logged so far, so that most later operations meet one.
    logged: Vec<(String, String, Millis)>,
    /// Times that were used.
    times: Vec<Millis>,
}

impl Scene {
    fn new(rng: &mut Rng) -> Self {
        // Most rounds are small and dense; some are large in one direction, so that containers split and merge.
        let (visitors, spaces, ops, questions) = match rng.random_range(0..100) {
            0..50 => (
                rng.random_range(2..7),
                rng.random_range(1..5),
                rng.random_range(20..300),
                250,
            ),
            50..85 => (
                rng.random_range(5..40),
                rng.random_range(2..12),
                rng.random_range(200..1000),
                150,
            ),
            85..89 => (rng.random_range(1..4), 1, 3000, 8),
            89..93 => (300, rng.random_range(1..3), 3000, 8),
            93..97 => (rng.random_range(1..3), 300, 3000, 8),
            _ => (600, 200, 5000, 20),
        };
        let wide = rng.random_bool(0.4);
        let grains = [1, 7, 1000, 60_000, HOUR];
        let mixed = rng.random_bool(0.3);
        Self {
            visitors: ids(rng, visitors, wide),
            spaces: ids(rng, spaces, wide),
            base: *[0, 1_700_000_000_000, MAX_MILLIS - 300 * HOUR, 50 * HOUR]
                .choose(rng)
                .expect("some"),
            grains: if mixed {
                grains.to_vec()
            } else {
                vec![*grains.choose(rng).expect("some")]
            },
            steps: *[4, 12, 60, 250].choose(rng).expect("some"),
            long_one_in: *[2, 20, 1000].choose(rng).expect("some"),
            ops,
            questions,
            logged: Vec::new(),
            times: Vec::new(),
        }
    }

    fn ops(mut self, rng: &mut Rng) -> Vec<Op> {
        (0..self.ops).map(|_| self.op(rng)).collect()
    }

    fn op(&mut self, rng: &mut Rng) -> Op {
        let dice = rng.random_range(0..1000);
        if dice < self.questions {
            let (visitor, question) = (self.visitor(rng), self.question(rng));
            let count = count(rng);
            return match rng.random_range(0..6) {
                0 => Op::Ask(visitor, question, Some(count), work(rng)),
                1 => Op::Ask(visitor, question, None, work(rng)),
                _ => Op::Exposed(visitor, question, count),
            };
        }
        if rng.random_bool(0.15) {
            return Op::GoOn(work(rng));
        }
        match rng.random_range(0..1000) {
            0..560 => {
                let (visitor, space, span) = (self.visitor(rng), self.space(rng), self.span(rng));
                self.logged
                    .push((visitor.clone(), space.clone(), span.start));
                Op::Visit(visitor, space, span)
            }
            560..600 => {
                // Logged again: another end, or after it was taken out or purged.
                let (visitor, space, start) = self.known(rng);
                let end = self.end(rng, start);
                Op::Visit(visitor, space, Span { start, end })
            }
            600..680 => {
                let (visitor, space, start) = self.known(rng);
                let mut new = self.span(rng);
                if rng.random_bool(0.3) {
                    new.start = self.known(rng).2;
                    new.end = self.end(rng, new.start);
                }
                self.logged
                    .push((visitor.clone(), space.clone(), new.start));
                Op::Revisit(visitor, space, start, new)
            }
            680..800 => {
                let (visitor, space, start) = self.known(rng);
                Op::Unvisit(visitor, space, start)
            }
            800..803 => Op::Forget(self.visitor(rng)),
            803 if rng.random_bool(0.3) => Op::Revoke(self.visitor(rng)),
            803..806 => Op::Purge(self.old(rng)),
            806..812 => Op::PurgeBegin(self.old(rng)),
            812..870 => Op::PurgeStep(*[1, 3, 30, 1000].choose(rng).expect("some")),
            870..920 => {
                let (from, to) = (self.time(rng), self.time(rng));
                let to = if rng.random_bool(0.2) { u64::MAX } else { to };
                Op::Visits(self.visitor(rng), from, to, self.expired(rng))
            }
            920..940 => {
                let space = rng.random_bool(0.5).then(|| self.space(rng));
                let (from, to) = self.hours(rng);
                Op::Density(space, from, to, rng.random_range(1..5), work(rng))
            }
            940..980 => {
                let (from, to) = (self.time(rng), self.time(rng));
                let expired = self.expired(rng);
                Op::Present(self.space(rng), from, to.max(from), expired, count(rng))
            }
            980..988 => Op::Compare,
            988..994 => Op::Reload,
            994..997 => Op::SetAside,
            _ => Op::TakeBack,
        }
    }

    fn visitor(&self, rng: &mut Rng) -> String {
        self.visitors.choose(rng).expect("some").clone()
    }

    fn space(&self, rng: &mut Rng) -> String {
        self.spaces.choose(rng).expect("some").clone()
    }

    /// A visit that was logged once, or by chance never.
    fn known(&self, rng: &mut Rng) -> (String, String, Millis) {
        match self.logged.choose(rng) {
            Some(known) if rng.random_bool(0.9) => known.clone(),
            _ => (self.visitor(rng), self.space(rng), self.start(rng)),
        }
    }

    fn start(&self, rng: &mut Rng) -> Millis {
        if rng.random_bool(0.01) {
            return *[0, MAX_MILLIS - 1].choose(rng).expect("some");
        }
        self.base + rng.random_range(0..=self.steps) * self.grains.choose(rng).expect("some")
    }

    fn end(&self, rng: &mut Rng, start: Millis) -> Millis {
        if rng.random_range(0..self.long_one_in) == 0 {
            return match rng.random_range(0..4) {
                0 => MAX_MILLIS,
                1 => start + 1,
                2 => rng.random_range(start + 1..=MAX_MILLIS),
                _ => (start + rng.random_range(1..=1000 * HOUR)).min(MAX_MILLIS),
            };
        }
        let length = rng.random_range(1..8) * self.grains.choose(rng).expect("some");
        (start + length).min(MAX_MILLIS)
    }

    fn span(&mut self, rng: &mut Rng) -> Span {
        let start = self.start(rng);
        let end = self.end(rng, start);
        self.times.extend([start, end]);
        Span { start, end }
    }

    /// A time near which something begins or ends, or by chance any.
    fn time(&self, rng: &mut Rng) -> Millis {
        let time = match self.times.choose(rng) {
            Some(time) if rng.random_bool(0.9) => *time,
            _ => return *[0, 1, MAX_MILLIS].choose(rng).expect("some"),
        };
        let off = match rng.random_range(0..10) {
            0 => 1,
            1 => self.grains[0],
            _ => 0,
        };
        if rng.random_bool(0.5) {
            time.saturating_sub(off)
        } else {
            (time + off).min(MAX_MILLIS)
        }
    }

    /// Whole hours around something, not too many.
    fn hours(&self, rng: &mut Rng) -> (Millis, Millis) {
        let from = self.time(rng) / HOUR * HOUR;
        let from = from.saturating_sub(rng.random_range(0..3) * HOUR);
        (from, from + rng.random_range(0..40) * HOUR)
    }

    /// An early time: a purge that takes a part.
    fn old(&self, rng: &mut Rng) -> Millis {
        let times: Vec<Millis> = (0..4).map(|_| self.time(rng)).collect();
        if rng.random_bool(0.1) {
            return times[0];
        }
        times.into_iter().min().expect("four")
    }

    fn expired(&self, rng: &mut Rng) -> Millis {
        if rng.random_bool(0.7) {
            0
        } else {
            self.old(rng)
        }
    }

    fn question(&self, rng: &mut Rng) -> Question {
        // Priorities turn 48 h and 96 h before AT: put those near what happened.
        let age = *[0, 0, 48 * HOUR, 96 * HOUR].choose(rng).expect("some");
        let at = (self.time(rng).max(self.time(rng)) + age).min(MAX_MILLIS);
        let from = match rng.random_range(0..3) {
            0 => 0,
            1 => self.time(rng).min(self.time(rng)),
            _ => self.time(rng),
        };
        let to = if rng.random_bool(0.5) {
            at
        } else {
            self.time(rng).min(at)
        };
        let min_time = rng.random_bool(0.5).then(|| self.length(rng));
        let within = min_time.filter(|_| rng.random_bool(0.6));
        Question {
            from,
            to,
            at,
            order: *[Order::First, Order::Second, Order::Second]
                .choose(rng)
                .expect("some"),
            min_time,
            within: within.map(|_| self.length(rng)),
            linger: if rng.random_bool(0.6) {
                0
            } else {
                self.length(rng)
            },
            min_priority: *[
                Priority::High,
                Priority::Medium,
                Priority::Low,
                Priority::Low,
            ]
            .choose(rng)
            .expect("some"),
        }
    }

    /// A length of time near those of visits.
    fn length(&self, rng: &mut Rng) -> Millis {
        let length = rng.random_range(0..12) * self.grains.choose(rng).expect("some");
        match rng.random_range(0..12) {
            0 => 0,
            1 => MAX_MILLIS,
            2 => length + 1,
            3 => length.saturating_sub(1),
            _ => length,
        }
    }
}

/// All cells of an answer, in the model's words.
fn cells(mut density: Density) -> Vec<Cell> {
    let mut cells = Vec::new();
    let len = density.len();
    while let Some(cell) = density.next_cell() {
        cells.push(Cell {
            space: cell.space.to_vec(),
            hour: cell.hour,
            minutes: cell.minutes,
            peak: cell.peak,
        });
    }
    assert_eq!(cells.len(), len);
    cells
}

fn count(rng: &mut Rng) -> usize {
    if rng.random_bool(0.7) {
        usize::MAX
    } else {
        rng.random_range(1..6)
    }
}

/// Distinct ids: numbers, or text of any length up to 128 bytes with beginnings in common.
fn ids(rng: &mut Rng, count: usize, wide: bool) -> Vec<String> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let mut id = ids.len().to_string();
        if wide {
            let prefix = *["", "the-same-beginning-", "ünïcödé·", "0"]
                .choose(rng)
                .expect("some");
            id = format!("{prefix}{id}");
            for _ in 0..rng.random_range(0..128) {
                id.push(
                    *['x', 'é', '界', '🚌', ' ', '"', '0']
                        .choose(rng)
                        .expect("some"),
                );
            }
            while id.len() > lct_graph::MAX_ID_BYTES {
                id.pop();
            }
        }
        ids.insert(id);
    }
    ids.into_iter().collect()
}

/// How much work a step may do.
fn work(rng: &mut Rng) -> usize {
    *[1, 1, 10, 30, 100].choose(rng).expect("some")
}

/// Plays a round and takes everything out again, in one of a few ways.
fn play(ops: &[Op], way: u64) {
    let (mut world, mut aside, mut scratch) = (World::new(), None, Scratch::default());
    for op in ops {
        world.apply(op, &mut aside, &mut scratch);
    }
    world.take_down(way);
}

#[test]
fn random_operations_agree_with_the_model() {
    let draw = |seed| {
        let mut rng = Rng::seed_from_u64(seed);
        Scene::new(&mut rng).ops(&mut rng)
    };
    play_rounds(1_000_000, 7, draw, play);
}

/// Visits over a few days, minutes apart, among few.
fn some_visits(rng: &mut Rng, count: usize) -> Vec<Visit> {
    let mut visits = Model::default();
    for _ in 0..count {
        let start = 1_000 * HOUR + rng.random_range(0..6000) * 60_000;
        let end = start + rng.random_range(1..300) * 60_000;
        let visitor = format!("v{}", rng.random_range(0..12));
        let space = format!("s{}", rng.random_range(0..5));
        visits.visit(visitor.as_bytes(), space.as_bytes(), start, end);
    }
    visits.visits
}

/// Visits by many people to few spaces within two days, for hours and their crowds.
fn crowds(rng: &mut Rng, count: usize) -> Model {
    let mut visits = Model::default();
    for _ in 0..count {
        let start = 1_000 * HOUR + rng.random_range(0..48 * HOUR);
        let length = *[HOUR / 20, HOUR / 2, 4 * HOUR, 30 * HOUR]
            .choose(rng)
            .expect("some");
        let (mut start, mut end) = (start, start + rng.random_range(1..length));
        if rng.random_bool(0.5) {
            // At the edge of an hour, or of a quarter.
            let edge = *[HOUR, HOUR / 4].choose(rng).expect("some");
            (start, end) = (start / edge * edge, end.next_multiple_of(edge));
        }
        let visitor = format!("v{}", rng.random_range(0..100));
        let space = format!("s{}", rng.random_range(0..5));
        visits.visit(visitor.as_bytes(), space.as_bytes(), start, end);
    }
    visits
}

/// The answer for two days in all spaces, in one piece.
fn two_days(graph: &Graph, k: u64) -> Vec<Cell> {
    let mut density = graph.ask_density(None, 1_000 * HOUR, 1_048 * HOUR, k, MAX_CELLS);
    density.step(graph, usize::MAX);
    cells(density)
}

/// No window and no choice of spaces tells what another does not: each cell is what it is.
#[test]
fn crowds_are_the_same_from_every_side() {
    let mut rng = Rng::seed_from_u64(seed());
    // The last one has spaces that are looked at hour by hour.
    for count in [300, 300, 2_000, 30_000] {
        let model = crowds(&mut rng, count);
        let graph = graph_of(&model.visits);
        let k = rng.random_range(2..8);
        let all = two_days(&graph, k);
        assert!(count < 2_000 || !all.is_empty());
        assert_eq!(all, model.density(None, 1_000 * HOUR, 1_048 * HOUR, k));
        for _ in 0..20 {
            let from = rng.random_range(1_000..1_048) * HOUR;
            let to = rng.random_range(from / HOUR..=1_048) * HOUR;
            let space = format!("s{}", rng.random_range(0..6)).into_bytes();
            let only = rng.random_bool(0.5).then_some(&space[..]);
            let mut density = graph.ask_density(only, from, to, k, MAX_CELLS);
            while density.step(&graph, work(&mut rng)) == Progress::More {}
            let part = all.iter().filter(|cell| {
                from <= cell.hour && cell.hour < to && only.is_none_or(|only| only == cell.space)
            });
            assert_eq!(cells(density), part.cloned().collect::<Vec<_>>());
        }
    }
}

/// What one person does shows in their own cells only, and there as one step at most.
#[test]
fn one_person_moves_a_crowd_by_a_step_at_most() {
    let mut rng = Rng::seed_from_u64(seed());
    let mut moved = 0;
    for _ in 0..60 {
        let count = rng.random_range(20..3_000);
        let mut model = crowds(&mut rng, count);
        let k = rng.random_range(3..8);
        let with = two_days(&graph_of(&model.visits), k);
        let visitor = b"v7";
        let (gone, stay): (Vec<Visit>, Vec<Visit>) =
            (model.visits.into_iter()).partition(|visit| visit.visitor == visitor);
        model.visits = stay;
        let without = two_days(&graph_of(&model.visits), k);
        let was_there = |cell: &Cell| {
            gone.iter().any(|visit| {
                visit.space == cell.space
                    && visit.span.start < cell.hour + HOUR
                    && cell.hour < visit.span.end
            })
        };
        let other = |cell: &Cell, cells: &[Cell]| {
            let same = |other: &&Cell| (&other.space, other.hour) == (&cell.space, cell.hour);
            cells.iter().find(same).cloned()
        };
        for cell in &with {
            match other(cell, &without) {
                // Without this one there were k - 1.
                None => assert!(was_there(cell) && cell.peak <= k && cell.minutes <= 60 * k),
                Some(other) => {
                    assert!(cell.minutes - other.minutes <= 60 * k);
                    assert!(cell.peak - other.peak <= k);
                    assert!(was_there(cell) || *cell == other);
                    moved += usize::from(*cell != other);
                }
            }
        }
        assert!(without.iter().all(|cell| other(cell, &with).is_some()));
    }
    assert!(moved > 0);
}

/// The graph changes between two steps: each cell is as of one moment, and none is there twice.
#[test]
fn crowds_come_and_go_while_they_are_asked_about() {
    let mut rng = Rng::seed_from_u64(seed());
    for _ in 0..40 {
        let mut model = crowds(&mut rng, 200);
        let mut graph = graph_of(&model.visits);
        let k = rng.random_range(2..4);
        let (from, to) = (1_000 * HOUR, 1_048 * HOUR);
        let mut density = graph.ask_density(None, from, to, k, MAX_CELLS);
        let mut moments = vec![model.density(None, from, to, k)];
        while density.step(&graph, 200) == Progress::More {
            if rng.random_bool(0.3) {
                // A space empties, and its number goes to another one.
                let space = format!("s{}", rng.random_range(0..6)).into_bytes();
                let visits: Vec<Visit> = model.visits.clone();
                for visit in visits.iter().filter(|visit| visit.space == space) {
                    let start = visit.span.start;
                    assert!(graph.unvisit(&visit.visitor, &space, start));
                    model.unvisit(&visit.visitor, &space, start);
                }
            }
            for visit in crowds(&mut rng, 20).visits {
                let Visit {
                    visitor,
                    space,
                    span,
                } = visit;
                graph.visit(&visitor, &space, span.start, span.end);
                model.visit(&visitor, &space, span.start, span.end);
            }
            moments.push(model.density(None, from, to, k));
        }
        let found = cells(density);
        let key = |cell: &Cell| (cell.space.clone(), cell.hour);
        assert!(found.is_sorted_by(|a, b| key(a) < key(b)));
        for cell in &found {
            assert!(moments.iter().any(|cells| cells.contains(cell)));
        }
        for cell in &moments[0] {
            if moments.iter().all(|cells| cells.contains(cell)) {
                assert!(found.contains(cell));
            }
        }
    }
}

/// A busy space goes between two steps, and its number to another: what is told of it is what was there.
#[test]
fn a_space_that_goes_is_not_taken_for_the_next() {
    let from = 1_000 * HOUR;
    let visits = (0..6_000).map(|n| (format!("v{}", n % 50), from + n * 28_800));
    let visits: Vec<(String, Millis)> = visits.collect();
    let mut graph = Graph::new();
    for (visitor, start) in &visits {
        graph.visit(visitor.as_bytes(), b"old", *start, start + HOUR / 2);
    }
    let whole = two_days(&graph, 3);
    let mut density = graph.ask_density(None, from, from + 48 * HOUR, 3, MAX_CELLS);
    for _ in 0..10 {
        assert_eq!(density.step(&graph, 2_000), Progress::More);
    }
    for (visitor, start) in &visits {
        assert!(graph.unvisit(visitor.as_bytes(), b"old", *start));
    }
    for (visitor, start) in &visits {
        graph.visit(visitor.as_bytes(), b"new", *start, start + HOUR / 4);
    }
    while density.step(&graph, 2_000) == Progress::More {}
    let found = cells(density);
    assert!(!found.is_empty() && found.len() < whole.len());
    assert_eq!(found, whole[..found.len()]);
}

#[test]
fn crowds_for_ever_are_too_many_cells() {
    let mut graph = Graph::new();
    for visitor in ["a", "b", "c"] {
        graph.visit(visitor.as_bytes(), b"s", 0, MAX_MILLIS);
    }
    for most in [1, 5_000, MAX_CELLS] {
        let ask = |hours: usize| {
            let mut density = graph.ask_density(None, 0, hours as u64 * HOUR, 3, most);
            while density.step(&graph, 10_000) == Progress::More {}
            density
        };
        assert_eq!(ask(most).len(), most);
        assert!(!ask(most).is_too_large());
        assert!(ask(most + 1).is_too_large());
        let mut all = ask(10 * most);
        assert!(all.is_too_large() && all.is_empty() && all.next_cell().is_none());
    }
}

fn any_question(rng: &mut Rng) -> Question {
    let from = 1_000 * HOUR + rng.random_range(0..6000) * 60_000;
    let at = from + rng.random_range(0..6000) * 60_000;
    Question {
        from,
        to: rng.random_range(from..=at),
        at,
        order: Order::Second,
        min_time: rng.random_bool(0.3).then_some(30 * 60_000),
        within: None,
        linger: rng.random_range(0..2) * 60_000,
        min_priority: Priority::Low,
    }
}

#[test]
fn the_order_of_insertion_changes_nothing() {
    let mut rng = Rng::seed_from_u64(seed());
    let mut scratch = Scratch::default();
    for _ in 0..200 {
        let mut visits = some_visits(&mut rng, 150);
        let one = graph_of(&visits);
        visits.shuffle(&mut rng);
        let other = graph_of(&visits);
        assert_eq!(one.digest(), other.digest());
        for visitor in 0..12 {
            let visitor = format!("v{visitor}").into_bytes();
            let question = any_question(&mut rng);
            assert_eq!(
                show(&ask(&one, &visitor, &question, usize::MAX, &mut scratch)),
                show(&ask(&other, &visitor, &question, usize::MAX, &mut scratch)),
            );
        }
    }
}

#[test]
fn a_shift_in_time_shifts_the_answers() {
    let mut rng = Rng::seed_from_u64(seed());
    let mut scratch = Scratch::default();
    for _ in 0..200 {
        let visits = some_visits(&mut rng, 150);
        let by = *[1, 59_999, 31_557_600_000, MAX_MILLIS - 2_000 * HOUR]
            .choose(&mut rng)
            .expect("some");
        let shifted: Vec<Visit> = visits
            .iter()
            .map(|visit| Visit {
                span: Span {
                    start: visit.span.start + by,
                    end: visit.span.end + by,
                },
                ..visit.clone()
            })
            .collect();
        let (before, after) = (graph_of(&visits), graph_of(&shifted));
        assert_ne!(before.digest(), after.digest());
        for visitor in 0..12 {
            let visitor = format!("v{visitor}").into_bytes();
            let question = any_question(&mut rng);
            let later = Question {
                from: question.from + by,
                to: question.to + by,
                at: question.at + by,
                ..question
            };
            let mut expected = ask(&before, &visitor, &question, usize::MAX, &mut scratch);
            for row in &mut expected {
                row.first += by;
                row.last += by;
            }
            let rows = ask(&after, &visitor, &later, usize::MAX, &mut scratch);
            assert_eq!(show(&rows), show(&expected));
        }
    }
}

/// What a digest covers.
#[derive(Clone, PartialEq)]
struct Content {
    visits: BTreeSet<(Id, Id, Millis, Millis)>,
    revoked: BTreeSet<Id>,
    salt: [u8; 16],
}

impl Content {
    fn digest(&self) -> [u8; 32] {
        let mut graph = Graph::new();
        for (visitor, space, start, end) in &self.visits {
            assert_eq!(graph.visit(visitor, space, *start, *end), Logged::Added);
        }
        for visitor in &self.revoked {
            graph.revoke(visitor, self.salt);
        }
        graph.digest()
    }
}

#[test]
fn one_field_of_difference_is_another_digest() {
    let mut rng = Rng::seed_from_u64(seed());
    let mut seen = BTreeSet::new();
    for turn in 0..10_000 {
        let visits = some_visits(&mut rng, 6);
        let mut content = Content {
            visits: visits
                .into_iter()
                .map(|v| (v.visitor, v.space, v.span.start, v.span.end))
                .collect(),
            revoked: [format!("gone {turn}").into_bytes()].into(),
            salt: SALT,
        };
        let before = content.digest();
        assert!(seen.insert(before), "two graphs, one digest");

        let index = rng.random_range(0..content.visits.len());
        let visit = content.visits.iter().nth(index).expect("it exists").clone();
        content.visits.remove(&visit);
        let (mut visitor, mut space, mut start, mut end) = visit.clone();
        let shift = *[1, 256, 60_000, 1 << 32, 1 << 48]
            .choose(&mut rng)
            .expect("some");
        match rng.random_range(0..11) {
            0 => visitor.push(b'x'),
            1 => space.push(b'x'),
            2 => visitor[0] ^= 1,
            3 => space[0] ^= 1,
            4 => start -= rng.random_range(1..=1000),
            5 => end += shift,
            6 => (start, end) = (start + shift, end + shift),
            7 => std::mem::swap(&mut visitor, &mut space),
            8 => content.salt[rng.random_range(0..16)] ^= 1 << rng.random_range(0..8),
            9 => content.revoked = [format!("gone {turn}x").into_bytes()].into(),
            _ => {
                content.revoked.insert(b"another".to_vec());
            }
        }
        let known =
            |(v, s, t, _): &(Id, Id, Millis, Millis)| (v, s, *t) == (&visitor, &space, start);
        if content.visits.iter().any(known) {
            assert_ne!(content.digest(), before, "a visit less");
            continue;
        }
        content.visits.insert((visitor, space, start, end));
        assert_ne!(content.digest(), before, "{visit:?} changed");
    }
}

#[test]
fn many_parts_in_any_order_are_the_same_graph() {
    let mut rng = Rng::seed_from_u64(seed());
    let mut graph = Graph::new();
    for n in 0..700_000_u64 {
        let visitor = format!("{:016x}", rng.random_range(0..20_000_u64));
        let space = format!("space {}", rng.random_range(0..3_000_u64));
        graph.visit(
            visitor.as_bytes(),
            space.as_bytes(),
            n * 997,
            n * 997 + rng.random_range(1..10_000_000),
        );
    }
    graph.revoke(b"gone", SALT);
    let mut parts: Vec<Vec<u8>> = graph.parts().collect();
    assert!(parts.len() > 1, "more than one part");
    assert!(
        parts
            .iter()
            .all(|part| part.len() <= lct_graph::MAX_PART_BYTES)
    );
    parts.shuffle(&mut rng);
    let parts = parts
        .iter()
        .map(|part| Part::decode(part).expect("an own part decodes"));
    let mut one_by_one = Graph::new();
    for part in parts.clone() {
        one_by_one.load(&part).expect("an own part loads");
    }
    let mut together = Graph::new();
    let mut loader = Loader::new(&mut together);
    for part in parts {
        loader.add(&part).expect("an own part loads");
    }
    loader.finish();
    for mut loaded in [one_by_one, together] {
        assert_eq!(loaded.digest(), graph.digest());
        assert_eq!(counts(loaded.stats()), counts(graph.stats()));
        // The digest looks at the visitors' side.
        for space in 0..3_000 {
            let (from, to) = (rng.random_range(0..700_000_000), 700_000_000);
            let present = |graph: &Graph| {
                let space = format!("space {space}");
                let present = graph.present(space.as_bytes(), from, to, 0, usize::MAX);
                present
                    .into_iter()
                    .map(|(visitor, start, end)| (visitor.to_vec(), start, end))
                    .collect::<Vec<_>>()
            };
            assert_eq!(present(&loaded), present(&graph), "space {space}");
        }
    }
}

#[test]
fn visits_logged_together_are_as_if_logged_one_by_one() {
    let mut rng = Rng::seed_from_u64(seed());
    // Few names that meet again and again, and so many new ones that a table is divided meanwhile.
    for names in [3, 40, 20_000] {
        let (mut together, mut apart) = (Graph::new(), Graph::new());
        for turn in 0..100 {
            let visits: Vec<(Id, Id, Millis, Millis)> = (0..rng.random_range(1..300))
                .map(|_| {
                    let visitor = format!("v{}", rng.random_range(0..names)).into_bytes();
                    let space = format!("s{}", rng.random_range(0..names)).into_bytes();
                    let start = turn * HOUR / 4 + rng.random_range(0..5) * 60_000;
                    (visitor, space, start, start + rng.random_range(1..HOUR))
                })
                .collect();
            let list: Vec<_> = visits
                .iter()
                .map(|(visitor, space, start, end)| lct_graph::Visit {
                    visitor,
                    space,
                    start: *start,
                    end: *end,
                })
                .collect();
            let mut outcomes = Vec::new();
            together.visit_all(&list, |logged| outcomes.push(logged));
            for (visit, outcome) in visits.iter().zip(outcomes) {
                let (visitor, space, start, end) = visit;
                assert_eq!(apart.visit(visitor, space, *start, *end), outcome);
            }
            let cut = PurgeCut {
                before: rng.random_range(0..=turn) * HOUR / 4,
                ..PurgeCut::default()
            };
            let work = rng.random_range(0..2_000);
            for graph in [&mut together, &mut apart] {
                if turn % 3 == 0 {
                    graph.purge_begin(&cut);
                }
                graph.purge_step(work);
            }
        }
        assert_eq!(together.digest(), apart.digest());
        for graph in [&mut together, &mut apart] {
            while graph.purge_step(usize::MAX) == PurgeProgress::More {}
        }
        assert_eq!(counts(together.stats()), counts(apart.stats()));
        let space = b"s1";
        assert_eq!(
            together.present(space, 0, MAX_MILLIS, 0, usize::MAX),
            apart.present(space, 0, MAX_MILLIS, 0, usize::MAX)
        );
    }
}
