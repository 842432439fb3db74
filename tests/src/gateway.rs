//! lct-gateway processes, and the phones that talk to them.

use crate::keys::{Keys, Role};
use crate::server::{free_port, signal};
use crate::{Server, binary};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A running gateway in open mode; ends with the value. After a failed test it shows the end of its log.
pub struct Gateway {
    command: Command,
    child: Child,
    address: SocketAddr,
    ops: SocketAddr,
    log: NamedTempFile,
}

impl Gateway {
    /// Starts a gateway on `server` and waits until it accepts connections.
    #[track_caller]
    pub fn start(server: &Server) -> Self {
        Self::with(server, &[])
    }

    /// The same with further flags.
    #[track_caller]
    pub fn with(server: &Server, flags: &[&str]) -> Self {
        Self::on(&format!("redis://127.0.0.1:{}", server.port()), flags)
    }

    /// The same with the Redis at this address, which need not be there.
    #[track_caller]
    pub fn on(redis: &str, flags: &[&str]) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let ops = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(binary("lct-gateway"));
        command
            .args(["--listen", &listen.to_string()])
            .args(["--ops-listen", &ops.to_string()])
            .args(auth(flags))
            .args(["--redis", redis])
            .args(flags);
        let log = NamedTempFile::new().expect("a log file");
        let child = spawn(&mut command, &log);
        let mut gateway = Gateway {
            command,
            child,
            address: listen,
            ops,
            log,
        };
        gateway.wait_until_it_listens();
        gateway
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().expect("the state of the gateway");
            assert!(
                ended.is_none() && start.elapsed() < Duration::from_secs(20),
                "the gateway does not listen: {ended:?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the process with a signal (`KILL`, `TERM`) and starts it again after a pause, at the same addresses and with
    /// the same flags.
    #[track_caller]
    pub fn restart_after(&mut self, signal: &str, pause: Duration) {
        self.signal(signal);
        self.ended(Duration::from_secs(60));
        std::thread::sleep(pause);
        self.child = spawn(&mut self.command, &self.log);
        self.wait_until_it_listens();
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators ask.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process: `TERM`, `HUP`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits until the process has ended; whether it called that a success.
    #[track_caller]
    pub fn ended(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of the gateway") {
                return status.success();
            }
            assert!(start.elapsed() < limit, "still running after {limit:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The answer of the operators' listener to a GET: status line, head and body.
    #[track_caller]
    pub fn ask(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.ops).expect("the operators' listener");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// One number of `/metrics`; 0 if it is not there (yet).
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.ask("/metrics");
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

/// Open mode, unless the flags say otherwise.
fn auth(flags: &[&str]) -> &'static [&'static str] {
    if flags.contains(&"--auth") {
        &[]
    } else {
        &["--auth", "open"]
    }
}

/// Starts the program; what it says is added to the log.
fn spawn(command: &mut Command, log: &NamedTempFile) -> Child {
    let output = || {
        let file = File::options().append(true).open(log.path());
        Stdio::from(file.expect("the log file"))
    };
    command
        .stdin(Stdio::null())
        .stdout(output())
        .stderr(output())
        .spawn()
        .expect("lct-gateway starts")
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("--- end of the gateway's log");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
            eprintln!("---");
        }
    }
}

/// How long a phone waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One person's client: a WebSocket that has said hello.
pub struct Phone {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    requests: u64,
    /// Every alert received so far, in order, each as the gateway sent it.
    pub alerts: Vec<Value>,
}

impl Phone {
    /// Connects and says hello as `user` in open mode.
    pub async fn connect(gateway: SocketAddr, user: &str) -> Self {
        let mut phone = Phone::open(gateway).await;
        phone.send(json!({"type": "hello", "userID": user})).await;
        let session = phone.next(&["session"]).await;
        assert_eq!(session["userID"], user, "the session's user: {session}");
        phone
    }

    /// Connects and says nothing yet.
    async fn open(gateway: SocketAddr) -> Self {
        let (socket, _) = connect_async(format!("ws://{gateway}/ws"))
            .await
            .expect("a WebSocket");
        Phone {
            socket,
            requests: 0,
            alerts: Vec::new(),
        }
    }

    /// Connects to a gateway with `--auth key` and proves to be this person, by the key of that role.
    pub async fn sign_in(gateway: SocketAddr, keys: &Keys, role: Role) -> Self {
        let mut phone = Phone::open(gateway).await;
        let challenge = phone.next(&["challenge"]).await;
        let nonce = challenge["nonce"].as_str().expect("a nonce");
        phone.send(keys.hello(role, "lct", nonce, "")).await;
        let session = phone.next(&["session"]).await;
        assert_eq!(session["userID"], keys.visitor(), "{session}");
        phone
    }

    /// Sends a message of that type and waits for its `ack`. Panics on an `error`.
    pub async fn ask(&mut self, kind: &str, message: Value) -> Value {
        let reply = self.ask_anything(kind, message).await;
        assert_eq!(reply["type"], "ack", "the reply to {kind}: {reply}");
        reply
    }

    /// Sends a message of that type, with an id of its own, and waits for its `ack` or `error`.
    pub async fn ask_anything(&mut self, kind: &str, mut message: Value) -> Value {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        message["type"] = kind.into();
        message["id"] = id.as_str().into();
        self.send(message).await;
        let reply = self.next(&["ack", "error"]).await;
        assert_eq!(reply["id"], id, "the id of the reply to {kind}: {reply}");
        reply
    }

    /// Waits until an alert with this reason has come.
    pub async fn wait_for_alert(&mut self, reason: &str) {
        assert!(
            self.hears_alert(reason, PATIENCE).await,
            "no alert with the reason {reason} in {PATIENCE:?}"
        );
    }

    /// Waits until so many alerts have come, each state of one counted.
    pub async fn wait_for_alerts(&mut self, count: usize) {
        while self.alerts.len() < count {
            self.next(&["exposureAlert"]).await;
        }
    }

    /// Whether an alert with this reason has come or comes within a time.
    pub async fn hears_alert(&mut self, reason: &str, within: Duration) -> bool {
        let heard = async {
            while !self.alerts.iter().any(|alert| alert["reason"] == reason) {
                self.next(&["exposureAlert"]).await;
            }
        };
        tokio::time::timeout(within, heard).await.is_ok()
    }

    async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("an open socket");
    }

    /// The next message of one of these types; alerts that come in between are kept, pings passed over, everything else is a failure.
    async fn next(&mut self, kinds: &[&str]) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let message = tokio::time::timeout_at(deadline, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("{PATIENCE:?} without {kinds:?}"));
            let text = match message.expect("an open socket").expect("a message") {
                Message::Text(text) => text,
                Message::Ping(_) | Message::Pong(_) => continue,
                other => panic!("instead of {kinds:?}: {other:?}"),
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            let kind = message["type"].as_str().expect("a type");
            if kind == "exposureAlert" {
                let alerts = message["alerts"].as_array().expect("alerts");
                self.alerts.extend(alerts.iter().cloned());
            }
            if kinds.contains(&kind) {
                return message;
            }
            assert!(
                ["exposureAlert", "ping"].contains(&kind),
                "instead of {kinds:?}: {message}"
            );
        }
    }
}
