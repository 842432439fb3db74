//! Warnings, alerts and inboxes against the brute-force model: random histories in random order of arrival, everything
//! that can be seen compared after every operation, a replica that is told only what changed beside it.
//!
//! `SEED=` replays a run, `OPS=` sets how many random operations are made (200,000 by default).

#[expect(
    dead_code,
    reason = "of what the tests share, this one needs the questions"
)]
mod common;
#[path = "common/warning.rs"]
mod warning;

use std::collections::{BTreeMap, BTreeSet};

use common::to_graph;
use lct_graph::{
    AlertId, AlertOf, AlertState, Graph, Logged, MAX_MILLIS, Millis, Moment, Part, PurgeCut,
    PurgeProgress, Reason, Scratch, Source, Stats, Taken, Warn, Warned, WarningOf, WarningState,
};
use lct_model::replay::play_rounds;
use lct_model::warnings::{self as model, alert_hash};
use lct_model::{HOUR, Model, Order, Priority, Question};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg as Rng;
use warning::warning_of;

/// The salt of every revocation here.
const SALT: [u8; 16] = [7; 16];
/// Few of each, so that everything meets.
const VISITORS: [&str; 6] = ["a", "b", "c", "d", "e", "same"];
const SPACES: [&str; 4] = ["s", "t", "u", "same"];
const WARNINGS: [&str; 6] = ["w0", "w1", "w2", "w3", "w4", "same"];
/// What a list of warnings can be asked for.
const STATES: [Option<model::WarningState>; 4] = [
    None,
    Some(model::WarningState::Active),
    Some(model::WarningState::Held),
    Some(model::WarningState::Retracted),
];
/// How long most visits last at most, in steps of the clock.
const LONGEST: u64 = 4;
/// No loop that empties a queue goes on longer.
const ENDLESS: usize = 10_000;

