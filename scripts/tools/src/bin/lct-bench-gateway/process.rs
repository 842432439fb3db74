//! A server process under measurement, and what the kernel says about it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lct_tools::{Error, process_cpu};

/// A process that serves WebSockets; ends with the value.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    /// Starts a command that listens on this port of the loopback, and waits until it does.
    pub(crate) fn start(command: &mut Command, port: u16) -> Result<Self, Error> {
        let log = tempfile::tempfile()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut process = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.child.try_wait()?.is_some() || start.elapsed() > Duration::from_secs(20) {
                return Err(format!("{} does not serve", command.get_program().display()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    /// Microseconds of processor time of all its threads so far.
    pub(crate) fn cpu(&self) -> f64 {
        1e6 * process_cpu(self.child.id())
    }

    /// KiB of memory that are its own and in use.
    pub(crate) fn memory(&self) -> Result<f64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.ok_or_else(|| "no VmRSS in the process's status".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ours alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listened on a moment ago.
pub(crate) fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// How many files this process may have open.
pub(crate) fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(1024)
}
