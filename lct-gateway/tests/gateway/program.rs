//! The program itself: what it logs, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::Client;
use crate::setup::{NO_REDIS, Redis, get};

/// A running program; gone when the test ends, however it ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn it_says_where_it_listens_logs_nothing_about_anyone_and_ends_on_sigterm() {
    let redis = match Redis::with_module().await {
        Some(redis) => Some(redis),
        None => Redis::plain().await,
    };
    let url = redis
        .as_ref()
        .map_or_else(|| NO_REDIS.to_owned(), Redis::url);
    let child = Command::new(env!("CARGO_BIN_EXE_lct-gateway"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--auth",
            "open",
            "--log-level",
            "debug",
        ])
        .env("RUST_LOG", "trace")
        .env("LCT_REDIS", &url)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let Program(child) = &mut Program(child);
    let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut text = String::new();
    log.read_line(&mut text).expect("a line");
    let address = |field: &str| -> SocketAddr {
        let (_, rest) = text.split_once(field).expect("the field");
        rest.split_whitespace()
            .next()
            .expect("an address")
            .parse()
            .expect("host and port")
    };
    let (clients, operators) = (address("clients=http://"), address("operators=http://"));

    let mut client = Client::hello(clients, "canary-visitor").await;
    for message in [
        json!({"type": "logVisit", "id": "canary-id", "place_id": "canary-place", "start": 77_777, "end": 77_778}),
        json!({"type": "exposureWarning", "warning": "ca9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e", "reason": 0}),
        json!({"type": "userFeedback", "text": "canary-text"}),
        json!({"type": "canary-type"}),
    ] {
        client.ask(message).await;
    }
    if let Some(redis) = &redis {
        let alert = "ca9a2233445566778899aabbccddeeff.1";
        let ring = json!([{"visitor": "canary-visitor", "alert": alert, "state": "active", "reason": "contact"}]);
        let _: u64 = redis
            .run(&["PUBLISH", "lct:alerts:lct", &ring.to_string()])
            .await;
        let _: u64 = redis
            .run(&["PUBLISH", "lct:alerts:lct", "canary-garbage"])
            .await;
    }
    let metrics = get(operators, "/metrics").await;

    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    assert_eq!(client.close_code().await, 4001);
    assert!(child.wait().expect("an end").success());
    log.read_to_string(&mut text).expect("the rest of the log");

    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains("ended")),
        "{text}"
    );
    assert!(text.contains("DEBUG lct_gateway"), "{text}");
    for secret in ["canary", "77777", "77778", "ca9a"] {
        assert!(!text.contains(secret), "{secret} in the log:\n{text}");
        assert!(
            !metrics.contains(secret),
            "{secret} in the metrics:\n{metrics}"
        );
    }
    // The only addresses are the gateway's own and Redis's.
    for word in text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':') {
        if word.starts_with("127.0.0.1:") {
            let known = [clients.to_string(), operators.to_string()];
            assert!(
                known.iter().any(|own| own == word) || url.ends_with(word),
                "{word}"
            );
        }
    }
}

#[test]
fn it_refuses_to_start_with_one_clear_line() {
    for (args, line) in [
        (
            &["--auth", "open", "--listen", "0.0.0.0:0"][..],
            "--listen: must be a loopback address with --auth open",
        ),
        (&["--graph", "Sandbox"], "--graph: must not be Sandbox"),
        (&["--auth", "none"], "must be key or open"),
        (&["--policy", "/nowhere"], "--policy: cannot read the file"),
        (&["--wait-visits"], "--wait-visits: needs --replicas"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_lct-gateway"))
            .args(args)
            .output()
            .expect("it runs");
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains(line), "{text}");
    }
}