/// One operation on a graph.
#[derive(Debug, Clone)]
enum Op {
    /// Visitor, space, start, end.
    Visit(&'static str, &'static str, Millis, Millis, model::Moment),
    /// Visitor, space, start, new start, new end.
    Revisit(
        &'static str,
        &'static str,
        Millis,
        Millis,
        Millis,
        model::Moment,
    ),
    Unvisit(&'static str, &'static str, Millis),
    Warn(model::Warn, model::Moment),
    Release(&'static str, model::Moment),
    Retract(&'static str, Millis),
    /// Brings one warning up to date, whether it needs it or not.
    Stand(&'static str, model::Moment),
    /// Brings at most that many stale warnings up to date.
    StandStale(usize, model::Moment),
    /// The visitor, and for each alert its warning and how far its version is off.
    Ack(&'static str, Vec<(&'static str, u32)>),
    Forget(&'static str),
    Revoke(&'static str),
    PurgeBegin(model::Cut),
    PurgeStep(usize),
    /// Empties the doorbell's queue, so many at a time.
    Rings(usize),
    /// Encode, decode, load in an order that the number decides, and go on with what was loaded.
    Reload(u64),
    /// Keep a copy aside, which must not change from now on.
    SetAside,
    /// Go on with the copy.
    TakeBack,
}

/// A graph, the model of it, and a graph that is told only what changed something.
#[derive(Clone)]
struct World {
    graph: Graph,
    model: Model,
    replica: Graph,
    /// The digest of both after the last operation.
    digest: [u8; 32],
    /// Alerts given or changed since the doorbell's queue was last empty: visitor and warning.
    rung: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// Whether a visitor or a warning has gone since then. What takes its place may ring twice, which does no harm.
    freed: bool,
    /// What the purge under way will say it removed, and whether it must say that something changed; `None` where that
    /// is a matter of taste.
    purging: Option<(u64, Option<bool>)>,
}

impl World {
    fn new() -> Self {
        Self {
            graph: Graph::new(),
            model: Model::default(),
            replica: Graph::new(),
            digest: Graph::new().digest(),
            rung: BTreeSet::new(),
            freed: false,
            purging: None,
        }
    }

    /// Does it, and compares all there is to see.
    fn apply(&mut self, op: &Op, aside: &mut Option<Box<World>>, scratch: &mut Scratch) {
        let before = self.model.clone();
        let digest = self.digest;
        match op {
            Op::SetAside => {
                let mut copy = self.clone();
                copy.silence();
                *aside = Some(Box::new(copy));
            }
            Op::TakeBack => {
                if let Some(copy) = aside.take() {
                    *self = *copy;
                }
                return self.compare();
            }
            _ => self.change(op, scratch),
        }
        self.compare();

        if self.model == before {
            assert!(self.digest == digest, "nothing changed, the digest did");
        } else if essence(&self.model) != essence(&before) {
            assert!(self.digest != digest, "the digest did not change");
        }
        for (warning, now) in &self.model.warnings {
            let then = before.warnings.get(warning);
            for (visitor, recipient) in &now.recipients {
                let version = then
                    .and_then(|then| then.recipients.get(visitor))
                    .map(|r| r.version);
                if version != Some(recipient.version) {
                    self.rung.insert((visitor.clone(), warning.clone()));
                }
            }
        }
    }

    fn change(&mut self, op: &Op, scratch: &mut Scratch) {
        let Self {
            graph,
            model,
            replica,
            ..
        } = self;
        match op {
            Op::Visit(visitor, space, start, end, moment) => {
                let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
                if model.revoked.contains(visitor) {
                    return; // The caller's part, as the command does.
                }
                let expected = match model.end_of(visitor, space, *start) {
                    None => Logged::Added,
                    Some(known) if known == *end => Logged::Unchanged,
                    Some(_) => Logged::Moved,
                };
                let warned = graph.has_warnings();
                let at = to_moment(moment);
                let logged = graph.visit_at(visitor, space, *start, *end, &at, scratch);
                model.visit_at(visitor, space, *start, *end, moment);
                assert_eq!(logged, expected);
                if logged != Logged::Unchanged && warned {
                    replica.visit_at(visitor, space, *start, *end, &at, scratch);
                } else if logged != Logged::Unchanged {
                    replica.visit(visitor, space, *start, *end);
                }
            }
            Op::Revisit(visitor, space, start, new_start, new_end, moment) => {
                let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
                let expected = model
                    .end_of(visitor, space, *start)
                    .map(|end| (*start, end) != (*new_start, *new_end));
                let warned = graph.has_warnings();
                let at = to_moment(moment);
                let moved =
                    graph.revisit_at(visitor, space, *start, *new_start, *new_end, &at, scratch);
                model.revisit_at(visitor, space, *start, *new_start, *new_end, moment);
                assert_eq!(moved, expected);
                if moved == Some(true) && warned {
                    replica.revisit_at(visitor, space, *start, *new_start, *new_end, &at, scratch);
                } else if moved == Some(true) {
                    replica.revisit(visitor, space, *start, *new_start, *new_end);
                }
            }
            Op::Unvisit(visitor, space, start) => {
                let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
                let removed = graph.unvisit(visitor, space, *start);
                assert_eq!(removed, model.unvisit(visitor, space, *start));
                if removed {
                    replica.unvisit(visitor, space, *start);
                }
            }
            Op::Warn(warn, moment) => {
                if let model::Source::Visitor(visitor) = &warn.source
                    && model.revoked.contains(visitor)
                {
                    return; // The caller's part.
                }
                let at = to_moment(moment);
                let would = graph.would_warn(&to_warn(warn), &at, scratch);
                let expected = model.would_warn(warn, moment).map_err(|model::Taken| Taken);
                assert_eq!(would, expected, "would warn");
                let warned = graph.warn(&to_warn(warn), &at, scratch);
                let expected = model.warn(warn, moment).map(of_warned);
                assert_eq!(warned, expected.map_err(|model::Taken| Taken));
                if warned.is_ok_and(|warned| warned.changed) {
                    assert_eq!(
                        replica.warn(&to_warn(warn), &at, scratch),
                        warned,
                        "replica"
                    );
                }
                if let Ok(warned) = warned {
                    let nothing = Warned {
                        alerted: 0,
                        changed: false,
                        ..warned
                    };
                    let again = graph.warn(&to_warn(warn), &at, scratch);
                    assert_eq!(again, Ok(nothing), "the same again");
                }
            }
            Op::Release(warning, moment) => {
                let (id, at) = (warning.as_bytes(), to_moment(moment));
                let would = graph.would_release(id, &at, scratch);
                assert_eq!(would, model.would_release(id, moment), "would release");
                let released = graph.release(id, &at, scratch);
                assert_eq!(released, model.release(id, moment));
                if released.is_some() {
                    assert_eq!(replica.release(id, &at, scratch), released, "replica");
                }
            }
            Op::Retract(warning, now) => {
                let retracted = graph.retract(warning.as_bytes(), *now);
                let expected = model.retract(warning.as_bytes(), *now);
                assert_eq!(retracted.withdrawn, expected.unwrap_or(0));
                assert_eq!(retracted.changed, expected.is_some());
                if retracted.changed {
                    assert_eq!(replica.retract(warning.as_bytes(), *now), retracted);
                }
            }
            Op::Stand(warning, moment) => self.stand(warning.as_bytes(), moment, scratch),
            Op::StandStale(count, moment) => {
                for _ in 0..*count {
                    let Some(warning) = self.graph.next_stale() else {
                        assert!(!self.graph.is_stale());
                        return self.nothing_is_stale(moment);
                    };
                    self.stand(&warning, moment, scratch);
                }
                assert!(*count < ENDLESS, "always stale");
            }
            Op::Ack(visitor, alerts) => {
                let visitor = visitor.as_bytes();
                let alerts: Vec<AlertId> = alerts
                    .iter()
                    .map(|(warning, off)| {
                        let warning = warning.as_bytes();
                        let recipient = model
                            .warnings
                            .get(warning)
                            .and_then(|warning| warning.recipients.get(visitor));
                        AlertId {
                            hash: alert_hash(warning, visitor),
                            version: recipient.map_or(0, |recipient| recipient.version) + off,
                        }
                    })
                    .collect();
                let plain: Vec<_> = alerts.iter().map(|id| (id.hash, id.version)).collect();
                let taken = graph.ack(visitor, &alerts);
                assert_eq!(taken, model.ack(visitor, &plain));
                if taken > 0 {
                    assert_eq!(replica.ack(visitor, &alerts), taken);
                }
            }
            Op::Forget(visitor) => {
                let visitor = visitor.as_bytes();
                let known = model.knows(visitor);
                self.freed = true;
                let forgotten = graph.forget(visitor);
                assert_eq!(forgotten.visits, model.forget(visitor));
                // What a purge under way has not freed yet may still bear the name.
                assert!(
                    forgotten.changed == known || (forgotten.changed && self.purging.is_some()),
                    "changed {}, known {known}",
                    forgotten.changed
                );
                if forgotten.changed {
                    replica.forget(visitor);
                }
            }
            Op::Revoke(visitor) => {
                let visitor = visitor.as_bytes();
                self.freed = true;
                let revoked = graph.revoke(visitor, SALT);
                assert_eq!(revoked.changed, !model.revoked.contains(visitor));
                assert_eq!(revoked.visits, model.revoke(visitor));
                replica.revoke(visitor, SALT);
            }
            Op::PurgeBegin(cut) => {
                self.purge_steps(usize::MAX);
                self.purge_begin(cut);
            }
            Op::PurgeStep(rows) => self.purge_steps(*rows),
            Op::Rings(max) => self.rings(*max),
            Op::Reload(order) => {
                self.graph = reload(&self.graph, *order);
                self.purging = None;
                self.rung.clear();
                assert!(!self.graph.has_rings(), "loading rings");
            }
            Op::SetAside | Op::TakeBack => unreachable!("these change no graph"),
        }
    }

    /// Brings a warning up to date; a replica hears of it only if that changed anything.
    fn stand(&mut self, warning: &[u8], moment: &model::Moment, scratch: &mut Scratch) {
        let at = to_moment(moment);
        let changed = self.graph.stand(warning, &at, scratch);
        assert_eq!(changed, self.model.stand(warning, moment), "stand");
        if changed {
            assert!(self.replica.stand(warning, &at, scratch), "replica");
        }
    }

    /// Whoever a standing warning finds at order 2 has been given it.
    fn nothing_is_stale(&self, moment: &model::Moment) {
        for warning in self.model.warnings.keys() {
            let changes = self.model.clone().stand(warning, moment);
            let warning = String::from_utf8_lossy(warning);
            assert!(!changes, "{warning} was not called stale");
        }
    }

    fn purge_begin(&mut self, cut: &model::Cut) {
        let may = self.graph.may_purge(&to_cut(cut));
        self.graph.purge_begin(&to_cut(cut));
        self.replica.purge_begin(&to_cut(cut));
        while self.replica.purge_step(usize::MAX) == PurgeProgress::More {}
        let before = self.model.clone();
        let visits = self.model.purge_cut(cut);
        self.freed |= self.model.warnings.len() < before.warnings.len();
        let changed = if essence(&self.model) != essence(&before) {
            assert!(may, "there was something to purge");
            Some(true)
        } else {
            // A warning that stands no longer may count as a change or not: nobody can see it.
            (self.model == before).then_some(false)
        };
        self.purging = Some((visits, changed));
    }

    fn purge_steps(&mut self, rows: usize) {
        let Some((visits, changed)) = self.purging else {
            assert!(!self.graph.purging());
            return;
        };
        match self.graph.purge_step(rows) {
            PurgeProgress::More => assert!(self.graph.purging()),
            PurgeProgress::Done {
                visits: removed,
                changed: said,
            } => {
                assert_eq!(removed, visits);
                assert!(!self.graph.purging());
                if let Some(changed) = changed {
                    assert_eq!(said, changed, "whether the purge changed anything");
                }
                self.purging = None;
            }
        }
    }

    /// The doorbell's queue is emptied, and held what it should.
    fn rings(&mut self, max: usize) {
        let mut rings = BTreeMap::new();
        let mut turns = 0;
        while self.graph.has_rings() {
            let taken = self.graph.take_rings(max);
            assert!(taken.len() <= max);
            for ring in taken {
                let key = (ring.visitor.to_vec(), ring.alert);
                let once = rings.insert(key, ring.state).is_none();
                assert!(once || self.freed, "{} rung twice", ring.alert);
            }
            turns += 1;
            assert!(turns < ENDLESS, "it never ends");
        }
        assert!(self.graph.take_rings(max).is_empty());
        self.freed = false;
        let (mut must, mut may) = (BTreeMap::new(), BTreeMap::new());
        for (visitor, warning) in std::mem::take(&mut self.rung) {
            let Some(recipient) = self
                .model
                .warnings
                .get(&warning)
                .and_then(|known| known.recipients.get(&visitor))
            else {
                continue;
            };
            let id = AlertId {
                hash: alert_hash(&warning, &visitor),
                version: recipient.version,
            };
            // To ring for what was acknowledged meanwhile does no harm.
            let of = if recipient.in_inbox {
                &mut must
            } else {
                &mut may
            };
            of.insert((visitor, id), to_alert_state(recipient.active));
        }
        for (key, state) in &must {
            assert_eq!(rings.get(key), Some(state), "did not ring: {key:?}");
        }
        for (key, state) in &rings {
            let expected = must.get(key).or(may.get(key));
            assert_eq!(expected, Some(state), "rang: {key:?}");
        }
    }

    /// Nothing rings any more.
    fn silence(&mut self) {
        self.graph.drop_rings();
        assert!(!self.graph.has_rings());
        self.rung.clear();
    }

    /// Everything that can be seen.
    fn compare(&mut self) {
        let Self { graph, model, .. } = self;
        let rows = |state, after, count| -> Vec<WarningOf<'_>> {
            let rows = model.warnings(state, after, count).into_iter();
            rows.map(|(id, warning)| to_row(id, warning)).collect()
        };
        let all = rows(None, None, usize::MAX);
        assert_eq!(graph.warnings(None, None, usize::MAX), all, "warnings");
        assert_eq!(graph.has_warnings(), !all.is_empty());
        for of_model in STATES {
            let state = of_model.map(to_state);
            for count in [2, usize::MAX] {
                let expected = rows(of_model, None, count);
                assert_eq!(graph.warnings(state, None, count), expected, "{state:?}");
            }
        }
        for (id, of_model) in WARNINGS.iter().zip(STATES.iter().cycle()) {
            let id = id.as_bytes();
            let row = all.iter().find(|row| row.warning == id);
            assert_eq!(graph.warning(id), row.copied(), "one warning");
            let (state, after) = (of_model.map(to_state), Some(id));
            let expected = rows(*of_model, after, 2);
            assert_eq!(graph.warnings(state, after, 2), expected, "after one");
        }
        let recipients = model
            .warnings
            .values()
            .flat_map(|warning| warning.recipients.values());
        let mut issued: Vec<_> = recipients.map(|recipient| recipient.issued).collect();
        issued.sort_unstable();
        let middle = issued.get(issued.len() / 2).map_or(1, |&issued| issued);
        for visitor in VISITORS {
            for aged in [0, middle, middle + 1] {
                let expected = model.alerts(visitor.as_bytes(), aged);
                let expected: Vec<AlertOf> = expected.iter().map(to_alert).collect();
                let alerts = graph.alerts(visitor.as_bytes(), aged);
                assert_eq!(alerts, expected, "the inbox of {visitor} since {aged}");
            }
        }
        let (stats, expected) = (graph.stats(), model.stats());
        assert_eq!(stats.warnings, expected.warnings);
        assert_eq!(stats.held, expected.held);
        assert_eq!(stats.alerts, expected.alerts);
        if self.purging.is_none() {
            let expected = Stats {
                visitors: expected.visitors,
                spaces: expected.spaces,
                visits: expected.visits,
                oldest: expected.oldest,
                newest: expected.newest,
                revoked: expected.revoked,
                warnings: expected.warnings,
                held: expected.held,
                alerts: expected.alerts,
            };
            assert_eq!(stats, expected);
            assert_eq!(graph.is_empty(), model.is_empty());
        }
        self.digest = self.graph.digest();
        assert!(self.digest == self.replica.digest(), "the replica's digest");
    }

    /// Takes everything out again in one of several ways, and expects nothing to be left.
    fn take_down(&mut self, way: u64) {
        if way.is_multiple_of(2) {
            self.graph = reload(&self.graph, way);
            self.purging = None;
        }
        self.purge_steps(usize::MAX);
        if way.is_multiple_of(3) {
            for visitor in VISITORS {
                self.graph.forget(visitor.as_bytes());
                self.replica.forget(visitor.as_bytes());
                self.model.forget(visitor.as_bytes());
            }
            self.compare();
        }
        self.purge_begin(&model::Cut {
            before: MAX_MILLIS,
            alerts: MAX_MILLIS,
            now: MAX_MILLIS,
        });
        self.compare();
        for _ in 0..ENDLESS {
            if self.purging.is_none() {
                break;
            }
            self.purge_steps(1 + way as usize % 5);
        }
        assert!(self.purging.is_none(), "a purge that never ends");
        self.compare();
        assert_eq!(self.graph.next_stale(), None);
        self.rung.clear();
        self.rings(1);
        if self.model.revoked.is_empty() {
            let nothing = Graph::new();
            assert!(self.graph.is_empty());
            assert_eq!(self.graph.memory(), nothing.memory(), "memory left behind");
            assert_eq!(self.graph.blocks(), nothing.blocks(), "blocks left behind");
            assert!(self.graph.digest() == nothing.digest());
            assert_eq!(self.graph.parts().count(), 0);
        }
    }
}

/// What no digest may miss. It may miss a mark on a late visit that no warning asks for any more, and that a warning
/// stands no longer.
fn essence(model: &Model) -> Model {
    let mut model = model.clone();
    for warning in model.warnings.values_mut() {
        warning.exempt.clear();
        warning.standing = true;
        if warning.source.is_none() {
            // Ownerless: its terms match nothing and can never be revised.
            warning.released = false;
        }
    }
    model.visits.sort();
    model
}

/// The same graph by way of its parts, in another order.
fn reload(graph: &Graph, order: u64) -> Graph {
    let mut parts: Vec<Vec<u8>> = graph.parts().collect();
    parts.shuffle(&mut Rng::seed_from_u64(order));
    let mut loaded = Graph::new();
    for part in parts {
        let part = Part::decode(&part).expect("an own part decodes");
        loaded.load(&part).expect("an own part loads");
    }
    assert!(loaded.digest() == graph.digest(), "loaded, another digest");
    loaded
}

fn to_moment(moment: &model::Moment) -> Moment {
    Moment {
        now: moment.now,
        late: moment.late,
        expired: moment.expired,
    }
}

fn to_cut(cut: &model::Cut) -> PurgeCut {
    PurgeCut {
        before: cut.before,
        alerts: cut.alerts,
        now: cut.now,
    }
}

fn to_reason(reason: model::Reason) -> Reason {
    match reason {
        model::Reason::Positive => Reason::Positive,
        model::Reason::Contact => Reason::Contact,
        model::Reason::Symptoms => Reason::Symptoms,
        model::Reason::Alerted => Reason::Alerted,
    }
}

fn to_warn(warn: &model::Warn) -> Warn<'_> {
    Warn {
        warning: &warn.warning,
        source: match &warn.source {
            model::Source::Visitor(visitor) => Source::Visitor(visitor),
            model::Source::Space(space) => Source::Space(space),
        },
        reason: to_reason(warn.reason),
        terms: to_graph(&warn.terms),
        stands_until: warn.stands_until,
        hold: warn.hold,
    }
}

fn of_warned(warned: model::Warned) -> Warned {
    Warned {
        alerted: warned.alerted,
        held: warned.held,
        changed: warned.changed,
    }
}

fn to_alert_state(active: bool) -> AlertState {
    if active {
        AlertState::Active
    } else {
        AlertState::Withdrawn
    }
}

fn to_alert(alert: &model::Alert) -> AlertOf {
    AlertOf {
        alert: AlertId {
            hash: alert.hash,
            version: alert.version,
        },
        reason: to_reason(alert.reason),
        priority: match alert.priority {
            Priority::High => lct_graph::Priority::High,
            Priority::Medium => lct_graph::Priority::Medium,
            Priority::Low => lct_graph::Priority::Low,
        },
        state: to_alert_state(alert.active),
        issued: alert.issued,
    }
}

fn to_row<'m>(id: &'m [u8], warning: &model::Warning) -> WarningOf<'m> {
    WarningOf {
        warning: id,
        kind: match &warning.source {
            Some(model::Source::Space(_)) => "space",
            _ => "visitor",
        },
        reason: to_reason(warning.reason),
        state: to_state(warning.state),
        issued: warning.issued,
        alerts: warning.recipients.len() as u64,
    }
}

