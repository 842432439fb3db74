//! Graphs to come back to: what a change leaves to be done later, by timers and outside of the command that made it.

use std::collections::{HashSet, VecDeque};

use lct_graph::Graph;

use crate::ffi::Context;
use crate::value::Value;
use crate::{doorbell, standing};

/// Where a graph was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) database: i32,
    pub(crate) key: Vec<u8>,
}

/// Places in the order in which they were added, each once.
#[derive(Debug, Default)]
pub(crate) struct Places {
    queue: VecDeque<Place>,
    queued: HashSet<Place>,
}

impl Places {
    /// Adds a place at the end unless it is there already.
    pub(crate) fn add(&mut self, place: Place) {
        if self.queued.insert(place.clone()) {
            self.queue.push_back(place);
        }
    }

    /// Takes the first one.
    pub(crate) fn take(&mut self) -> Option<Place> {
        let place = self.queue.pop_front()?;
        self.queued.remove(&place);
        Some(place)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

/// Notes what the graph in `key` leaves to be done; called after every change, and by the rounds that look after what was
/// left lying. Only the server that leads does it: a replica is told of alerts, and somebody else rings for them.
pub(crate) fn note(context: Context<'_>, key: &[u8], value: &mut Value) {
    let (rings, stale) = (value.graph().has_rings(), value.graph().is_stale());
    if !rings && !stale {
        return;
    }
    if !context.leads() {
        value.mutate(Graph::drop_rings);
        return;
    }
    let place = || Place {
        database: context.database(),
        key: key.to_vec(),
    };
    if rings {
        doorbell::ring(context, place());
    }
    if stale {
        standing::look_at(context, place());
    }
}
