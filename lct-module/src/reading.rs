//! Questions too heavy for one step, answered in slices.
//!
//! A question is answered at once where that takes no longer than a slice. Otherwise its client waits, and a timer goes
//! on with it, one question after another; the server serves its clients between two slices. What a waiting client is
//! told is the answer as of one moment between its call and the reply: while a question is under way the graph notes
//! what changes, and the search sees what was (`lct_graph::Graph::watch`). Where that is impossible (an erasure, a purge
//! that begins, another graph in the key) the question starts anew, and after a few times it is answered in one piece.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use lct_graph::{Exposure, Graph, Order, Priority, Progress, Question, Search};

use crate::errands::Place;
use crate::error::{Error, Result};
use crate::ffi::{self, BlockedClient, Call, Context, Key, Mode, Name, Task, guard};
use crate::options::word;
use crate::slice::Slice;
use crate::value::Value;
use crate::{metrics, scratch};

/// How long one slice may last.
const SLICE: Duration = Duration::from_millis(4);
/// How long the server's clients have between two slices.
const PAUSE: Duration = Duration::from_millis(1);
/// Rows' worth of work between two looks at the clock; some 200 µs.
const STEP: usize = 10_000;
/// Contacts read or written between two looks at the clock, and how many are replied at once; some 30 ns each, ten
/// times that with times.
const CONTACTS: usize = 5_000;
const AT_ONCE: usize = 50_000;
/// How often a question may start anew.
const ATTEMPTS: u32 = 8;

thread_local! {
    /// The questions that wait; the first one is under way.
    static WAITING: RefCell<VecDeque<Reading>> = RefCell::default();
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
    static TIMER_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// Who was exposed to a visitor.
pub(crate) struct Asked {
    pub(crate) visitor: Vec<u8>,
    pub(crate) question: Question,
    pub(crate) form: Form,
}

/// What the answer looks like.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Contacts, a set.
    Set,
    /// The first so many exposures in order.
    Sorted { count: usize, with_times: bool },
}

impl Form {
    fn has_times(self) -> bool {
        matches!(self, Self::Sorted { with_times, .. } if with_times)
    }

    /// How many contacts take as long as `contacts` without times.
    fn worth(self, contacts: usize) -> usize {
        if self.has_times() {
            contacts / 10
        } else {
            contacts
        }
    }
}

