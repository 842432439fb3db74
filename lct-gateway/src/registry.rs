//! Who is connected to this gateway: which connections wait for a visitor's alerts.
//!
//! Visitors are kept and looked up by a hash, so that a message between gateways need not name one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::graphs::{Graph, Graphs};

/// How many connections are told at once to look into their inboxes when all are, and how long until the next so many:
/// 10,000 a second.
const LOT: usize = 200;
const LOT_PAUSE: Duration = Duration::from_millis(20);

/// A visitor of a graph, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place([u8; 16]);

impl Place {
    /// The place of this visitor in that graph.
    pub fn of(graphs: &Graphs, graph: Graph, visitor: &str) -> Self {
        Self::new(graphs.name(graph), visitor)
    }

    fn new(graph: &str, visitor: &str) -> Self {
        let hash = Sha256::new()
            .chain_update("lct-place-v1\0")
            .chain_update(graph)
            .chain_update("\0")
            .chain_update(visitor)
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self(bytes)
    }

    /// As 32 hexadecimal digits.
    pub fn to_hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// Reads what [`Place::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).ok().filter(|_| plain)?;
        Some(Self(bits.to_be_bytes()))
    }
}

/// The connections by visitor. Cheap to clone: all clones are the same registry.
#[derive(Clone, Default)]
pub struct Registry {
    // A std mutex: it is held for a look-up, and never across an await.
    waiting: Arc<Mutex<HashMap<Place, Vec<Arc<Signal>>>>>,
}

/// What a connection is to do. Told twice before it does it, it does it once.
#[derive(Default)]
struct Signal {
    look: AtomicBool,
    leave: AtomicBool,
    told: Notify,
}

/// What a connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// There may be something new in the inbox.
    Look,
    /// The visitor was revoked.
    Leave,
}

impl Signal {
    fn tell(&self, what: Told) {
        match what {
            Told::Look => &self.look,
            Told::Leave => &self.leave,
        }
        .store(true, Ordering::Release);
        self.told.notify_one();
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Vec<Arc<Signal>>>> {
        // Nothing that panics runs under the lock, and every state of the map is a valid one.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection for a visitor's alerts, until the registration is dropped.
    pub fn register(&self, place: Place) -> Registration {
        let signal = Arc::new(Signal::default());
        self.lock()
            .entry(place)
            .or_default()
            .push(Arc::clone(&signal));
        Registration {
            registry: self.clone(),
            place,
            signal,
        }
    }

    /// Tells every connection of this visitor; how many those are.
    pub fn tell(&self, place: Place, what: Told) -> usize {
        let waiting = self.lock();
        let Some(signals) = waiting.get(&place) else {
            return 0;
        };
        signals.iter().for_each(|signal| signal.tell(what));
        signals.len()
    }

    /// Tells every connection to look into its inbox, so many at a time.
    pub async fn look_all(&self) {
        let signals: Vec<_> = self.lock().values().flatten().cloned().collect();
        for lot in signals.chunks(LOT) {
            lot.iter().for_each(|signal| signal.tell(Told::Look));
            tokio::time::sleep(LOT_PAUSE).await;
        }
    }
}

/// A connection's place in the registry.
pub struct Registration {
    registry: Registry,
    place: Place,
    signal: Arc<Signal>,
}

impl Registration {
    /// The next thing the connection is told. Cancel-safe. [`Told::Leave`] comes once.
    pub async fn next(&mut self) -> Told {
        loop {
            if self.signal.leave.swap(false, Ordering::AcqRel) {
                return Told::Leave;
            }
            if self.signal.look.swap(false, Ordering::AcqRel) {
                return Told::Look;
            }
            self.signal.told.notified().await;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.registry.lock().entry(self.place) {
            entry
                .get_mut()
                .retain(|signal| !Arc::ptr_eq(signal, &self.signal));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_device_of_the_visitor_and_nobody_else() {
        let registry = Registry::default();
        let a = Place::new("lct", "a");
        let mut phone = registry.register(a);
        let mut watch = registry.register(a);
        let _sandbox = registry.register(Place::new("Sandbox", "a"));
        let _other = registry.register(Place::new("lct", "b"));
        assert_eq!(registry.tell(a, Told::Look), 2);
        assert_eq!(phone.next().await, Told::Look);
        assert_eq!(watch.next().await, Told::Look);
        drop(phone);
        assert_eq!(registry.tell(a, Told::Look), 1);
        drop(watch);
        assert_eq!(registry.tell(a, Told::Look), 0);
        assert_eq!(registry.lock().len(), 2);
    }

    #[tokio::test]
    async fn told_twice_is_told_once_and_leaving_comes_first() {
        let registry = Registry::default();
        let a = Place::new("lct", "a");
        let mut phone = registry.register(a);
        registry.tell(a, Told::Look);
        registry.look_all().await;
        registry.tell(a, Told::Leave);
        assert_eq!(phone.next().await, Told::Leave);
        assert_eq!(phone.next().await, Told::Look);
        let more = tokio::time::timeout(Duration::from_millis(20), phone.next()).await;
        assert!(more.is_err());
    }

    #[test]
    fn a_place_names_nobody_and_comes_back_from_its_digits() {
        let place = Place::new("lct", "weeFox");
        assert!(!place.to_hex().contains("weeFox"));
        assert_eq!(Place::from_hex(&place.to_hex()), Some(place));
        assert_ne!(place, Place::new("Sandbox", "weeFox"));
        assert_eq!(Place::from_hex(&"+1".repeat(16)), None);
        assert_eq!(Place::from_hex("12"), None);
    }
}
