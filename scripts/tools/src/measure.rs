//! Numbers that every measurement gives.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Error;

/// The middle one; NaN if there is none.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The one below which that share of them lies, 0 to 1; NaN if there is none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share) as usize;
    let place = place.min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// Seconds of processor time this thread has used so far.
///
/// # Errors
/// What the system says.
pub fn thread_cpu() -> Result<f64, Error> {
    scheduled("/proc/thread-self/schedstat", 0)
}

/// Seconds of processor time a process has used so far, all threads it has together; 0 if it has ended.
pub fn process_cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    // A thread that ends meanwhile has done little.
    threads
        .filter_map(|thread| scheduled(thread.path().join("schedstat"), 0).ok())
        .sum()
}

/// Seconds a process's main thread could have run, and other work had its core.
///
/// # Errors
/// What the system says.
pub fn kept_waiting(pid: u32) -> Result<f64, Error> {
    scheduled(format!("/proc/{pid}/schedstat"), 1)
}

/// Seconds in such a field of a thread's schedstat.
fn scheduled(path: impl AsRef<Path>, field: usize) -> Result<f64, Error> {
    let text = std::fs::read_to_string(path)?;
    let nanoseconds = text.split_whitespace().nth(field).unwrap_or_default();
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}

/// Writes what was measured into a file of that folder, whose name begins with that of the bench and ends with the time and
/// `mark`; gives its path.
///
/// # Errors
/// What the system says.
pub fn save(folder: &Path, bench: &str, mark: &str, numbers: &Value) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(folder)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let path = folder.join(format!("{bench}-{seconds}{mark}.json"));
    std::fs::write(&path, serde_json::to_string_pretty(numbers)?)?;
    Ok(path)
}

/// How busy the machine has been in the last minute, this run included; above its number of cores others had their share.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// What this runs on, for the record: all of it, also where this program is kept on one core.
pub fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let cores = processors
        .lines()
        .filter(|line| line.starts_with("processor"));
    json!({
        "cores": cores.count(),
        "processor": field(&processors, "model name"),
        "memory": field(&memory, "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}
