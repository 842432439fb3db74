//! Questions too heavy for one step, answered in slices.
//!
//! A question is answered at once where that takes no longer than a slice. Otherwise its client waits, and a timer goes
//! on with it, one question after another; the server serves its clients between two slices. What a waiting client is
//! told is the answer as of one moment between its call and the reply: while a question is under way the graph notes
//! what changes, and the search sees what was (`lct_graph::Graph::watch`). Where that is impossible (an erasure, a purge
//! that begins, another graph in the key) the question starts anew, and after a few times it is answered in one piece.
//! What is asked of each space by itself (LCT.DENSITY) needs none of this: each is looked at as it is by then, as long as
//! it is the same graph and no hour has begun to expire.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use lct_graph::{
    Cell as Together, Density, Exposure, Graph, Millis, Order, Presence, Priority, Progress,
    Question, Search, VisitOf,
};

use crate::errands::Place;
use crate::error::{Error, Result, Rule};
use crate::ffi::{self, BlockedClient, Call, Context, Key, Mode, Name, Task, guard};
use crate::limits::Limits;
use crate::options::word;
use crate::slice::Slice;
use crate::value::Value;
use crate::{metrics, scratch};

/// How long one slice may last.
const SLICE: Duration = Duration::from_millis(5);
/// How long the server's clients have between two slices.
const PAUSE: Duration = Duration::from_millis(1);
/// Rows' worth of work between two looks at the clock; some 200 µs.
const STEP: usize = 10_000;
/// Words read or written between two looks at the clock, and how many are replied at once; some 40 ns each.
const WORDS: usize = 5_000;
const AT_ONCE: usize = 50_000;
/// How often a question may start anew.
const ATTEMPTS: u32 = 8;