fn to_state(state: model::WarningState) -> WarningState {
    match state {
        model::WarningState::Active => WarningState::Active,
        model::WarningState::Held => WarningState::Held,
        model::WarningState::Retracted => WarningState::Retracted,
    }
}

/// What a round of random operations draws from.
struct Scene {
    /// The clock, what a step on it is, and how far behind it visits are late and expire (0: never).
    now: Millis,
    grain: Millis,
    late_after: Millis,
    retention: Millis,
    ops: usize,
    /// Whether some visits last for ever; else none lasts longer than [`LONGEST`] steps.
    endless: bool,
    /// One warning in so many has a hold; one in so many visits was logged before.
    holds: f64,
    known: f64,
    logged: Vec<(&'static str, &'static str, Millis)>,
    /// What was last asked under each id.
    given: BTreeMap<Vec<u8>, model::Warn>,
}

impl Scene {
    fn new(rng: &mut Rng) -> Self {
        let grain = *[1, 60_000, 4 * HOUR, 4 * HOUR, 12 * HOUR]
            .choose(rng)
            .expect("some");
        let start = *[1_700_000_000_000, 1_700_006_400_000, 1_000 * HOUR]
            .choose(rng)
            .expect("some");
        Self {
            now: start,
            grain,
            late_after: *[0, 0, 4, 8].choose(rng).expect("some") * grain,
            retention: *[0, 0, 15, 30].choose(rng).expect("some") * grain,
            ops: rng.random_range(10..400),
            endless: rng.random_bool(0.5),
            holds: *[0.0, 0.1, 0.5].choose(rng).expect("some"),
            known: *[0.05, 0.3].choose(rng).expect("some"),
            logged: Vec::new(),
            given: BTreeMap::new(),
        }
    }

