//! A visitor–space temporal interval graph: who was in the same space at the same time.
//!
//! A *visit* is an edge between a visitor and a space with the half-open interval `[start, end)`. The graph answers who
//! was exposed to an index case, at first hand or through somebody else, with every option of the contract, and keeps
//! up with people logging, correcting and deleting visits and with old visits expiring. It knows nothing of Redis and
//! nothing of the clock: whoever calls it says what time it is.
//!
//! # Structure
//!
//! Each visit is stored twice: with its visitor and with its space. Ids are interned ([`names`](self)), so that a visit
//! refers to either side by a number. A side's visits are a *timeline*, one *chunk* of packed rows or a sorted list of
//! them, see `chunk.rs` and `timeline.rs`.
//!
//! What a visit takes: a row in a chunk is a start, a length and a number in as few bits as the chunk's own rows need.
//! For a fortnight recorded to the minute that is 15 + 10 + 17 bits, 6 bytes a side; recorded to the millisecond 31 +
//! 27 + 18 bits, 10 bytes a side. To this come the slack of each chunk (it grows by the allocator's size classes, at
//! most a fifth) and the names with their timelines and hash entries: about 90 bytes a visitor or space, which at 56 visits
//! a visitor is 2 bytes a visit. Together 14 bytes a visit to the minute and 22 to the millisecond.
//!
//! | operation | cost, n visits of the visitor, m of the space |
//! |---|---|
//! | log, move or remove a visit | O(log n + log m) and two `memmove`s of at most 1 KiB; in order of arrival no search |
//! | a visitor's visits, who was present | O(log n + k) for k found; in a space at most some four times k rows are looked at |
//! | exposures of order 1 | one look-up in a space for each visit of the index case |
//! | … of order 2 | one more for each stay of a contact, those of one space joined |
//! | co-presence by space and hour | O(s log s) for the s visits to a space during some hours |
//! | forget a visitor | one removal for each visit |
//! | purge | looks at each visitor and space once, and at the rows that start before the limit |
//! | give a warning | as the question it asks, and about 100 ns for each visitor alerted |
//! | log a visit while warnings stand | a look-up of its space; a comparison with each index case who was there then |
//! | an inbox | a look at each warning that alerted the visitor |
//! | counts, memory | O(1) |
//!
//! A question can be answered in steps between which the graph changes (`search.rs`); it sees the graph as it was when
//! it began (`journal.rs`).
//!
//! A *warning* alerts whomever its terms find when it is given, and goes on doing so while visits are logged that are
//! not late (`alerting.rs`). Whom it ever alerted is remembered with it (`warnings.rs`), inboxes are what the warnings
//! say (`inbox.rs`). Warnings and recipients refer to visitors and spaces by number, as visits do, and a name stays as
//! long as anything refers to it.

#![forbid(unsafe_code)]

mod alerting;
mod chunk;
mod codec;
mod codec_warnings;
mod crowd;
mod density;
mod digest;
mod exposure;
mod graph;
mod id;
mod inbox;
mod journal;
mod loading;
mod members;
mod memory;
mod names;
mod order;
mod pile;
mod prefetch;
mod presence;
mod purge;
mod revocation;
mod runs;
mod search;
mod spans;
mod table;
mod timeline;
mod warning;
mod warnings;
mod windows;

pub use codec::{DecodeError, LoadError, MAX_PART_BYTES, Part};
pub use density::{Cell, Density, HOUR, MAX_CELLS};
pub use exposure::{Exposure, HIGH_WITHIN, MEDIUM_WITHIN, Order, Priority, Question, Scratch};
pub use graph::{Graph, Logged, Revoked, Stats, Visit, VisitOf};
pub use id::{IdError, MAX_ID_BYTES, check_id};
pub use loading::Loader;
pub use presence::Presence;
pub use purge::{PurgeCut, PurgeProgress};
pub use search::{Progress, Search};
pub use warning::{
    AlertId, AlertOf, AlertState, Forgotten, Moment, NoAlertId, Reason, Retracted, Ring, Source,
    Taken, Warn, Warned, WarningOf, WarningState,
};

/// A point in time, counted from the Unix epoch, or a length of time: whole milliseconds.
pub type Millis = u64;

/// The greatest time and the greatest length: 2^53 − 1, the last integer every JSON reader keeps exact.
pub const MAX_MILLIS: Millis = (1 << 53) - 1;
