//! The floor: sorted arrays in this process, with nothing to parse, write or send. What it takes is what the question
//! itself takes; its answers are what all others are compared with.

use std::time::{Duration, Instant};

use lct_tools::{Error, Floor, thread_cpu};

use crate::peer::{Answer, Ingest, Peer, Purge};
use crate::work::{Question, Work};

pub(crate) struct InProcess<'w> {
    work: &'w Work,
    floor: Option<Floor<'w>>,
}

impl<'w> InProcess<'w> {
    pub(crate) fn new(work: &'w Work) -> Self {
        Self { work, floor: None }
    }
}

impl Peer for InProcess<'_> {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn about(&self) -> String {
        "sorted arrays in the client's process, read-only".into()
    }

    fn cpu(&self) -> Result<f64, Error> {
        thread_cpu()
    }

    fn load(&mut self, _: &Work) -> Result<Vec<Ingest>, Error> {
        self.floor = Some(Floor::new(&self.work.town));
        Ok(vec![])
    }

    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        Ok(None)
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let floor = self.floor.as_mut().ok_or("not loaded")?;
        let start = Instant::now();
        let found = floor.exposed(visitor, question.hours(), question.second());
        let took = start.elapsed();
        let number = |&visitor: &u32| work.town.visitor_number(visitor);
        let visitors: Vec<u64> = found.iter().map(number).collect();
        Ok(Answer {
            took,
            visitors: Box::new(|| Ok(visitors)),
        })
    }

    fn answers_both_orders(&self) -> bool {
        true
    }

    fn watch(&mut self, _: &Work) -> Result<bool, Error> {
        Ok(false)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        Err("nobody watches".into())
    }

    fn purge(&mut self, _: &Work) -> Result<Option<Purge>, Error> {
        Ok(None)
    }
}