    fn ops(mut self, rng: &mut Rng) -> Vec<Op> {
        (0..self.ops).map(|_| self.op(rng)).collect()
    }

    fn op(&mut self, rng: &mut Rng) -> Op {
        if rng.random_bool(0.1) {
            self.now += rng.random_range(0..3) * self.grain + rng.random_range(0..2);
        }
        let moment = self.moment();
        let visitor = *VISITORS.choose(rng).expect("some");
        let warning = *WARNINGS.choose(rng).expect("some");
        match rng.random_range(0..1000) {
            0..400 => {
                let (visitor, space, start) = if rng.random_bool(self.known) {
                    self.known(rng)
                } else {
                    (
                        visitor,
                        *SPACES.choose(rng).expect("some"),
                        self.time(rng, 10),
                    )
                };
                let end = self.end(rng, start);
                self.logged.push((visitor, space, start));
                Op::Visit(visitor, space, start, end, moment)
            }
            400..460 => {
                let (visitor, space, start) = self.known(rng);
                let new_start = if rng.random_bool(0.3) {
                    self.known(rng).2
                } else if rng.random_bool(0.3) {
                    start
                } else {
                    self.time(rng, 10)
                };
                let new_end = self.end(rng, new_start);
                self.logged.push((visitor, space, new_start));
                Op::Revisit(visitor, space, start, new_start, new_end, moment)
            }
            460..500 => {
                let (visitor, space, start) = self.known(rng);
                Op::Unvisit(visitor, space, start)
            }
            500..680 => Op::Warn(self.warn(rng, warning), moment),
            680..710 => Op::Release(warning, moment),
            710..740 => Op::Retract(warning, self.now),
            740..760 => Op::Stand(warning, moment),
            760..780 => Op::StandStale(1, moment),
            780..820 => Op::StandStale(ENDLESS, moment),
            820..880 => {
                let alerts = (0..rng.random_range(1..5))
                    .map(|_| {
                        let warning = *WARNINGS.choose(rng).expect("some");
                        (warning, u32::from(rng.random_bool(0.1)))
                    })
                    .collect();
                Op::Ack(visitor, alerts)
            }
            880..887 => Op::Forget(visitor),
            887..888 => Op::Revoke(visitor),
            888..900 => Op::PurgeBegin(model::Cut {
                before: self.now.saturating_sub(self.steps(rng, 25)),
                alerts: self.now.saturating_sub(self.steps(rng, 25)),
                now: self.now,
            }),
            900..930 => Op::PurgeStep(*[1, 5, 1000].choose(rng).expect("some")),
            930..965 => Op::Rings(*[1, 2, 512].choose(rng).expect("some")),
            965..985 => Op::Reload(rng.random_range(0..100)),
            985..994 => Op::SetAside,
            _ => Op::TakeBack,
        }
    }

