//! What the programs behind scripts/load, scripts/demo and scripts/bench share: files of visits, servers to measure, a floor to
//! measure against, requests as fast as they go, progress, numbers for people.

mod floor;
mod measure;
pub mod plots;
mod progress;
mod requests;
mod server;
mod visits;

pub use floor::{Crowd, Exposed, Floor};
pub use measure::{
    kept_waiting, load_average, machine, median, process_cpu, quantile, save, thread_cpu,
};
pub use progress::{Progress, grouped};
pub use requests::{Asker, Requests, elements, pack, pack_count, pack_word, run, strings};
pub use server::{Server, bound};
pub use visits::{HEADER, VisitFile, VisitFileError, VisitRow};

/// Why a measurement could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
