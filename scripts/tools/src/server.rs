//! A server under measurement: started for this run, in a folder of its own, without persistence, and ended with it.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, FromRedisValue};

use crate::Error;
use crate::measure::kept_waiting;

/// A running redis-server.
pub struct Server {
    process: Child,
    port: u16,
    /// Name and version, as the server gives them.
    pub version: String,
    // Removed when dropped, after the process has ended.
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts the server with the module and without limits on the age of visits; on one core, if given.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn start(program: &Path, module: &Path, core: Option<usize>) -> Result<Self, Error> {
        Self::start_module(program, module, &[], core)
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn start_module(
        program: &Path,
        module: &Path,
        more: &[&str],
        core: Option<usize>,
    ) -> Result<Self, Error> {
        let module = module
            .canonicalize()
            .map_err(|error| format!("{}: {error}", module.display()))?;
        let mut args = vec![OsStr::new("--loadmodule"), module.as_os_str()];
        args.extend(
            [
                "--lct.retention",
                "0",
                "--lct.max-visit",
                "0",
                "--lct.max-ahead",
                "0",
            ]
            .map(OsStr::new),
        );
        args.extend(more.iter().map(OsStr::new));
        Self::start_with(program, &args, core.map(|core| core.to_string()).as_deref())
    }

    /// Starts the server with these arguments after the usual ones; on some cores, if given (as taskset reads them).
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn start_with(program: &Path, args: &[&OsStr], cores: Option<&str>) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        // Free a moment ago; should another program be quicker, the server ends and says so.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = bound(program, cores);
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            // A bench may reload what it wrote, and compare.
            "--enable-debug-command",
            "local",
        ]);
        command.arg("--dir").arg(folder.path()).args(args);
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self {
            process,
            port,
            version: String::new(),
            _folder: folder,
        };

        let start = Instant::now();
        while server.ask::<String>(&["PING"]).is_err() {
            let ended = server.process.try_wait()?.is_some();
            if ended || start.elapsed() > Duration::from_secs(10) {
                let log = std::fs::read_to_string(server._folder.path().join("log"))?;
                return Err(format!("the server did not start:\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let info: String = server.ask(&["INFO", "server"])?;
        let field = |name: &str| {
            info.lines().find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(':')
                    .map(str::to_owned)
            })
        };
        server.version = match (field("valkey_version"), field("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, version) => format!("Redis {}", version.unwrap_or_default()),
        };
        Ok(server)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection that sends at once.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn connect(&self) -> Result<TcpStream, Error> {
        let connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }

    /// Empties the server and gives the memory back, before it answers.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn flush(&self) -> Result<(), Error> {
        self.ask::<()>(&["FLUSHALL", "SYNC"])?;
        self.ask::<()>(&["MEMORY", "PURGE"])
    }

    /// Seconds of processor time the server has used so far, all its threads together: what /proc shows, but to the microsecond.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn cpu(&self) -> Result<f64, Error> {
        Ok(self.info("cpu", "used_cpu_user")? + self.info("cpu", "used_cpu_sys")?)
    }

    /// Seconds its main thread could have run, and other work had its core.
    ///
    /// # Errors
    /// What the system says.
    pub fn kept_waiting(&self) -> Result<f64, Error> {
        kept_waiting(self.process.id())
    }

    /// Bytes of memory that are its own and in use.
    ///
    /// # Errors
    /// What the system says.
    pub fn resident(&self) -> Result<f64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(1024.0 * kib.ok_or("no VmRSS in the server's status")?)
    }

    /// A number of INFO.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn info(&self, section: &str, field: &str) -> Result<f64, Error> {
        let info: String = self.ask(&["INFO", section])?;
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value
            .ok_or_else(|| format!("no {field} in INFO {section}"))?
            .parse()?)
    }

    /// A number of LCT.INFO.
    ///
    /// # Errors
    /// What the system or the server says.
    pub fn graph_info(&self, graph: &str, field: &str) -> Result<f64, Error> {
        let pairs: Vec<(String, redis::Value)> = self.ask(&["LCT.INFO", graph])?;
        let value = pairs
            .into_iter()
            .find_map(|(name, value)| (name == field).then_some(value));
        Ok(redis::from_redis_value(
            value.ok_or_else(|| format!("no {field} in LCT.INFO"))?,
        )?)
    }

    fn ask<T: FromRedisValue>(&self, command: &[&str]) -> Result<T, Error> {
        let mut connection =
            Client::open(format!("redis://127.0.0.1:{}", self.port))?.get_connection()?;
        Ok(redis::cmd(command[0])
            .arg(&command[1..])
            .query(&mut connection)?)
    }
}

/// A command that runs on some cores, if given (as taskset reads them), and is killed when the thread that starts it
/// ends, even if by a signal. Start what is to last in the main thread.
pub fn bound(program: &Path, cores: Option<&str>) -> Command {
    let mut words: Vec<&OsStr> = vec![];
    // Of util-linux, as is taskset; without it a killed run leaves its servers.
    if Path::new(SETPRIV).exists() {
        words.extend([SETPRIV, "--pdeathsig", "KILL"].map(OsStr::new));
    }
    if let Some(cores) = cores {
        words.extend(["taskset", "-c", cores].map(OsStr::new));
    }
    words.push(program.as_os_str());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

const SETPRIV: &str = "/usr/bin/setpriv";

impl Drop for Server {
    fn drop(&mut self) {
        // Ours alone, and nothing in it is worth keeping.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