impl Asked {
    fn search(&self, graph: &Graph) -> Search {
        match self.form {
            Form::Set => graph.ask_contacts(&self.visitor, &self.question, scratch::take()),
            Form::Sorted { count, .. } => {
                graph.ask_exposures(&self.visitor, &self.question, count, scratch::take())
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
    let mut search = asked.search(graph);
    let done = go_on(&mut search, graph, slice) == Progress::Done;
    if done && (!divisible || search.len() <= asked.form.worth(AT_ONCE)) {
        reply(context, graph, &mut search, asked.form);
        scratch::put(search.into_scratch());
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
        State::searching(value, search)
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

fn go_on(search: &mut Search, graph: &Graph, slice: Slice) -> Progress {
    loop {
        let progress = search.step(graph, STEP);
        if progress != Progress::More || slice.is_over() {
            return progress;
        }
    }
}

/// Replies with what was found, straight from the graph.
fn reply(context: Context<'_>, graph: &Graph, search: &mut Search, form: Form) {
    context.reply_array(search.len());
    match form {
        Form::Set => {
            for contact in search.contacts(graph, 0) {
                context.reply_bytes(contact);
            }
        }
        Form::Sorted { with_times, .. } => {
            while let Some(exposure) = search.next_exposure(graph) {
                reply_exposure(context, &exposure, with_times);
            }
        }
    }
}

fn reply_exposure(context: Context<'_>, exposure: &Exposure<'_>, with_times: bool) {
    if !with_times {
        context.reply_bytes(exposure.contact);
        return;
    }
    context.reply_array(6);
    context.reply_bytes(exposure.contact);
    context.reply_integer(exposure.order as u64);
    context.reply_bytes(word(exposure.priority).as_bytes());
    context.reply_integer(exposure.first);
    context.reply_integer(exposure.last);
    context.reply_integer(exposure.total);
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
    Searching {
        number: u64,
        search: Box<Search>,
        answer: Answer,
    },
    /// Writing what no longer depends on the graph; so many contacts have been written.
    Writing { answer: Answer, written: usize },
}

impl State {
    /// A search that goes on, in the breath in which it began.
    fn searching(value: &mut Value, mut search: Search) -> Self {
        let number = LAST_NUMBER.get() + 1;
        LAST_NUMBER.set(number);
        value.mutate(|graph| graph.watch(number));
        search.look_through(number);
        Self::Searching {
            number,
            search: Box::new(search),
            answer: Answer::default(),
        }
    }
}

/// An answer that is no longer bound to the graph.
#[derive(Default)]
struct Answer {
    /// All ids, one after another, and where each ends.
    ids: Vec<u8>,
    ends: Vec<usize>,
    /// What belongs to each, with times.
    times: Vec<Times>,
}

struct Times {
    order: Order,
    priority: Priority,
    first: u64,
    last: u64,
    total: u64,
}

impl Answer {
    fn push(&mut self, contact: &[u8]) {
        self.ids.extend_from_slice(contact);
        self.ends.push(self.ids.len());
    }

    fn push_exposure(&mut self, exposure: &Exposure<'_>, with_times: bool) {
        self.push(exposure.contact);
        if with_times {
            self.times.push(Times {
                order: exposure.order,
                priority: exposure.priority,
                first: exposure.first,
                last: exposure.last,
                total: exposure.total,
            });
        }
    }

    fn contact(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ids[begin..self.ends[at]]
    }

    /// Writes the contact at a place.
    fn write(&self, context: Context<'_>, at: usize) {
        let contact = self.contact(at);
        match self.times.get(at) {
            None => context.reply_bytes(contact),
            Some(times) => {
                let exposure = Exposure {
                    contact,
                    order: times.order,
                    priority: times.priority,
                    first: times.first,
                    last: times.last,
                    total: times.total,
                };
                reply_exposure(context, &exposure, true);
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
                _ => self.search(context, slice)?,
            };
            if !over && slice.is_over() {
                return Ok(false);
            }
        }
    }

    /// Goes on looking; whether there is nothing left to look for.
    fn search(&mut self, context: Context<'_>, slice: Slice) -> Result<bool> {
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
                answer: Answer::default(),
                written: 0,
            };
            return Ok(true);
        };
        let State::Searching {
            number,
            search,
            answer,
        } = &mut self.state
        else {
            if self.attempts < ATTEMPTS {
                self.attempts += 1;
                self.state = State::searching(value, self.asked.search(value.graph()));
            } else {
                let mut search = self.asked.search(value.graph());
                go_on(&mut search, value.graph(), Slice::WHOLE);
                let mut answer = Answer::default();
                read(
                    &mut search,
                    value.graph(),
                    self.asked.form,
                    &mut answer,
                    Slice::WHOLE,
                );
                scratch::put(search.into_scratch());
                self.state = State::Writing { answer, written: 0 };
            }
            return Ok(false);
        };
        let graph = value.graph();
        if !graph.is_watched(*number) {
            value.mutate(Graph::unwatch);
            self.state = State::Waiting;
            return Ok(false);
        }
        if go_on(search, graph, slice) != Progress::Done
            || !read(search, graph, self.asked.form, answer, slice)
        {
            return Ok(false);
        }
        value.mutate(Graph::unwatch);
        let State::Searching { search, answer, .. } =
            std::mem::replace(&mut self.state, State::Waiting)
        else {
            return Err(Error::Internal); // it was a moment ago
        };
        scratch::put(search.into_scratch());
        self.state = State::Writing { answer, written: 0 };
        Ok(true)
    }

    /// Goes on writing; whether everything is written.
    fn write(&mut self, slice: Slice) -> bool {
        let State::Writing { answer, written } = &mut self.state else {
            return false;
        };
        let piece = self.asked.form.worth(CONTACTS);
        self.client.write(|context| {
            if *written == 0 {
                context.reply_array(answer.ends.len());
            }
            while *written < answer.ends.len() {
                let end = answer.ends.len().min(*written + piece);
                (*written..end).for_each(|at| answer.write(context, at));
                *written = end;
                if slice.is_over() {
                    break;
                }
            }
        });
        *written == answer.ends.len()
    }

    /// Lets go of the graph, where nobody waits for the answer any more.
    fn abandon(self, context: Context<'_>) {
        if let State::Searching { number, .. } = self.state
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

/// Reads the answer off, on from where it stopped; whether that is all.
fn read(search: &mut Search, graph: &Graph, form: Form, answer: &mut Answer, slice: Slice) -> bool {
    let piece = form.worth(CONTACTS);
    loop {
        let before = answer.ends.len();
        match form {
            Form::Set => {
                for contact in search.contacts(graph, before).take(piece) {
                    answer.push(contact);
                }
            }
            Form::Sorted { with_times, .. } => {
                for _ in 0..piece {
                    let Some(exposure) = search.next_exposure(graph) else {
                        break;
                    };
                    answer.push_exposure(&exposure, with_times);
                }
            }
        }
        if answer.ends.len() - before < piece {
            return true;
        }
        if slice.is_over() {
            return false;
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