    fn moment(&self) -> model::Moment {
        let ago = |by: Millis| {
            if by == 0 {
                0
            } else {
                self.now.saturating_sub(by)
            }
        };
        model::Moment {
            now: self.now,
            late: ago(self.late_after),
            expired: ago(self.retention),
        }
    }

    fn steps(&self, rng: &mut Rng, most: u64) -> Millis {
        rng.random_range(0..=most) * self.grain
    }

    /// A time at most that many steps ago, or a little ahead.
    fn time(&self, rng: &mut Rng, steps: u64) -> Millis {
        let time = (self.now + 2 * self.grain).saturating_sub(self.steps(rng, steps + 2));
        match rng.random_range(0..20) {
            0 => time + 1,
            1 => time.saturating_sub(1),
            // So that equal times come back although the clock moves.
            2..15 => time - time % self.grain,
            _ => time,
        }
    }

    fn end(&self, rng: &mut Rng, start: Millis) -> Millis {
        if self.endless && rng.random_bool(0.04) {
            return MAX_MILLIS;
        }
        start + rng.random_range(1..=LONGEST) * self.grain
    }

    /// A visit that was logged once, or by chance never.
    fn known(&self, rng: &mut Rng) -> (&'static str, &'static str, Millis) {
        match self.logged.choose(rng) {
            Some(known) if rng.random_bool(0.95) => *known,
            _ => ("a", "s", self.time(rng, 10)),
        }
    }

