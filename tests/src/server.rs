//! A server of one's own: started with the module, on a free port, in a folder of its own, and ended with the test.

use crate::{Client, Value, module};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What every server starts with; a test's own lines come after and win. Dumps stay legible, the log short, the replication stream free of
/// pings, and memory comes back with the command that frees it (Valkey would leave that to a thread).
const CONFIG: &str = "\
bind 127.0.0.1
save \"\"
appendonly no
rdbcompression no
enable-debug-command yes
enable-module-command yes
repl-diskless-sync no
repl-ping-replica-period 3600
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
lazyfree-lazy-server-del no
lazyfree-lazy-expire no
logfile server.log
";
/// The recorded data are of 2009 and 2013.
const NO_LIMITS: &str = "lct.retention 0\nlct.max-visit 0\nlct.max-ahead 0\n";

/// How to end a server.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// SHUTDOWN: it writes what its configuration says.
    Shutdown,
    /// SIGKILL: it writes nothing more.
    Kill,
}

/// How a server is to start.
#[derive(Debug, Clone)]
pub struct Builder {
    config: String,
    module: Option<PathBuf>,
    address_space_kib: Option<u64>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            config: format!("{CONFIG}{NO_LIMITS}"),
            module: Some(module()),
            address_space_kib: None,
        }
    }
}

impl Builder {
    /// Adds a line of redis.conf.
    pub fn conf(mut self, line: &str) -> Self {
        self.config.push_str(line);
        self.config.push('\n');
        self
    }

    /// Leaves out the module and its settings.
    pub fn without_module(mut self) -> Self {
        self.config = self.config.replace(NO_LIMITS, "");
        self.module = None;
        self
    }

    /// The module's settings as they come, without the tests' `0` for the limits.
    pub fn default_limits(mut self) -> Self {
        self.config = self.config.replace(NO_LIMITS, "");
        self
    }

    /// The redis.conf of this repository, with another module path, port and folder, and with the default user switched on.
    pub fn shipped() -> Self {
        let text = fs::read_to_string(crate::root().join("redis.conf")).expect("redis.conf");
        let replaced = ["loadmodule ", "port ", "dir ", "user default "];
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !replaced.iter().any(|word| line.starts_with(word)))
            .collect();
        Builder {
            config: format!("{}\nlogfile server.log\n", kept.join("\n")),
            ..Builder::default()
        }
    }

    /// Loads this module file instead.
    pub fn module(mut self, path: &Path) -> Self {
        self.module = Some(path.to_path_buf());
        self
    }

    /// Caps the server's address space, so that an absurd allocation ends it instead of passing unseen.
    pub fn address_space_kib(mut self, kib: u64) -> Self {
        self.address_space_kib = Some(kib);
        self
    }

    /// Starts the server and waits until it answers.
    pub fn start(self) -> Server {
        let folder = tempfile::Builder::new()
            .prefix("lct-test-")
            .tempdir()
            .expect("a temporary folder");
        let dir = folder.path().join("data");
        fs::create_dir(&dir).expect("a folder for the data");
        // Between finding a free port and listening on it somebody else may take it: try again.
        for _ in 0..5 {
            let port = free_port();
            let mut text = format!("port {port}\n{}", self.config);
            if let Some(module) = &self.module {
                // By a name without spaces, because CONFIG REWRITE does not quote it; beside the data, not among them.
                let link = folder.path().join("module.so");
                let _ = fs::remove_file(&link); // from an attempt before
                std::os::unix::fs::symlink(module, &link).expect("a link to the module");
                text = format!("loadmodule {}\n{text}", link.display());
            }
            fs::write(dir.join("redis.conf"), text).expect("a configuration file");
            match spawn(&dir, port, self.address_space_kib) {
                Ok(child) => {
                    return Server {
                        child,
                        _folder: folder,
                        dir,
                        port,
                        builder: self,
                    };
                }
                Err(log) if log.contains("Address already in use") => continue,
                Err(log) => panic!("the server did not start:\n{log}"),
            }
        }
        panic!("no free port in five attempts");
    }
}

/// A running server; ends with the value. After a failed test it shows the end of the server's log.
pub struct Server {
    child: Child,
    dir: PathBuf,
    /// Goes with the server.
    _folder: TempDir,
    port: u16,
    builder: Builder,
}

