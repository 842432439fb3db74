//! What the programs behind scripts/load and scripts/bench share: files of visits, servers to measure, progress, numbers for people.

mod measure;
mod progress;
mod server;
mod visits;

pub use measure::{load_average, median};
pub use progress::{Progress, grouped};
pub use server::Server;
pub use visits::{HEADER, VisitFile, VisitFileError, VisitRow};

/// Why a measurement could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
