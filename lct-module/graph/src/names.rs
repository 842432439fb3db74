//! Ids interned once: each name has a small number, and at the number stands what belongs to it.
//!
//! Looking up is one probe of a hash table that holds nothing but (32 bits of hash, number), 8 bytes a name, then one
//! look at the name itself, which stands beside what belongs to it unless it is unusually long. The hash is SipHash-1-3
//! under a random key, std's own, so nobody can choose ids that collide. A large table is kept as many small ones,
//! because growing one means moving all its entries at once: with ten million names a shard that grows moves forty
//! thousand, a millisecond, and no command waits for more.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::memory::allocated;
use crate::prefetch::{self, TOGETHER};
use crate::table::Table;

/// Names kept in one allocation, once there are that many.
const PAGE: usize = 1024;
/// A table this large is divided.
const DIVIDE_AT: usize = 8192;
/// How many shards a divided table has: one for each value of eight bits.
const SHARDS: usize = 256;

/// The longest name kept in place: a UUID has 36 characters, a map's place id 27.
const IN_PLACE: usize = 38;

#[derive(Debug, Clone)]
enum Name {
    /// How many of the bytes are the name's.
    Short(u8, [u8; IN_PLACE]),
    Long(Box<[u8]>),
}

impl Name {
    /// No name: the number is free.
    const NONE: Self = Self::Short(0, [0; IN_PLACE]);

    fn new(name: &[u8]) -> Self {
        if name.len() > IN_PLACE {
            return Self::Long(name.into());
        }
        let mut bytes = [0; IN_PLACE];
        bytes[..name.len()].copy_from_slice(name);
        Self::Short(name.len() as u8, bytes)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }

    fn heap(&self) -> usize {
        match self {
            Self::Short(..) => 0,
            Self::Long(bytes) => allocated(bytes.len()),
        }
    }
}

#[derive(Debug, Clone)]
struct Slot<T> {
    name: Name,
    value: T,
}

/// What the table says of a name; whether it is that name has not been looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sought {
    hash: u64,
    likely: Option<u32>,
}

/// A set of names, each with a number and a value.
#[derive(Debug, Clone)]
pub(crate) struct Names<T> {
    hasher: RandomState,
    /// One table, or [`SHARDS`].
    tables: Vec<Table>,
    pages: Vec<Vec<Slot<T>>>,
    free: Vec<u32>,
    names: usize,
    /// Heap bytes of the long names.
    heap: usize,
}

