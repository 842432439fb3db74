//! What a peer must be able to do to be compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lct_tools::{Error, thread_cpu};

use crate::work::{Question, Work};

/// A system that holds a city's visits and answers questions about them.
pub(crate) trait Peer {
    fn name(&self) -> &'static str;

    /// Version, design and where it runs, for people.
    fn about(&self) -> String;

    /// Seconds of processor time it has used so far.
    fn cpu(&self) -> Result<f64, Error>;

    /// Takes in visits, one by one and in bulk, and ends with all of them held.
    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error>;

    /// How many bytes the city takes; `None` where that says nothing.
    fn bytes(&mut self) -> Result<Option<f64>, Error>;

    /// Asks about a visitor, one question at a time.
    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error>;

    /// Whether a question of the second order is answered together with that of the first.
    fn answers_both_orders(&self) -> bool {
        false
    }

    /// A second client begins to read one visitor's visits, over and over. False: there can be none.
    fn watch(&mut self, work: &Work) -> Result<bool, Error>;

    /// Ends that; the longest it has waited for an answer.
    fn longest_wait(&mut self) -> Result<Duration, Error>;

    /// Removes the oldest day; `None`: it cannot.
    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error>;
}

/// An answer, and how long it took from asking to its last byte.
pub(crate) struct Answer {
    pub(crate) took: Duration,
    /// The visitors' ids as numbers, in no order: read when the clock has stopped.
    pub(crate) visitors: Box<dyn FnOnce() -> Result<Vec<u64>, Error>>,
}

/// What became of the oldest day.
pub(crate) struct Purge {
    pub(crate) took: Duration,
    pub(crate) removed: u64,
    /// How many there were to remove, in what the peer counts.
    pub(crate) expected: u64,
}

/// How fast visits went in.
pub(crate) struct Ingest {
    pub(crate) path: &'static str,
    pub(crate) visits: u64,
    pub(crate) seconds: f64,
    /// Seconds of processor time of the peer, and of this program.
    pub(crate) cpu: f64,
    pub(crate) client_cpu: f64,
}

impl Ingest {
    pub(crate) fn new(path: &'static str) -> Self {
        Self {
            path,
            visits: 0,
            seconds: 0.0,
            cpu: 0.0,
            client_cpu: 0.0,
        }
    }

    /// Counts what `work` does to some visits.
    pub(crate) fn add(
        &mut self,
        visits: usize,
        cpu: impl Fn() -> Result<f64, Error>,
        work: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (cpu_before, client_before) = (cpu()?, thread_cpu()?);
        let start = Instant::now();
        work()?;
        self.seconds += start.elapsed().as_secs_f64();
        self.client_cpu += thread_cpu()? - client_before;
        self.cpu += cpu()? - cpu_before;
        self.visits += visits as u64;
        Ok(())
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.visits as f64 / self.seconds
    }

    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.visits as f64 / self.cpu
    }

    /// What kept it from going faster.
    pub(crate) fn limit(&self) -> &'static str {
        const BUSY: f64 = 0.9;
        if self.cpu >= BUSY * self.seconds {
            "the peer"
        } else if self.client_cpu >= BUSY * self.seconds {
            "the client"
        } else {
            "neither: waiting, or other work here"
        }
    }
}

/// A second client in a thread of its own.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration, Error>>,
}

impl Watch {
    /// Calls `read` over and over, with a fifth of a millisecond in between.
    pub(crate) fn start(mut read: impl FnMut() -> Result<(), Error> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                read()?;
                longest = longest.max(start.elapsed());
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(longest)
        });
        Self { stop, thread }
    }

    pub(crate) fn longest(self) -> Result<Duration, Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the second client failed")?
    }
}