impl Server {
    /// With the module, without persistence, limits or retention.
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// The same with further lines of redis.conf.
    pub fn with(lines: &[&str]) -> Self {
        lines
            .iter()
            .fold(Builder::default(), |builder, line| builder.conf(line))
            .start()
    }

    /// A replica of `primary` with the same module; has not caught up yet.
    ///
    /// Until it has, no `DEBUG RELOAD` of the primary: it writes over the file the server is about to send, and the
    /// replica would be given commands that its snapshot already holds.
    pub fn replica_of(primary: &Server) -> Self {
        primary
            .builder
            .clone()
            .conf(&format!("replicaof 127.0.0.1 {}", primary.port))
            .start()
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port).expect("a connection to the server")
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process: `STOP`, `CONT`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// The folder that holds its configuration, data and log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        log_of(self.dir())
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the server as told and starts it again on the same port and folder.
    #[track_caller]
    pub fn restart(&mut self, stop: Stop) {
        self.restart_after(stop, Duration::ZERO);
    }

    /// The same with a pause in between.
    #[track_caller]
    pub fn restart_after(&mut self, stop: Stop, pause: Duration) {
        match stop {
            // The connection breaks before it answers.
            Stop::Shutdown => drop(self.client().send(&["SHUTDOWN"])),
            Stop::Kill => self.child.kill().expect("a running server"),
        }
        self.child.wait().expect("the server's end");
        std::thread::sleep(pause);
        match spawn(self.dir(), self.port, self.builder.address_space_kib) {
            Ok(child) => self.child = child,
            Err(log) => panic!("the server did not start again:\n{log}"),
        }
    }

    /// Adds a line to its redis.conf, for the next start.
    pub fn configure(&mut self, line: &str) {
        let path = self.dir().join("redis.conf");
        let text = fs::read_to_string(&path).expect("a configuration file");
        fs::write(&path, format!("{text}{line}\n")).expect("a configuration file");
    }

    /// The value of a line of INFO, over all sections.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let info = self.client().run("INFO everything").text();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field} in INFO"))
            .to_string()
    }

    /// Waits until a replica has received everything its primary wrote so far.
    #[track_caller]
    pub fn wait_in_sync(&self, primary: &Server) {
        crate::eventually("the replica is in sync", Duration::from_secs(60), || {
            self.info("role") == "slave"
                && self.info("master_link_status") == "up"
                && self.info("slave_repl_offset") == primary.info("master_repl_offset")
        });
    }
}

/// Sends a signal to a process of ours.
#[track_caller]
pub(crate) fn signal(pid: u32, name: &str) {
    let kill = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(kill.expect("kill").success(), "the signal was sent");
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- end of the server's log");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
            eprintln!("---");
        }
    }
}

/// Starts the program and waits until it has loaded everything; the log when it ended instead.
fn spawn(dir: &Path, port: u16, address_space_kib: Option<u64>) -> Result<Child, String> {
    let program = std::env::var("LCT_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
    drop(fs::remove_file(dir.join("server.log")));
    let limit = address_space_kib
        .map(|kib| format!("ulimit -v {kib} && "))
        .unwrap_or_default();
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limit}exec \"$0\" redis.conf"), &program])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let start = Instant::now();
    loop {
        if child.try_wait().expect("the state of the server").is_some() {
            return Err(format!("{program} ended\n{}", log_of(dir)));
        }
        let ready = Client::connect(port).and_then(|mut client| {
            client.send(&["PING"])?;
            client.receive()
        });
        // -LOADING while it reads its data.
        if ready.is_ok_and(|reply| reply == Value::Simple("PONG".into())) {
            return Ok(child);
        }
        if start.elapsed() > Duration::from_secs(60) {
            drop(child.kill());
            drop(child.wait());
            return Err(format!(
                "{program} did not answer within a minute\n{}",
                log_of(dir)
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn log_of(dir: &Path) -> String {
    String::from_utf8_lossy(&fs::read(dir.join("server.log")).unwrap_or_default()).into_owned()
}

/// A port nobody listened on a moment ago, of those that the system gives to nobody by itself: it stays free while its
/// server is being restarted.
pub(crate) fn free_port() -> u16 {
    (0..1000)
        .map(|_| rand::random_range(10_000..32_000))
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a free port")
}
