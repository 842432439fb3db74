//! Gateways and Redis servers of a test's own, gone when it ends.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Parser;
use lct_gateway::config::{Config, Flags};
use lct_gateway::gateway::Gateway;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Fivefold what anything here should take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An address where no Redis listens.
pub(crate) const NO_REDIS: &str = "redis://127.0.0.1:1";

/// A gateway with free ports, this Redis and these further flags; in open mode unless they say otherwise.
pub(crate) fn gateway(redis: &str, flags: &[&str]) -> Gateway {
    let fixed = [
        "lct-gateway",
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
        "--redis",
        redis,
    ];
    let open: &[&str] = if flags.contains(&"--auth") {
        &[]
    } else {
        &["--auth", "open"]
    };
    let flags = Flags::try_parse_from(fixed.iter().chain(open).chain(flags)).expect("flags");
    Gateway::start(Config::try_from(flags).expect("config")).expect("start")
}

/// A gateway without Redis.
pub(crate) fn lonely(flags: &[&str]) -> Gateway {
    gateway(NO_REDIS, flags)
}

/// The whole answer to a request without a body: status line, head and body, until the server closes.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(request.as_bytes()).await.expect("write");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("an answer in time")
        .expect("read");
    answer
}

/// GET from a listener; the whole answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
    .await
}

/// One number of `/metrics`.
pub(crate) async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let text = get(gateway.ops_address(), "/metrics").await;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map_or(0, |value| value.parse().expect("a whole number"))
}

/// Waits until a number of `/metrics` is this.
pub(crate) async fn until(gateway: &Gateway, name: &str, value: u64) {
    let reached = async {
        while metric(gateway, name).await != value {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        let is = metric(gateway, name).await;
        panic!("{name} is {is} instead of {value}");
    }
}

/// Waits until `/readyz` says yes.
pub(crate) async fn ready(gateway: &Gateway) {
    let mut answer = String::new();
    for _ in 0..200 {
        answer = get(gateway.ops_address(), "/readyz").await;
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not ready: {answer}");
}

/// A redis-server on a free port with a folder of its own; killed when dropped.
pub(crate) struct Redis {
    command: Command,
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// A server without the module; `None`, with a message, where there is no redis-server.
    pub(crate) async fn plain() -> Option<Self> {
        Self::start(&[]).await
    }

    /// A server with the module and without limits on visits; `None`, with a message, where one is missing.
    pub(crate) async fn with_module() -> Option<Self> {
        Self::with_module_and(&[]).await
    }

    /// A replica of this server, once it follows.
    pub(crate) async fn replica(&self) -> Self {
        let replicaof = format!("127.0.0.1 {}", self.port);
        let replica = Self::with_module_and(&["--replicaof", &replicaof]).await;
        let replica = replica.expect("a server like the first");
        for _ in 0..200 {
            let info: String = replica.run(&["INFO", "replication"]).await;
            if info.contains("master_link_status:up") {
                return replica;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the replica does not follow");
    }

    async fn with_module_and(extra: &[&str]) -> Option<Self> {
        let Some(module) = module() else {
            eprintln!(
                "SKIPPED: no LCT module; build it with `cargo build --release -p lct-module` or set LCT_MODULE"
            );
            return None;
        };
        let module = module.to_str().expect("a path in UTF-8");
        let settings = [
            "--lct.retention",
            "0",
            "--lct.max-visit",
            "0",
            "--lct.max-ahead",
            "0",
        ];
        Self::start(&[&["--loadmodule", module], &settings[..], extra].concat()).await
    }

    async fn start(extra: &[&str]) -> Option<Self> {
        // Free a moment ago; should another take it meanwhile, the server ends and the test says so.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let folder = TempDir::new().expect("a folder");
        let mut command = Command::new("redis-server");
        command
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
            ])
            .arg(folder.path())
            .args(extra)
            .stdout(Stdio::null());
        let Ok(child) = command.spawn() else {
            eprintln!("SKIPPED: no redis-server here");
            return None;
        };
        let mut redis = Self {
            command,
            child,
            port,
            _folder: folder,
        };
        redis.answers().await;
        Some(redis)
    }

    async fn answers(&mut self) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            if self.child.try_wait().expect("the server's state").is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server did not start");
    }

    /// Ends the server at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, with the same port and folder.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.child = self.command.spawn().expect("redis-server");
        self.answers().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Logs a visit and warns about it, as another gateway would.
    pub(crate) async fn meets_and_warns(&self, other: &str, n: u32) {
        let name = format!("warner-{n}");
        let (start, end) = (1_000_000 + u64::from(n) * 10, 1_000_009 + u64::from(n) * 10);
        let (start, end) = (start.to_string(), end.to_string());
        let _: u64 = self
            .run(&[
                "LCT.VISIT",
                "lct",
                &name,
                "x",
                &start,
                &end,
                other,
                "x",
                &start,
                &end,
            ])
            .await;
        let warning = format!("0d9a5e4c-6c1e-4f0a-9d6b-{n:012x}");
        let alerted: u64 = self
            .run(&["LCT.WARN", "lct", &warning, &name, "contact"])
            .await;
        assert_eq!(alerted, 1);
    }

    /// Runs one command.
    pub(crate) async fn run<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("url");
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .expect("connect");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await.expect("reply")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn module() -> Option<PathBuf> {
    let path = match std::env::var_os("LCT_MODULE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/release/liblct_module.so"
        )),
    };
    path.exists().then_some(path)
}