thread_local! {
    /// The questions that wait; the first one is under way.
    static WAITING: RefCell<VecDeque<Reading>> = RefCell::default();
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
    static TIMER_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// What was asked.
pub(crate) enum Asked {
    /// Who was exposed to a visitor: a set.
    Contacts {
        visitor: Vec<u8>,
        question: Question,
    },
    /// The first so many of them in order.
    Exposures {
        visitor: Vec<u8>,
        question: Question,
        count: usize,
        with_times: bool,
    },
    /// Who was in a space: the first so many visits.
    Present {
        space: Vec<u8>,
        from: Millis,
        to: Millis,
        expired: Millis,
        count: usize,
    },
    /// How much people were together in whole hours, in one space or in all.
    Density {
        space: Option<Vec<u8>>,
        from: Millis,
        to: Millis,
        k: u64,
        /// With more rows there is no answer.
        most: usize,
    },
}

impl Asked {
    fn begin(&self, graph: &Graph) -> Looking {
        match self {
            Self::Contacts { visitor, question } => {
                Looking::Contacts(graph.ask_contacts(visitor, question, scratch::take()))
            }
            Self::Exposures {
                visitor,
                question,
                count,
                with_times,
            } => Looking::Exposures(
                graph.ask_exposures(visitor, question, *count, scratch::take()),
                *with_times,
            ),
            Self::Present {
                space,
                from,
                to,
                expired,
                count,
            } => Looking::Visits(graph.ask_present(space, *from, *to, *expired, *count)),
            Self::Density {
                space,
                from,
                to,
                k,
                most,
            } => Looking::Cells(graph.ask_density(space.as_deref(), *from, *to, *k, *most)),
        }
    }

    /// Asks no more for hours in which visits have begun to expire meanwhile; whether there were any.
    fn shorten(&mut self, limits: &Limits) -> bool {
        let Self::Density { from, .. } = self else {
            return false;
        };
        let (first, _) = limits.closed_hours(*from, *from);
        first > std::mem::replace(from, first)
    }

    /// How many words a row of the answer has.
    fn words(&self) -> usize {
        match self {
            Self::Exposures {
                with_times: true, ..
            } => 8,
            Self::Contacts { .. } | Self::Exposures { .. } => 1,
            Self::Present { .. } => 4,
            Self::Density { .. } => 5,
        }
    }
}

/// A question the graph is answering.
enum Looking {
    Contacts(Search),
    Exposures(Search, bool),
    Visits(Presence),
    Cells(Density),
}

impl Looking {
    /// Goes on until the slice is over.
    fn go_on(&mut self, graph: &Graph, slice: Slice) -> Progress {
        loop {
            let progress = match self {
                Self::Contacts(search) | Self::Exposures(search, _) => search.step(graph, STEP),
                Self::Visits(presence) => presence.step(graph, STEP),
                Self::Cells(density) => density.step(graph, STEP),
            };
            if progress != Progress::More || slice.is_over() {
                return progress;
            }
        }
    }

    /// Whether all of the answer is as of one moment, for which the graph must be watched.
    fn is_of_one_moment(&self) -> bool {
        !matches!(self, Self::Cells(_))
    }

    fn look_through(&mut self, journal: u64) {
        if let Self::Contacts(search) | Self::Exposures(search, _) = self {
            search.look_through(journal);
        }
    }

    /// How many rows the answer has.
    fn len(&self) -> usize {
        match self {
            Self::Contacts(search) | Self::Exposures(search, _) => search.len(),
            Self::Visits(presence) => presence.len(),
            Self::Cells(density) => density.len(),
        }
    }

    /// Whether what was found can be answered.
    ///
    /// # Errors
    /// It is too much.
    fn check(&self) -> Result<()> {
        match self {
            Self::Cells(density) if density.is_too_large() => {
                Err(Rule::FewCells(density.most()).broken_by("to"))
            }
            _ => Ok(()),
        }
    }

    /// The next row of the answer.
    fn next<'a>(&'a mut self, graph: &'a Graph) -> Option<Row<'a>> {
        match self {
            Self::Contacts(search) => search.next_contact(graph).map(Row::Contact),
            Self::Exposures(search, with_times) => {
                let exposure = search.next_exposure(graph)?;
                Some(if *with_times {
                    Row::Exposure(exposure)
                } else {
                    Row::Contact(exposure.contact)
                })
            }
            Self::Visits(presence) => presence.next(graph).map(Row::Visit),
            Self::Cells(density) => density.next_cell().map(Row::Cell),
        }
    }

    /// Gives back what it worked with.
    fn end(self) {
        if let Self::Contacts(search) | Self::Exposures(search, _) = self {
            scratch::put(search.into_scratch());
        }
    }
}

/// A row of the answer.
enum Row<'g> {
    Contact(&'g [u8]),
    Exposure(Exposure<'g>),
    Visit(VisitOf<'g>),
    Cell(Together<'g>),
}

impl Row<'_> {
    fn reply(&self, context: Context<'_>) {
        match self {
            Self::Contact(contact) => context.reply_bytes(contact),
            Self::Exposure(exposure) => {
                context.reply_array(6);
                context.reply_bytes(exposure.contact);
                context.reply_integer(exposure.order as u64);
                context.reply_bytes(word(exposure.priority).as_bytes());
                context.reply_integer(exposure.first);
                context.reply_integer(exposure.last);
                context.reply_integer(exposure.total);
            }
            Self::Visit(visit) => context.reply_visit(visit),
            Self::Cell(cell) => {
                context.reply_array(4);
                context.reply_bytes(cell.space);
                context.reply_integer(cell.hour);
                context.reply_integer(cell.minutes);
                context.reply_integer(cell.peak);
            }
        }
    }
}

/// How many questions wait, or are under way.
pub(crate) fn waiting() -> u64 {
    WAITING.with_borrow(|waiting| waiting.len() as u64)
}

/// Answers the client of `call`, now or later.
///
/// # Errors
/// As [`Key::value`].
pub(crate) fn answer(call: &Call<'_>, asked: Asked) -> Result<()> {
    let context = call.context;
    let mut key = call.open(Mode::Read);
    let name = key.name();
    let Some(value) = key.value()? else {
        context.reply_array(0);
        return Ok(());
    };
    let divisible = !context.is_indivisible();
    let slice = if divisible {
        Slice::of(SLICE)
    } else {
        Slice::WHOLE
    };
    let graph = value.graph();
    let mut looking = asked.begin(graph);
    let done = looking.go_on(graph, slice) == Progress::Done;
    if done {
        looking.check()?;
    }
    if done && (!divisible || looking.len() * asked.words() <= AT_ONCE) {
        context.reply_array(looking.len());
        while let Some(row) = looking.next(graph) {
            row.reply(context);
        }
        looking.end();
        return Ok(());
    }

    metrics::QUESTIONS_SLICED.add(1);
    let client = BlockedClient::new(context);
    let place = Place {
        database: context.database(),
        key: name.bytes().to_vec(),
    };
    let state = if waiting() > 0 {
        State::Waiting
    } else {
        State::looking(value, looking)
    };
    let reading = Reading {
        client,
        place,
        asked,
        state,
        attempts: 0,
    };
    WAITING.with_borrow_mut(|waiting| waiting.push_back(reading));
    if !TIMER_RUNS.replace(true) {
        ffi::after::<Reader>(context, PAUSE);
    }
    Ok(())
}

/// A question whose client waits.
struct Reading {
    client: BlockedClient,
    place: Place,
    asked: Asked,
    state: State,
    /// How often it has started anew.
    attempts: u32,
}

/// How far it is.
enum State {
    /// Its turn has not come, or comes again.
    Waiting,
    /// Looking, under the graph's journal of this number, then reading the answer off.
    Looking {
        number: u64,
        looking: Box<Looking>,
        rows: Rows,
    },
    /// Writing what no longer depends on the graph; so many rows have been written.
    Writing { answer: Answer, written: usize },
}

impl State {
    /// A question that goes on, in the breath in which it began.
    fn looking(value: &mut Value, mut looking: Looking) -> Self {
        let number = LAST_NUMBER.get() + 1;
        LAST_NUMBER.set(number);
        value.question = number;
        if looking.is_of_one_moment() {
            value.mutate(|graph| graph.watch(number));
            looking.look_through(number);
        }
        Self::Looking {
            number,
            looking: Box::new(looking),
            rows: Rows::default(),
        }
    }
}

/// An answer that is no longer bound to the graph.
enum Answer {
    Rows(Rows),
    /// These never were.
    Cells(Box<Density>),
}

/// Rows with ids of their own.
#[derive(Default)]
struct Rows {
    /// All ids, one after another, and where each ends.
    ids: Vec<u8>,
    ends: Vec<usize>,
    /// What else each row says, where it says more.
    rest: Vec<Rest>,
}

/// A row without its id.
enum Rest {
    Exposure {
        order: Order,
        priority: Priority,
        first: Millis,
        last: Millis,
        total: Millis,
    },
    Visit(Millis, Millis),
}

impl Answer {
    fn new(looking: Looking, rows: Rows) -> Self {
        match looking {
            Looking::Cells(density) => Self::Cells(Box::new(density)),
            looking => {
                looking.end();
                Self::Rows(rows)
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Cells(density) => density.len(),
        }
    }

    /// Writes the row at that place; they are written in order.
    fn reply(&mut self, at: usize, context: Context<'_>) {
        match self {
            Self::Rows(rows) => rows.row(at).reply(context),
            Self::Cells(density) => {
                if let Some(cell) = density.next_cell() {
                    Row::Cell(cell).reply(context);
                }
            }
        }
    }
}

impl Rows {
    fn push(&mut self, row: &Row<'_>) {
        let id = match row {
            Row::Contact(contact) => contact,
            Row::Exposure(exposure) => {
                self.rest.push(Rest::Exposure {
                    order: exposure.order,
                    priority: exposure.priority,
                    first: exposure.first,
                    last: exposure.last,
                    total: exposure.total,
                });
                exposure.contact
            }
            &Row::Visit((visitor, start, end)) => {
                self.rest.push(Rest::Visit(start, end));
                visitor
            }
            Row::Cell(_) => return, // never read off
        };
        self.ids.extend_from_slice(id);
        self.ends.push(self.ids.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, at: usize) -> Row<'_> {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let id = &self.ids[begin..self.ends[at]];
        match self.rest.get(at) {
            None => Row::Contact(id),
            Some(&Rest::Exposure {
                order,
                priority,
                first,
                last,
                total,
            }) => Row::Exposure(Exposure {
                contact: id,
                order,
                priority,
                first,
                last,
                total,
            }),
            Some(&Rest::Visit(start, end)) => Row::Visit((id, start, end)),
        }
    }

    /// Reads off what is bound to the graph, on from where it stopped; whether that is all.
    fn read(&mut self, looking: &mut Looking, graph: &Graph, piece: usize, slice: Slice) -> bool {
        if !looking.is_of_one_moment() {
            return true;
        }
        loop {
            for _ in 0..piece {
                let Some(row) = looking.next(graph) else {
                    return true;
                };
                self.push(&row);
            }
            if slice.is_over() {
                return false;
            }
        }
    }
}

impl Reading {
    /// Goes on until the slice is over; whether the answer is complete.
    fn advance(&mut self, context: Context<'_>, slice: Slice) -> Result<bool> {
        loop {
            let over = match &mut self.state {
                State::Writing { .. } => return Ok(self.write(slice)),
                _ => self.look(context, slice)?,
            };
            if !over && slice.is_over() {
                return Ok(false);
            }
        }
    }

    /// Goes on looking; whether there is nothing left to look for.
    fn look(&mut self, context: Context<'_>, slice: Slice) -> Result<bool> {
        let name = Name::new(&self.place.key);
        let mut key = None;
        let value = if context.select(self.place.database) {
            let key = key.insert(Key::open(context, &name, Mode::Housekeeping));
            key.value()?
        } else {
            None
        };
        let Some(value) = value else {
            // There is no graph now, which is the answer as of now.
            self.state = State::Writing {
                answer: Answer::Rows(Rows::default()),
                written: 0,
            };
            return Ok(true);
        };
        let piece = WORDS / self.asked.words();
        let is_shorter = self.asked.shorten(&Limits::current(context.now()));
        let State::Looking {
            number,
            looking,
            rows,
        } = &mut self.state
        else {
            let mut looking = self.asked.begin(value.graph());
            if self.attempts < ATTEMPTS {
                self.attempts += 1;
                self.state = State::looking(value, looking);
            } else {
                looking.go_on(value.graph(), Slice::WHOLE);
                looking.check()?;
                let mut rows = Rows::default();
                rows.read(&mut looking, value.graph(), piece, Slice::WHOLE);
                self.state = State::Writing {
                    answer: Answer::new(looking, rows),
                    written: 0,
                };
            }
            return Ok(false);
        };
        let graph = value.graph();
        let is_same = if looking.is_of_one_moment() {
            graph.is_watched(*number)
        } else {
            value.question == *number && !is_shorter
        };
        if !is_same {
            value.mutate(Graph::unwatch);
            self.state = State::Waiting;
            return Ok(false);
        }
        if looking.go_on(graph, slice) != Progress::Done {
            return Ok(false);
        }
        looking.check()?;
        if !rows.read(looking, graph, piece, slice) {
            return Ok(false);
        }
        value.mutate(Graph::unwatch);
        let State::Looking { looking, rows, .. } =
            std::mem::replace(&mut self.state, State::Waiting)
        else {
            return Err(Error::Internal); // it was a moment ago
        };
        self.state = State::Writing {
            answer: Answer::new(*looking, rows),
            written: 0,
        };
        Ok(true)
    }

    /// Goes on writing; whether everything is written.
    fn write(&mut self, slice: Slice) -> bool {
        let State::Writing { answer, written } = &mut self.state else {
            return false;
        };
        let piece = WORDS / self.asked.words();
        self.client.write(|context| {
            if *written == 0 {
                context.reply_array(answer.len());
            }
            while *written < answer.len() {
                let end = answer.len().min(*written + piece);
                (*written..end).for_each(|at| answer.reply(at, context));
                *written = end;
                if slice.is_over() {
                    break;
                }
            }
        });
        *written == answer.len()
    }

    /// Lets go of the graph, where nobody waits for the answer any more.
    fn abandon(self, context: Context<'_>) {
        if let State::Looking { number, .. } = self.state
            && context.select(self.place.database)
        {
            let name = Name::new(&self.place.key);
            let mut key = Key::open(context, &name, Mode::Housekeeping);
            if let Ok(Some(value)) = key.value()
                && value.graph().is_watched(number)
            {
                value.mutate(Graph::unwatch);
            }
        }
    }
}

/// The timer behind the slices; it runs while a question waits.
pub(crate) struct Reader;

impl Task for Reader {
    const AFTER_PANIC: Option<Duration> = Some(PAUSE);

    fn run(context: Context<'_>) -> Option<Duration> {
        let slice = Slice::of(SLICE);
        while let Some(mut reading) = WAITING.with_borrow_mut(VecDeque::pop_front) {
            if reading.client.has_left() {
                reading.abandon(context);
                continue;
            }
            match guard::catch(|| reading.advance(context, slice)) {
                Ok(false) => WAITING.with_borrow_mut(|waiting| waiting.push_front(reading)),
                Ok(true) => reading.client.end(),
                Err(error) => reading.client.answer(Err(error)),
            }
            if slice.is_over() {
                break;
            }
        }
        let goes_on = waiting() > 0;
        TIMER_RUNS.set(goes_on);
        goes_on.then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use lct_graph::HOUR;

    use super::*;

    #[test]
    fn no_hour_is_asked_about_any_more_that_began_to_expire_meanwhile() {
        let retention = crate::settings::RETENTION.millis();
        let mut asked = Asked::Density {
            space: None,
            from: 100 * HOUR,
            to: 102 * HOUR,
            k: 5,
            most: 9,
        };
        let mut shorten = |now| {
            let is_shorter = asked.shorten(&Limits::current(now));
            let Asked::Density { from, .. } = asked else {
                unreachable!("as it was made")
            };
            (is_shorter, from / HOUR)
        };
        assert_eq!(shorten(100 * HOUR + retention), (false, 100));
        assert_eq!(shorten(100 * HOUR + retention + 1), (true, 101));
        assert_eq!(shorten(101 * HOUR + retention), (false, 101));
        assert_eq!(shorten(110 * HOUR + retention), (true, 110));
    }
}
