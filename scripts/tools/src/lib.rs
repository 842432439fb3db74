//! What the programs behind scripts/load and scripts/bench share: files of visits, progress, numbers for people.

mod progress;
mod visits;

pub use progress::{Progress, grouped};
pub use visits::{HEADER, VisitFile, VisitFileError, VisitRow};