    /// A new warning, the same again, or one with something else in it.
    fn warn(&mut self, rng: &mut Rng, warning: &str) -> model::Warn {
        let mut warn = self.any_warn(rng, warning);
        if let Some(given) = self.given.get(warning.as_bytes()) {
            let fresh = warn.clone();
            match rng.random_range(0..10) {
                0..2 => warn = given.clone(),
                2..9 => warn.source = given.source.clone(),
                _ => {}
            }
            // Often but one thing is another.
            if rng.random_bool(0.5) {
                warn = given.clone();
                match rng.random_range(0..6) {
                    0 => warn.reason = fresh.reason,
                    1 => (warn.terms, warn.stands_until) = (fresh.terms, fresh.stands_until),
                    2 => warn.terms.order = fresh.terms.order,
                    3 => warn.terms.min_priority = fresh.terms.min_priority,
                    4 => warn.hold = fresh.hold,
                    _ => warn.terms.from = fresh.terms.from.min(warn.terms.from),
                }
            }
        }
        let of_space = matches!(warn.source, model::Source::Space(_));
        if of_space && warn.reason == model::Reason::Alerted {
            warn.reason = model::Reason::Positive;
        }
        if of_space || warn.reason == model::Reason::Alerted {
            warn.terms.order = Order::First;
        }
        if of_space {
            warn.terms.linger = 0;
        }
        self.given.insert(warn.warning.clone(), warn.clone());
        warn
    }

