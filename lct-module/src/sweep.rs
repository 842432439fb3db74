//! Purges: done at once in meaning, in slices in work.
//!
//! A purge takes effect, and is replicated, in the moment it begins: from then on no question sees what it removes.
//! Freeing the memory goes on in slices of less than a millisecond between which the server serves its clients, on
//! primaries and replicas alike, each at its own pace. A replica's purge comes from its primary, resolved: it consults
//! neither its clock nor its settings.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use lct_graph::{PurgeCut, PurgeProgress};

use crate::error::{Error, Result};
use crate::ffi::{self, BlockedClient, Context, Key, Mode, Name, Task, guard};
use crate::resolved::Resolved;
use crate::slice::Slice;
use crate::spec::Opt;
use crate::value::Value;
use crate::{erasure, metrics};

/// How long one slice may last: below a millisecond with the step that exceeds it.
pub(crate) const SLICE: Duration = Duration::from_micros(700);
/// How long the server's clients have between two slices.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);
/// Rows' worth of work between two looks at the clock; some 30 µs.
const STEP: usize = 500;

thread_local! {
    static SWEEPS: RefCell<Vec<Sweep>> = const { RefCell::new(Vec::new()) };
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
    static TIMER_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// How far [`purge`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purged {
    /// To the end; visits removed.
    All(u64),
    /// The rest goes in slices, under this number.
    Begun(u64),
}

/// The rest of a purge.
struct Sweep {
    number: u64,
    database: i32,
    key: Vec<u8>,
    /// Visits removed so far; what the client is told if the graph goes before the purge ends.
    removed: u64,
    /// Who waits for the end.
    client: Option<BlockedClient>,
    /// Purges of the same graph that wait for their turn.
    next: VecDeque<Queued>,
}

/// A purge that waits for the one before it.
struct Queued {
    client: BlockedClient,
    cut: PurgeCut,
}

/// How many purges are under way.
pub(crate) fn running() -> u64 {
    SWEEPS.with_borrow(|sweeps| sweeps.len() as u64)
}

/// Purges the graph in `key`, as far as `slice` allows; the rest follows by itself. Replicates it if anything goes.
pub(crate) fn purge(
    context: Context<'_>,
    mut key: Key<'_>,
    cut: PurgeCut,
    slice: Slice,
) -> Result<Purged> {
    let Some(value) = key.value()? else {
        return Ok(Purged::All(0));
    };
    finish(value);
    value.last_purge = cut.now;
    if !value.graph().may_purge(&cut) {
        return Ok(Purged::All(0));
    }
    value.mutate(|graph| graph.purge_begin(&cut));
    let (progress, removed) = work(value, slice);
    if matches!(progress, PurgeProgress::Done { changed: false, .. }) {
        return Ok(Purged::All(0));
    }
    context.replicate(
        c"LCT.PURGE",
        Resolved::new([key.name().bytes()])
            .time(Opt::Before, cut.before)
            .time(Opt::Alerts, cut.alerts)
            .time(Opt::Clock, cut.now)
            .words(),
    );
    metrics::PURGES.add(1);
    metrics::LAST_PURGE.set(cut.now);
    erasure::something_removed();
    let purged = match progress {
        PurgeProgress::Done {
            visits: removed, ..
        } => {
            metrics::VISITS_PURGED.add(removed);
            Purged::All(removed)
        }
        PurgeProgress::More => Purged::Begun(continue_later(context, &mut key, removed)?),
    };
    key.changed(c"lct.purge");
    Ok(purged)
}

/// Lets slices go on with a purge that is under way in `key` and has `removed` visits so far; its number.
pub(crate) fn continue_later(context: Context<'_>, key: &mut Key<'_>, removed: u64) -> Result<u64> {
    let number = LAST_NUMBER.get() + 1;
    LAST_NUMBER.set(number);
    if let Some(value) = key.value()? {
        value.sweep = number;
    }
    let sweep = Sweep {
        number,
        database: context.database(),
        key: key.name().bytes().to_vec(),
        removed,
        client: None,
        next: VecDeque::new(),
    };
    SWEEPS.with_borrow_mut(|sweeps| sweeps.push(sweep));
    if !TIMER_RUNS.replace(true) {
        ffi::after::<Sweeper>(context, PAUSE);
    }
    Ok(number)
}

/// Whether slices go on with the purge under way in `value`.
pub(crate) fn is_swept(value: &Value) -> bool {
    SWEEPS.with_borrow(|sweeps| sweeps.iter().any(|sweep| sweep.number == value.sweep))
}

/// The number of the purge that slices are going on with in `key`, if there is one.
///
/// # Errors
/// As [`Key::value`].
pub(crate) fn under_way(key: &mut Key<'_>) -> Result<Option<u64>> {
    let swept = key.value()?.filter(|value| is_swept(value));
    Ok(swept.map(|value| value.sweep))
}

/// Lets `client` wait for the end of the purge `number`.
pub(crate) fn wait(number: u64, client: BlockedClient) {
    change(number, |sweep| sweep.client = Some(client));
}

