//! Who is connected to this gateway: which connections wait for a visitor's alerts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::alerts::Alert;
use crate::graphs::Graph;
use crate::ids::VisitorId;

/// How many alerts may wait for one connection before it counts as too slow.
const QUEUE: usize = 64;

/// The connections by visitor. Cheap to clone: all clones are the same registry.
#[derive(Clone, Default)]
pub struct Registry {
    // A std mutex: it is held for a look-up and a few `try_send`s, and never across an await.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    waiting: HashMap<(Graph, VisitorId), Vec<Waiting>>,
}

struct Waiting {
    connection: u64,
    queue: mpsc::Sender<Arc<Alert>>,
}

/// What became of one alert here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Connections that got it into their queue.
    pub queued: usize,
    /// Connections that were given up because their queue was full.
    pub too_slow: usize,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that panics runs under the lock, and every state of the map is a valid one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection for a visitor's alerts, until the registration is dropped.
    pub fn register(&self, graph: Graph, visitor: VisitorId) -> Registration {
        let (queue, alerts) = mpsc::channel(QUEUE);
        let mut inner = self.lock();
        inner.next += 1;
        let connection = inner.next;
        let key = (graph, visitor);
        inner
            .waiting
            .entry(key.clone())
            .or_default()
            .push(Waiting { connection, queue });
        drop(inner);
        Registration {
            registry: self.clone(),
            key,
            connection,
            alerts,
        }
    }

    /// Queues an alert for every connection of this visitor.
    ///
    /// A connection whose queue is full is dropped from the registry, which ends its queue: the slow client is closed
    /// (and reads its alerts again when it is back), not the server held up.
    pub fn deliver(&self, graph: Graph, visitor: VisitorId, alert: &Arc<Alert>) -> Delivered {
        let mut delivered = Delivered::default();
        let mut inner = self.lock();
        if let Entry::Occupied(mut entry) = inner.waiting.entry((graph, visitor)) {
            entry.get_mut().retain(|waiting| {
                let sent = waiting.queue.try_send(Arc::clone(alert)).is_ok();
                if sent {
                    delivered.queued += 1;
                } else {
                    delivered.too_slow += 1;
                }
                sent
            });
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        delivered
    }
}

/// A connection's place in the registry and its queue of alerts.
pub struct Registration {
    registry: Registry,
    key: (Graph, VisitorId),
    connection: u64,
    alerts: mpsc::Receiver<Arc<Alert>>,
}

impl Registration {
    /// The next alert; `None` once the registry has given this connection up as too slow.
    pub async fn next(&mut self) -> Option<Arc<Alert>> {
        self.alerts.recv().await
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        if let Entry::Occupied(mut entry) = inner.waiting.entry(self.key.clone()) {
            entry
                .get_mut()
                .retain(|waiting| waiting.connection != self.connection);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::State;
    use crate::policy::Reason;

    fn alert() -> Arc<Alert> {
        Arc::new(Alert {
            alert: "00112233445566778899aabbccddeeff.1".parse().unwrap(),
            reason: Reason::Contact,
            state: State::Active,
            issued: 0,
        })
    }

    fn visitor(id: &str) -> VisitorId {
        VisitorId::new(id).unwrap()
    }

    fn counts(queued: usize, too_slow: usize) -> Delivered {
        Delivered { queued, too_slow }
    }

    #[tokio::test]
    async fn every_device_of_the_visitor_and_nobody_else() {
        let registry = Registry::default();
        let mut phone = registry.register(Graph::Main, visitor("a"));
        let mut watch = registry.register(Graph::Main, visitor("a"));
        let _sandbox = registry.register(Graph::Sandbox, visitor("a"));
        let _other = registry.register(Graph::Main, visitor("b"));
        assert_eq!(
            registry.deliver(Graph::Main, visitor("a"), &alert()),
            counts(2, 0)
        );
        assert!(phone.next().await.is_some() && watch.next().await.is_some());
        drop(phone);
        assert_eq!(
            registry.deliver(Graph::Main, visitor("a"), &alert()),
            counts(1, 0)
        );
        drop(watch);
        assert_eq!(
            registry.deliver(Graph::Main, visitor("a"), &alert()),
            counts(0, 0)
        );
        assert_eq!(registry.lock().waiting.len(), 2);
    }

    #[tokio::test]
    async fn a_full_queue_is_given_up_and_ends() {
        let registry = Registry::default();
        let mut slow = registry.register(Graph::Main, visitor("a"));
        for _ in 0..QUEUE {
            assert_eq!(
                registry.deliver(Graph::Main, visitor("a"), &alert()),
                counts(1, 0)
            );
        }
        assert_eq!(
            registry.deliver(Graph::Main, visitor("a"), &alert()),
            counts(0, 1)
        );
        assert!(registry.lock().waiting.is_empty());
        for _ in 0..QUEUE {
            assert!(slow.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
    }
}