impl<T: Default> Names<T> {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            tables: vec![Table::default()],
            pages: Vec::new(),
            free: Vec::new(),
            names: 0,
            heap: 0,
        }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.names
    }

    /// Every number is below this.
    pub(crate) fn bound(&self) -> usize {
        match self.pages.split_last() {
            Some((last, full)) => full.len() * PAGE + last.len(),
            None => 0,
        }
    }

    /// Heap bytes of names, numbers and slots, as the allocator rounds them; the values' own heap is theirs.
    pub(crate) fn heap(&self) -> usize {
        let tables: usize = self.tables.iter().map(Table::heap).sum();
        let pages: usize = match self.pages.as_slice() {
            [] => 0,
            [first, rest @ ..] => {
                allocated(first.capacity() * size_of::<Slot<T>>())
                    + rest.len() * allocated(PAGE * size_of::<Slot<T>>())
            }
        };
        self.heap
            + tables
            + pages
            + allocated(self.tables.capacity() * size_of::<Table>())
            + allocated(self.pages.capacity() * size_of::<Vec<Slot<T>>>())
            + allocated(self.free.capacity() * size_of::<u32>())
    }

    fn hash(&self, name: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name); // the hash covers how long it is
        hasher.finish()
    }

    /// Which table.
    fn table(&self, hash: u64) -> usize {
        if self.tables.len() == 1 {
            0
        } else {
            (hash >> 56) as usize
        }
    }

    /// Begins to look for a name: asks memory for its place in the table.
    pub(crate) fn seek(&self, name: &[u8]) -> Sought {
        let hash = self.hash(name);
        self.tables[self.table(hash)].ask(hash as u32);
        Sought { hash, likely: None }
    }

    /// Both at once.
    fn sought(&self, name: &[u8]) -> Sought {
        let mut sought = self.seek(name);
        self.aim(&mut sought);
        sought
    }

    /// Goes on looking: reads the table, and asks memory for the slot it says.
    #[inline]
    pub(crate) fn aim(&self, sought: &mut Sought) {
        let hash = sought.hash;
        sought.likely = self.tables[self.table(hash)].find(hash as u32, |_| true);
        if let Some(number) = sought.likely {
            self.ask_value(number);
            self.ask_name(number);
        }
    }

    /// What stands at the number the name seems to have: a byte of the name there, and the value.
    pub(crate) fn likely(&self, sought: &Sought) -> Option<(u8, &T)> {
        let number = sought.likely?;
        Some((*self.name(number).first()?, self.value(number)))
    }

    /// The number of a name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        self.confirm(name, &self.sought(name))
    }

    /// The number of a name that was sought.
    fn confirm(&self, name: &[u8], sought: &Sought) -> Option<u32> {
        match sought.likely {
            Some(number) if self.name(number) == name => Some(number),
            _ => {
                // Another name has the same hash, or this one has come since.
                self.tables[self.table(sought.hash)]
                    .find(sought.hash as u32, |number| self.name(number) == name)
            }
        }
    }

    /// The number of a name, which is new if need be.
    pub(crate) fn intern(&mut self, name: &[u8]) -> u32 {
        let sought = self.sought(name);
        self.intern_sought(name, &sought)
    }

    /// The number of a name that was sought, which is new if need be.
    pub(crate) fn intern_sought(&mut self, name: &[u8], sought: &Sought) -> u32 {
        match self.confirm(name, sought) {
            Some(number) => number,
            None => self.add(name, sought.hash),
        }
    }

    /// Gives a new name a number.
    fn add(&mut self, name: &[u8], hash: u64) -> u32 {
        let slot = Slot {
            name: Name::new(name),
            value: T::default(),
        };
        self.heap += slot.name.heap();
        let number = match self.free.pop() {
            Some(number) => {
                self.pages[number as usize / PAGE][number as usize % PAGE] = slot;
                number
            }
            None => {
                let number =
                    u32::try_from(self.bound()).expect("fewer than 2^32 names fit in memory");
                match self.pages.last_mut() {
                    Some(page) if page.len() < PAGE => page.push(slot),
                    // The first page grows as it fills, so that a small graph stays small.
                    None => self.pages.push(vec![slot]),
                    Some(_) => {
                        let mut page = Vec::with_capacity(PAGE);
                        page.push(slot);
                        self.pages.push(page);
                    }
                }
                number
            }
        };
        self.names += 1;
        let table = self.table(hash);
        self.tables[table].insert(hash as u32, number);
        if self.tables.len() == 1 && self.names > DIVIDE_AT {
            self.divide();
        }
        number
    }

    #[cold]
    fn divide(&mut self) {
        let mut tables = vec![Table::default(); SHARDS];
        for (hash, number) in self.tables[0].iter() {
            let shard = self.hash(self.name(number)) >> 56;
            tables[shard as usize].insert(hash, number);
        }
        self.tables = tables;
    }

    /// Frees a number.
    pub(crate) fn remove(&mut self, number: u32) {
        let slot = &mut self.pages[number as usize / PAGE][number as usize % PAGE];
        let name = std::mem::replace(&mut slot.name, Name::NONE);
        slot.value = T::default();
        let hash = self.hash(name.bytes());
        let table = self.table(hash);
        self.tables[table].remove(hash as u32, number);
        self.heap -= name.heap();
        self.names -= 1;
        self.free.push(number);
        if self.names == 0 {
            // Nothing refers to a number any more.
            *self = Self {
                hasher: self.hasher.clone(),
                ..Self::new()
            };
        }
    }

    /// The name of a number in use.
    pub(crate) fn name(&self, number: u32) -> &[u8] {
        self.pages[number as usize / PAGE][number as usize % PAGE]
            .name
            .bytes()
    }

    /// Asks memory for the name of a number, and waits for nothing.
    #[inline]
    pub(crate) fn ask_name(&self, number: u32) {
        let slot = &self.pages[number as usize / PAGE][number as usize % PAGE];
        prefetch::ask(slot);
        prefetch::ask(&slot.value); // where the name is on two cache lines
    }

    /// The same for its value.
    #[inline]
    pub(crate) fn ask_value(&self, number: u32) {
        let page = &self.pages[number as usize / PAGE];
        let at = number as usize % PAGE;
        prefetch::ask(&page[at].value);
        if let Some(next) = page.get(at + 1) {
            prefetch::ask(next);
        }
    }

    /// Whether the number is in use.
    pub(crate) fn is_used(&self, number: u32) -> bool {
        let page = self.pages.get(number as usize / PAGE);
        page.and_then(|page| page.get(number as usize % PAGE))
            .is_some_and(|slot| !slot.name.bytes().is_empty())
    }

    pub(crate) fn value(&self, number: u32) -> &T {
        &self.pages[number as usize / PAGE][number as usize % PAGE].value
    }

    /// For who goes through all numbers: every so often reads ahead what `touch` reads of the next values.
    pub(crate) fn prefetch(&self, number: u32, touch: impl Fn(&T) -> u8) {
        const { assert!(PAGE.is_multiple_of(TOGETHER), "they lie in one page") };
        let at = number as usize % PAGE;
        if at.is_multiple_of(TOGETHER) {
            let page = &self.pages[number as usize / PAGE];
            let next = page.iter().skip(at).take(TOGETHER);
            prefetch::touch(next.map(|slot| touch(&slot.value)));
        }
    }

    pub(crate) fn value_mut(&mut self, number: u32) -> &mut T {
        &mut self.pages[number as usize / PAGE][number as usize % PAGE].value
    }

    /// Every number in use.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.bound() as u32).filter(|&number| self.is_used(number))
    }
}