/// Lets `client` wait until the purge `number` has ended and then one of its own.
pub(crate) fn wait_for_turn(number: u64, client: BlockedClient, cut: PurgeCut) {
    change(number, |sweep| sweep.next.push_back(Queued { client, cut }));
}

/// Changes a sweep. If it has gone, what `change` holds is dropped, which answers a client.
fn change(number: u64, change: impl FnOnce(&mut Sweep)) {
    SWEEPS.with_borrow_mut(|sweeps| {
        if let Some(sweep) = sweeps.iter_mut().find(|sweep| sweep.number == number) {
            change(sweep);
        }
    });
}

/// Ends a purge under way in one step, because another must begin in this one (in a transaction, from a primary), and
/// answers who waited for it.
fn finish(value: &mut Value) {
    if !value.graph().purging() {
        return;
    }
    let (
        PurgeProgress::Done {
            visits: removed, ..
        },
        _,
    ) = work(value, Slice::WHOLE)
    else {
        return;
    };
    metrics::VISITS_PURGED.add(removed);
    let number = std::mem::take(&mut value.sweep);
    // The sweep itself finds nothing to do at its next turn, and lets go of what waits behind it.
    let client = SWEEPS.with_borrow_mut(|sweeps| {
        let sweep = sweeps.iter_mut().find(|sweep| sweep.number == number);
        sweep.and_then(|sweep| sweep.client.take())
    });
    if let Some(client) = client {
        client.answer(Ok(removed));
    }
}

/// Goes on with the purge under way until `slice` is over; visits removed in it.
fn work(value: &mut Value, slice: Slice) -> (PurgeProgress, u64) {
    let before = value.graph().visit_count();
    loop {
        let progress = value.mutate(|graph| graph.purge_step(STEP));
        if progress != PurgeProgress::More || slice.is_over() {
            return (progress, before - value.graph().visit_count());
        }
    }
}

/// The timer behind the slices; it runs while there is something to sweep.
pub(crate) struct Sweeper;

impl Task for Sweeper {
    const AFTER_PANIC: Option<Duration> = Some(PAUSE);

    fn run(context: Context<'_>) -> Option<Duration> {
        let slice = Slice::of(SLICE);
        let mut sweeps = SWEEPS.take().into_iter();
        let mut unfinished = Vec::new();
        while !slice.is_over()
            && let Some(mut sweep) = sweeps.next()
        {
            match guard::catch(|| sweep.advance(context, slice)) {
                Ok(None) => unfinished.push(sweep),
                Ok(Some(removed)) => sweep.end(context, Ok(removed)),
                Err(error) => sweep.end(context, Err(error)),
            }
        }
        let is_done = SWEEPS.with_borrow_mut(|begun| {
            begun.extend(sweeps.chain(unfinished)); // whose turn it was goes to the end
            begun.is_empty()
        });
        TIMER_RUNS.set(!is_done);
        (!is_done).then_some(PAUSE)
    }
}

impl Sweep {
    /// Does a slice. `Some` is the end: visits removed, those until then if the graph has gone meanwhile.
    fn advance(&mut self, context: Context<'_>, slice: Slice) -> Result<Option<u64>> {
        if !context.select(self.database) {
            return Ok(Some(self.removed));
        }
        let name = Name::new(&self.key);
        let mut key = Key::open(context, &name, Mode::Housekeeping);
        let value = match key.value() {
            Ok(Some(value)) if value.sweep == self.number => value,
            Err(Error::Damaged) => return Err(Error::Damaged),
            _ => return Ok(Some(self.removed)),
        };
        let (progress, removed) = work(value, slice);
        match progress {
            PurgeProgress::More => {
                self.removed += removed;
                Ok(None)
            }
            PurgeProgress::Done {
                visits: removed, ..
            } => {
                value.sweep = 0;
                key.retire();
                metrics::VISITS_PURGED.add(removed);
                Ok(Some(removed))
            }
        }
    }

    /// Answers who waited for the end, and begins what waited for its turn until one of those needs slices of its own.
    fn end(mut self, context: Context<'_>, answer: Result<u64>) {
        if let Some(client) = self.client.take() {
            client.answer(answer);
        }
        while let Some(Queued { client, cut }) = self.next.pop_front() {
            match guard::catch(|| self.begin(context, cut)) {
                Ok(Purged::All(removed)) => client.answer(Ok(removed)),
                Ok(Purged::Begun(number)) => {
                    wait(number, client);
                    change(number, |sweep| sweep.next = self.next);
                    return;
                }
                Err(error) => client.answer(Err(error)),
            }
        }
    }

    /// Begins another purge of the same graph.
    fn begin(&self, context: Context<'_>, cut: PurgeCut) -> Result<Purged> {
        if !context.select(self.database) {
            return Ok(Purged::All(0));
        }
        let name = Name::new(&self.key);
        let key = Key::open(context, &name, Mode::Write);
        purge(context, key, cut, Slice::of(SLICE))
    }
}