    fn any_warn(&self, rng: &mut Rng, warning: &str) -> model::Warn {
        let source = if rng.random_bool(0.8) {
            model::Source::Visitor(VISITORS.choose(rng).expect("some").as_bytes().to_vec())
        } else {
            model::Source::Space(SPACES.choose(rng).expect("some").as_bytes().to_vec())
        };
        let at = match rng.random_range(0..4) {
            0 => self.time(rng, 4),
            1 => self.now + self.steps(rng, 8),
            _ => self.now,
        };
        let min_time = rng.random_bool(0.3).then(|| self.steps(rng, 3));
        let within = min_time.filter(|_| rng.random_bool(0.4));
        model::Warn {
            warning: warning.as_bytes().to_vec(),
            source,
            reason: *[
                model::Reason::Positive,
                model::Reason::Contact,
                model::Reason::Symptoms,
                model::Reason::Alerted,
            ]
            .choose(rng)
            .expect("some"),
            terms: Question {
                from: if rng.random_bool(0.7) {
                    0
                } else {
                    self.time(rng, 12)
                },
                to: if rng.random_bool(0.7) {
                    at
                } else {
                    self.time(rng, 8).min(at)
                },
                at,
                order: *[Order::First, Order::Second, Order::Second]
                    .choose(rng)
                    .expect("some"),
                min_time,
                within: within.map(|_| self.steps(rng, 7) + 1),
                linger: if rng.random_bool(0.8) {
                    0
                } else {
                    self.steps(rng, 3)
                },
                min_priority: *[
                    Priority::High,
                    Priority::Medium,
                    Priority::Low,
                    Priority::Low,
                    Priority::Low,
                    Priority::Low,
                ]
                .choose(rng)
                .expect("some"),
            },
            stands_until: if self.late_after == 0 || self.endless {
                MAX_MILLIS
            } else {
                at + self.late_after + LONGEST * self.grain
            },
            hold: rng.random_bool(self.holds).then(|| rng.random_range(0..4)),
        }
    }
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
fn random_histories_agree_with_the_model() {
    let draw = |seed| {
        let mut rng = Rng::seed_from_u64(seed);
        Scene::new(&mut rng).ops(&mut rng)
    };
    play_rounds(200_000, 6, draw, play);
}

const DAY: Millis = 24 * HOUR;
const AT: Millis = 100 * DAY;

fn at_once() -> Moment {
    Moment {
        now: AT,
        late: 0,
        expired: 0,
    }
}

/// A warning of this visitor over all time until [`AT`].
fn until_at<'w>(warning: &'w str, visitor: &'w str) -> Warn<'w> {
    let warn = warning_of(warning.as_bytes(), Source::Visitor(visitor.as_bytes()));
    Warn {
        terms: lct_graph::Question {
            to: AT,
            at: AT,
            ..warn.terms
        },
        ..warn
    }
}

/// The same with a second order.
fn second_order<'w>(warning: &'w str, visitor: &'w str) -> Warn<'w> {
    let mut warn = until_at(warning, visitor);
    warn.terms.order = lct_graph::Order::Second;
    warn
}

/// Two find each other in a place, and one of them passes the warning on. That the index case met them earlier, in a visit
/// too long ago to alert anybody, makes more of those they met concerned.
#[test]
fn a_visit_too_old_to_alert_can_move_the_first_exposure() {
    let scratch = &mut Scratch::default();
    let moment = at_once();
    let warn = |warning, visitor, reason| {
        let mut warn = until_at(warning, visitor);
        warn.reason = reason;
        warn.terms.min_priority = lct_graph::Priority::High;
        warn
    };
    let mut graph = Graph::new();
    let day = |number: u64| number * DAY;
    graph.visit(b"case", b"now", day(99), day(100));
    graph.visit(b"friend", b"now", day(99), day(100));
    graph.visit(b"friend", b"home", day(98), day(99));
    graph.visit(b"guest", b"home", day(98), day(99));
    graph.visit(b"friend", b"then", day(90), day(91));
    for warn in [
        warn("passed on", "friend", Reason::Alerted),
        warn("own", "case", Reason::Positive),
    ] {
        graph.warn(&warn, &moment, scratch).expect("a free id");
    }
    assert!(
        graph.alerts(b"guest", 0).is_empty(),
        "met before the exposure"
    );
    graph.visit_at(b"case", b"then", day(90), day(91), &moment, scratch);
    assert_eq!(graph.alerts(b"guest", 0).len(), 1);
}

/// A graph of so many warnings, by index cases who met a relay each, at a place of their own: `case0`, `relay0`,
/// `warning0` and so on. Their windows end at [`AT`].
fn warned(count: usize, scratch: &mut Scratch) -> Graph {
    let mut graph = Graph::new();
    for number in 0..count {
        let [case, relay, cafe, warning] =
            ["case", "relay", "cafe", "warning"].map(|word| format!("{word}{number}"));
        for visitor in [&case, &relay] {
            graph.visit(
                visitor.as_bytes(),
                cafe.as_bytes(),
                AT - DAY,
                AT - DAY + HOUR,
            );
        }
        let warned = graph.warn(&second_order(&warning, &case), &at_once(), scratch);
        assert_eq!(warned.expect("a free id").alerted, 1);
    }
    assert_eq!(graph.next_stale(), None);
    graph
}

/// Of many standing warnings with a second order, a visit makes those be looked at to which it may add somebody.
#[test]
fn a_visit_calls_stale_what_it_may_add_to() {
    let scratch = &mut Scratch::default();
    let mut graph = warned(10, scratch);
    let minute = |number: u64| AT - DAY + number * 60_000;
    let stale = |graph: &mut Graph, scratch: &mut Scratch| {
        let mut stale = BTreeSet::new();
        while let Some(warning) = graph.next_stale() {
            assert!(graph.is_stale());
            graph.stand(&warning, &at_once(), scratch);
            stale.insert(String::from_utf8(warning).expect("a name"));
        }
        assert!(!graph.is_stale());
        stale
    };
    let some = |numbers: &[usize]| -> BTreeSet<String> {
        numbers
            .iter()
            .map(|number| format!("warning{number}"))
            .collect()
    };
    let all = some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let none = some(&[]);
    let mut log = |graph: &mut Graph, visitor: &str, space: &str, from: u64, to: u64| {
        let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
        graph.visit_at(
            visitor,
            space,
            minute(from),
            minute(to),
            &at_once(),
            scratch,
        );
        stale(graph, scratch)
    };

    assert_eq!(log(&mut graph, "stranger", "park", 40, 50), none);
    assert_eq!(
        log(&mut graph, "relay3", "park", 60, 70),
        some(&[3]),
        "a relay"
    );
    assert_eq!(
        log(&mut graph, "stranger", "park", 65, 75),
        some(&[3]),
        "beside a relay"
    );
    assert_eq!(graph.alerts(b"stranger", 0).len(), 1);
    assert_eq!(
        log(&mut graph, "other", "park", 70, 80),
        some(&[3]),
        "beside whom it has alerted"
    );
    assert!(graph.alerts(b"other", 0).is_empty());
    assert_eq!(
        log(&mut graph, "case4", "park", 200, 210),
        some(&[4]),
        "an index case"
    );
    assert_eq!(
        log(&mut graph, "fresh", "park", 205, 215),
        some(&[4]),
        "a new relay"
    );
    assert_eq!(
        log(&mut graph, "relay5", "bar", 2000, 2010),
        none,
        "after the window"
    );

    // Of a crowd not everybody is asked.
    for number in 0..200 {
        let name = format!("fan{number}");
        graph.visit(name.as_bytes(), b"stadium", minute(300), minute(400));
    }
    assert_eq!(log(&mut graph, "relay6", "stadium", 300, 400), all);
    assert_eq!(graph.alerts(b"fan7", 0).len(), 1);
}

#[test]
fn a_warning_that_is_always_stale_leaves_the_others_their_turn() {
    let scratch = &mut Scratch::default();
    let mut graph = warned(5, scratch);
    let mut seen = BTreeSet::new();
    for turn in 0..10 {
        for number in 0..5 {
            // Everybody's at first, then that of the first alone.
            if turn == 0 || number == 0 {
                let relay = format!("relay{number}");
                let start = AT - HOUR + turn;
                graph.visit_at(relay.as_bytes(), b"park", start, AT, &at_once(), scratch);
            }
        }
        let warning = graph.next_stale().expect("the first is stale");
        graph.stand(&warning, &at_once(), scratch);
        seen.insert(warning);
    }
    assert_eq!(seen.len(), 5);
}

/// MINTIME counts what came by any contact, as long ago as may be; one of low priority is not alerted where only more
/// urgent ones are, and passes on all the same.
#[test]
fn a_relay_that_was_not_alerted_is_thought_of() {
    let scratch = &mut Scratch::default();
    let mut graph = Graph::new();
    let minutes = |number: u64| number * 60_000;
    for (visitor, space, start, length) in [
        ("case", "long ago", AT - 120 * HOUR, HOUR),
        ("old", "long ago", AT - 120 * HOUR, HOUR),
        ("case", "lately", AT - 10 * HOUR, HOUR),
        ("new", "lately", AT - 10 * HOUR, HOUR),
        ("new", "shop", AT - 5 * HOUR, minutes(10)),
        ("other", "shop", AT - 5 * HOUR, minutes(10)),
        ("old", "bar", AT - 4 * HOUR, HOUR),
    ] {
        let (visitor, space) = (visitor.as_bytes(), space.as_bytes());
        graph.visit(visitor, space, start, start + length);
    }
    let mut warn = second_order("warning", "case");
    warn.terms.min_time = Some(minutes(30));
    warn.terms.min_priority = lct_graph::Priority::Medium;
    let warned = graph.warn(&warn, &at_once(), scratch).expect("a free id");
    assert_eq!(warned.alerted, 1, "the new relay");
    let start = AT - 4 * HOUR;
    graph.visit_at(b"other", b"bar", start, start + HOUR, &at_once(), scratch);
    let warning = graph.next_stale().expect("it is stale");
    graph.stand(&warning, &at_once(), scratch);
    assert_eq!(graph.alerts(b"other", 0).len(), 1);
    assert!(graph.alerts(b"old", 0).is_empty());
}
