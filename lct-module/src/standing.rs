//! The second order of standing warnings.
//!
//! Whoever a logged visit makes a first-order contact is alerted by that very command. A relay's new visit can bring in
//! second-order contacts as well, and finding them takes a search of its own: a timer does it, within seconds, one search
//! at a time and with at least as long a pause after it. What it changes is replicated as LCT.STAND.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::{Duration, Instant};

use lct_graph::{Graph, Moment};

use crate::errands::{Place, Places};
use crate::error::Error;
use crate::ffi::{self, Context, Key, Mode, Name, Task};
use crate::limits::Limits;
use crate::resolved::Resolved;
use crate::spec::Opt;
use crate::{retention, scratch, sweep};

/// From the first visit that may matter to the search, and between two rounds of searches: many visits share one.
const DELAY: Duration = Duration::from_secs(2);

thread_local! {
    static PLACES: RefCell<Places> = RefCell::default();
    static ROUND: RefCell<Round> = RefCell::default();
    static TIMER_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// A warning in the graph at `place` may have grown.
pub(crate) fn look_at(context: Context<'_>, place: Place) {
    PLACES.with_borrow_mut(|places| places.add(place));
    if !TIMER_RUNS.replace(true) {
        ffi::after::<Standing>(context, DELAY);
    }
}

/// The timer that searches; it runs while there is something to look at.
pub(crate) struct Standing;

impl Task for Standing {
    const AFTER_PANIC: Option<Duration> = Some(DELAY);

    fn run(context: Context<'_>) -> Option<Duration> {
        let mut round = ROUND.take(); // a panic ends it
        if !context.leads() {
            PLACES.take(); // should this server lead one day, a round of `retention` finds them again
            TIMER_RUNS.set(false);
            return None;
        }
        if !context.may_write() {
            ROUND.set(round);
            return Some(DELAY);
        }
        if round.place.is_none() && round.places.len() == 0 {
            round.places = PLACES.take();
        }
        let begin = Instant::now();
        round.search(context);
        let is_over = round.place.is_none() && round.places.len() == 0;
        ROUND.set(round);
        let pause = begin.elapsed().max(sweep::PAUSE);
        let goes_on = !is_over || PLACES.with_borrow(|places| places.len() > 0);
        TIMER_RUNS.set(goes_on);
        goes_on.then_some(if is_over { DELAY } else { pause })
    }
}

/// A look at each graph that may hold such a warning.
#[derive(Debug, Default)]
struct Round {
    /// Where it goes next.
    places: Places,
    /// Where it is.
    place: Option<Place>,
    /// The warnings it has looked at there. What has grown again since is left to the next round.
    done: HashSet<Vec<u8>>,
}

/// Where a round goes after a search.
enum Next {
    /// The same graph may hold more.
    Here,
    /// It does not.
    Elsewhere,
    /// It does, but nothing this round has not looked at.
    Later,
}

impl Round {
    /// Looks at one warning.
    fn search(&mut self, context: Context<'_>) {
        let Some(place) = self.place.take().or_else(|| self.places.take()) else {
            return;
        };
        match self.stand(context, &place) {
            Next::Here => {
                self.place = Some(place);
                return;
            }
            Next::Elsewhere => {}
            Next::Later => PLACES.with_borrow_mut(|places| places.add(place)),
        }
        self.done.clear();
    }

    fn stand(&mut self, context: Context<'_>, place: &Place) -> Next {
        if !context.select(place.database) {
            return Next::Elsewhere;
        }
        let name = Name::new(&place.key);
        let mut key = Key::open(context, &name, Mode::Housekeeping);
        let value = match key.value() {
            Ok(Some(value)) => value,
            Err(Error::Damaged) => return Next::Elsewhere,
            _ => {
                retention::look_round(); // it may have another name by now
                return Next::Elsewhere;
            }
        };
        let Some(warning) = value.mutate(Graph::next_stale) else {
            return Next::Elsewhere;
        };
        if !self.done.insert(warning.clone()) {
            return Next::Later;
        }
        let now = context.now();
        let moment = Moment {
            now,
            late: 0, // it was decided when each visit was logged
            expired: Limits::current(now).expired(),
        };
        let changed =
            scratch::with(|scratch| value.mutate(|graph| graph.stand(&warning, &moment, scratch)));
        if changed {
            context.replicate(
                c"LCT.STAND",
                Resolved::new([place.key.as_slice(), &warning])
                    .time(Opt::Clock, moment.now)
                    .time(Opt::Expired, moment.expired)
                    .words(),
            );
            key.changed(c"lct.stand");
        }
        Next::Here
    }
}
