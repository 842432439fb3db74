//! The value of a key: the graph, and what the server needs to know about it besides its content.

use lct_graph::{Graph, Loader, Millis, Part, PurgeProgress};

use crate::error::{Error, Result};
use crate::ffi::guard;

/// A graph in the keyspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    graph: Graph,
    /// Whether a change was interrupted. It is set before each change and cleared after it, so that a panic in between
    /// leaves it set.
    damaged: bool,
    /// When this graph was last purged, in epoch milliseconds; 0 for never. No content: neither saved nor compared.
    pub(crate) last_purge: Millis,
    /// The number of the sweep at work on this graph; 0 for none.
    pub(crate) sweep: u64,
    /// The number of the last question that was asked of this graph in slices; 0 for none.
    pub(crate) question: u64,
}

impl Value {
    /// The graph, for questions.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The graph's counts.
    pub(crate) fn stats(&mut self) -> lct_graph::Stats {
        self.graph.stats()
    }

    /// Changes the graph. A panic in `change` leaves the value damaged: nothing reads, writes or saves it any more.
    pub(crate) fn mutate<T>(&mut self, change: impl FnOnce(&mut Graph) -> T) -> T {
        self.damaged = true;
        let result = guard::mutating(|| change(&mut self.graph));
        self.damaged = false;
        result
    }

    /// Adds a part, as [`Self::parts`] makes them. After an error the value is damaged.
    pub(crate) fn load(&mut self, part: &[u8]) -> Result<()> {
        self.load_all(std::iter::once(Ok(part)))
    }

    /// Adds parts. After an error, which may be the parts', the value is damaged.
    pub(crate) fn load_all<P: AsRef<[u8]>>(
        &mut self,
        parts: impl Iterator<Item = Result<P>>,
    ) -> Result<()> {
        self.damaged = true;
        let mut loader = Loader::new(&mut self.graph);
        for part in parts {
            loader.add(&Part::decode(part?.as_ref())?)?;
        }
        loader.finish();
        self.damaged = false;
        Ok(())
    }

    /// Whether a change was interrupted.
    pub(crate) const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether there is nothing left that would justify the key.
    pub(crate) fn is_retired(&self) -> bool {
        self.graph.is_empty() && !self.graph.purging()
    }

    /// The content as strings to save.
    pub(crate) fn parts(&self) -> Result<impl Iterator<Item = Vec<u8>> + '_> {
        self.intact().map(Graph::parts)
    }

    /// A copy for another key. It brings no purge along: the sweep that would end it belongs to this key.
    pub(crate) fn duplicate(&self) -> Result<Self> {
        let mut graph = self.intact()?.clone();
        while graph.purge_step(usize::MAX) == PurgeProgress::More {}
        graph.drop_rings(); // the original rings
        graph.unwatch(); // and answers
        Ok(Self {
            graph,
            last_purge: self.last_purge,
            ..Self::default()
        })
    }

    /// A digest of the content.
    pub(crate) fn digest(&self) -> Result<[u8; 32]> {
        self.intact().map(Graph::digest)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.graph.memory()
    }

    /// Blocks of memory, about.
    pub(crate) fn blocks(&self) -> usize {
        1 + self.graph.blocks()
    }

    fn intact(&self) -> Result<&Graph> {
        if self.damaged {
            Err(Error::Damaged)
        } else {
            Ok(&self.graph)
        }
    }
}
