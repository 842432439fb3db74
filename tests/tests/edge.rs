//! The gateway's edge, attacked: whoever is slow, greedy, foreign or wrong gets the answer that is written down for it, and everybody else
//! does not notice.

use futures_util::{SinkExt, StreamExt};
use lct_tests::{Builder, Gateway, Phone, Raw, Server, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

/// Where no Redis is: enough for whatever ends before a session.
const NO_REDIS: &str = "redis://127.0.0.1:1";

/// Fivefold what anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

/// Connects from another address of this machine, which is another network.
async fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((Ipv4Addr::from(source), 0).into())
        .expect("an address of this machine");
    socket.connect(address).await.expect("a connection")
}

async fn raw(gateway: &Gateway) -> Raw<TcpStream> {
    Raw::upgrade(connect(gateway.address()).await, "")
        .await
        .expect("an upgrade")
}

/// A raw client with a session.
async fn hello(gateway: &Gateway, user: &str) -> Raw<TcpStream> {
    let mut client = raw(gateway).await;
    client
        .say(&json!({"type": "hello", "userID": user}).to_string())
        .await;
    let session = client.text().await.expect("an answer to hello");
    assert!(session.contains(r#""type":"session""#), "{session}");
    client
}

/// The whole answer to a request, until the gateway closes.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address).await;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(read.expect("an end in time"));
    String::from_utf8(answer).expect("UTF-8")
}

fn retry_ms(reason: &str) -> u64 {
    let (_, ms) = reason
        .split_once("; retry_ms=")
        .expect("a pause in the reason");
    ms.parse().expect("a number")
}

/// Waits until the gateway closes a connection without a word.
async fn closed(mut stream: impl tokio::io::AsyncRead + Unpin, what: &str) {
    let read = timeout(PATIENCE, stream.read(&mut [0; 64])).await;
    let end = read.unwrap_or_else(|_| panic!("{what}: still open"));
    assert!(
        matches!(end, Ok(0) | Err(_)),
        "{what}: closed without an answer"
    );
}

// ---------------------------------------------------------------- Slow clients

#[tokio::test(flavor = "multi_thread")]
async fn the_slow_are_let_go_and_the_quick_do_not_notice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key, _) = certificate(folder.path(), "a");
    let server = Server::start();
    let gateway = Gateway::with(&server, &["--header-timeout", "1", "--hello-timeout", "1"]);
    let tls = Gateway::on(
        NO_REDIS,
        &[
            "--handshake-timeout",
            "1",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ],
    );
    // 200 that send half a request and then a byte now and then; 50 that stop in the middle of a TLS handshake; one that says no hello.
    let mut slow = Vec::new();
    for _ in 0..200 {
        let (mut read, mut write) = connect(gateway.address()).await.into_split();
        write
            .write_all(b"GET /ws HTTP/1.1\r\nX-Slow: ")
            .await
            .expect("a start");
        slow.push(tokio::spawn(async move {
            while write.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        }));
        slow.push(tokio::spawn(async move {
            let mut rest = Vec::new();
            drop(
                timeout(PATIENCE, read.read_to_end(&mut rest))
                    .await
                    .expect("let go"),
            );
        }));
    }
    for _ in 0..50 {
        let mut stream = connect(tls.address()).await;
        stream
            .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00])
            .await
            .expect("a start");
        slow.push(tokio::spawn(async move {
            closed(stream, "a TLS handshake").await
        }));
    }
    let mut silent = raw(&gateway).await;
    let start = Instant::now();
    let mut phone = Phone::connect(gateway.address(), "quick").await;
    phone
        .ask(
            "logVisit",
            json!({"place_id": "p", "start": 1000, "end": 2000}),
        )
        .await;
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "served beside them"
    );
    let (code, reason) = silent.close().await;
    assert_eq!(code, 4002, "{reason}");
    assert!((500..5_000).contains(&retry_ms(&reason)));
    for task in slow {
        task.await.expect("let go");
    }
    eventually("all handshakes are counted", PATIENCE, || {
        tls.metric("lct_gateway_tls_failed_total") >= 50
    });
    phone
        .ask(
            "logVisit",
            json!({"place_id": "p", "start": 3000, "end": 4000}),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_given_up() {
    let gateway = Gateway::on(
        NO_REDIS,
        &[
            "--write-timeout",
            "1",
            "--message-rate",
            "1000000",
            "--message-burst",
            "1000000",
        ],
    );
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let stream = socket
        .connect(gateway.address())
        .await
        .expect("a connection");
    let mut client = Raw::upgrade(stream, "").await.expect("an upgrade");
    // Every one of these is answered with 512 bytes.
    let flood = tokio::spawn(async move { while client.say("{}").await {} });
    eventually("4008 is counted", PATIENCE, || {
        gateway.metric(r#"lct_gateway_closes_total{code="4008"}"#) == 1
    });
    eventually("its memory is free", PATIENCE, || {
        gateway.metric("lct_gateway_connections") == 0
    });
    timeout(PATIENCE, flood)
        .await
        .expect("let go of")
        .expect("no panic");
}

// ---------------------------------------------------------------- Many clients

#[tokio::test]
async fn ten_thousand_idle_sockets_from_one_address_leave_room_for_others() {
    let server = Server::start();
    let gateway = Gateway::with(
        &server,
        &[
            "--max-connections",
            "20000",
            "--max-unopened",
            "20000",
            "--max-per-address",
            "100",
            "--header-timeout",
            "60",
        ],
    );
    // As many as this process may have, for want of ten thousand.
    let most = 10_000.min(open_files().saturating_sub(500));
    let mut idle = Vec::new();
    for _ in 0..most {
        let stream = std::net::TcpStream::connect(gateway.address()).expect("a connection");
        stream.set_nonblocking(true).expect("a flag");
        idle.push(stream);
    }
    let is_open = |stream: &std::net::TcpStream| matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    eventually("all but a hundred are closed", PATIENCE, || {
        idle.iter().filter(|stream| is_open(stream)).count() == 100
    });
    assert_eq!(
        gateway.metric(r#"lct_gateway_limits_hit_total{limit="Network"}"#),
        most - 100
    );
    let stream = connect_from([127, 0, 0, 2], gateway.address()).await;
    let mut other = Raw::upgrade(stream, "")
        .await
        .expect("another address has its own places");
    other.say(r#"{"type":"ping"}"#).await;
    assert_eq!(other.text().await.as_deref(), Some(r#"{"type":"pong"}"#));
    drop(idle);
    eventually("the places are free again", PATIENCE, || {
        gateway.metric("lct_gateway_unopened") <= 1
    });
    Phone::connect(gateway.address(), "after").await;
}

fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(1024)
}

#[tokio::test]
async fn those_without_a_session_have_a_cap_of_their_own() {
    let server = Server::start();
    let gateway = Gateway::with(&server, &["--max-unopened", "3"]);
    eventually("the start's own connection is gone", PATIENCE, || {
        gateway.metric("lct_gateway_unopened") == 0
    });
    let mut open = Vec::new();
    for user in ["a", "b", "c", "d", "e"] {
        open.push(hello(&gateway, user).await);
    }
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(raw(&gateway).await);
    }
    assert!(
        Raw::upgrade(connect(gateway.address()).await, "")
            .await
            .is_err(),
        "a fourth"
    );
    assert_eq!(
        gateway.metric(r#"lct_gateway_limits_hit_total{limit="Unopened"}"#),
        1
    );
    waiting[0].say(r#"{"type":"hello","userID":"f"}"#).await;
    assert!(
        waiting[0]
            .text()
            .await
            .expect("a session")
            .contains("session")
    );
    raw(&gateway).await;
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does() {
    let gateway = Gateway::on(
        NO_REDIS,
        &[
            "--trusted-proxy",
            "127.0.0.1,10.0.0.0/8",
            "--max-per-address",
            "2",
            "--log-level",
            "debug",
        ],
    );
    let through = async |lines: &str| Raw::upgrade(connect(gateway.address()).await, lines).await;
    let one = "X-Forwarded-For: 203.0.113.77\r\n";
    let _first = through(one).await.expect("a first");
    let _second = through("X-Forwarded-For: 198.51.100.1, 203.0.113.77, 10.0.0.3\r\n")
        .await
        .expect("a second");
    let refusal = through(one).await.err().expect("no third");
    assert!(refusal.starts_with("HTTP/1.1 429 "), "{refusal}");
    assert!(refusal.contains("retry-after: "), "{refusal}");
    // What a client writes in front changes nothing.
    let refusal = through("X-Forwarded-For: 198.51.100.9, 203.0.113.77\r\n")
        .await
        .err()
        .expect("no third");
    assert!(refusal.starts_with("HTTP/1.1 429 "), "{refusal}");
    let _other = through("X-Forwarded-For: 203.0.113.78\r\n")
        .await
        .expect("another client");
    // IPv6: a /64 is one.
    let _six = through("X-Forwarded-For: 2001:db8::1\r\n")
        .await
        .expect("a first");
    let _six = through("X-Forwarded-For: 2001:db8::2\r\n")
        .await
        .expect("a second");
    assert!(through("X-Forwarded-For: 2001:db8::3\r\n").await.is_err());
    let _next = through("X-Forwarded-For: 2001:db8:0:1::3\r\n")
        .await
        .expect("the next network");
    // A stranger's word is not taken: its own address counts.
    let mut strangers = Vec::new();
    for n in 0..3 {
        let stream = connect_from([127, 0, 0, 9], gateway.address()).await;
        strangers.push(Raw::upgrade(stream, &format!("X-Forwarded-For: 192.0.2.{n}\r\n")).await);
    }
    assert!(strangers[1].is_ok() && strangers[2].is_err());
    let log = gateway.log();
    for address in [
        "203.0.113",
        "2001:db8",
        "192.0.2",
        "127.0.0.9",
        "198.51.100",
    ] {
        assert!(!log.contains(address), "no address in the log");
        assert!(
            !gateway.ask("/metrics").contains(address),
            "none in the metrics"
        );
    }
    assert!(
        log.contains("connection="),
        "connections have numbers there"
    );
}

// ---------------------------------------------------------------- Frames

#[tokio::test]
async fn bad_frames_get_the_code_of_their_fault() {
    let gateway = Gateway::on(NO_REDIS, &[]);
    let (big, half, fits) = (vec![b' '; 8193], vec![b' '; 4097], vec![b' '; 4096]);
    let long_ping = [0; 126];
    type Case<'a> = (&'a str, &'a [(u8, &'a [u8])], u16);
    let cases: [Case<'_>; 12] = [
        ("a message over the limit", &[(0x81, &big)], 1009),
        (
            "two frames over the limit",
            &[(0x01, &half), (0x80, &half)],
            1009,
        ),
        (
            "three frames over the limit",
            &[(0x01, &fits), (0x00, &fits), (0x80, b" ")],
            1009,
        ),
        ("half a code point", &[(0x81, b"\xc3")], 1007),
        (
            "half a code point at the end of two frames",
            &[(0x01, b"\xe2\x82"), (0x80, b"\x28")],
            1007,
        ),
        ("a surrogate", &[(0x81, b"\xed\xa0\x80")], 1007),
        ("a reserved bit", &[(0xc1, b"x")], 1002),
        ("a continuation of nothing", &[(0x80, b"x")], 1002),
        (
            "a message within a message",
            &[(0x01, b"x"), (0x81, b"x")],
            1002,
        ),
        ("a reserved opcode", &[(0x83, b"x")], 1002),
        ("a ping of 126 bytes", &[(0x89, &long_ping)], 1002),
        ("a binary message", &[(0x82, b"x")], 1003),
    ];
    for (what, frames, code) in cases {
        let mut client = raw(&gateway).await;
        for (first, payload) in frames {
            client.frame(*first, payload).await;
        }
        assert_eq!(client.close().await.0, code, "{what}");
    }
    // Announced, never sent: 2^62 bytes.
    let mut client = raw(&gateway).await;
    let head = [0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    client.stream.write_all(&head).await.expect("a head");
    assert_eq!(client.close().await.0, 1009);
    // Not masked.
    let mut client = raw(&gateway).await;
    client
        .stream
        .write_all(b"\x81\x01x")
        .await
        .expect("a frame");
    assert_eq!(client.close().await.0, 1002);
}

#[tokio::test]
async fn fragments_are_put_together_and_have_an_end() {
    let gateway = Gateway::on(NO_REDIS, &[]);
    let mut client = raw(&gateway).await;
    let text = br#"{"type":"ping","id":7}"#;
    client.frame(0x01, &text[..1]).await;
    for byte in &text[1..text.len() - 1] {
        client.frame(0x00, &[*byte]).await;
        client.frame(0x00, b"").await;
    }
    client.frame(0x89, b"in between").await;
    client.frame(0x80, &text[text.len() - 1..]).await;
    assert_eq!(
        client.text().await.as_deref(),
        Some(r#"{"type":"pong","id":7}"#)
    );
    // Empty ones without end: no message ever gets too big, and still there is an end.
    client.frame(0x01, b"x").await;
    let (mut read, mut write) = client.stream.into_split();
    let flood = tokio::spawn(async move {
        let empty = [0x00, 0x80, 0, 0, 0, 0].repeat(1_000);
        while write.write_all(&empty).await.is_ok() {}
    });
    let mut rest = Vec::new();
    drop(
        timeout(PATIENCE, read.read_to_end(&mut rest))
            .await
            .expect("closed"),
    );
    timeout(PATIENCE, flood)
        .await
        .expect("let go of")
        .expect("no panic");
    assert_eq!(
        gateway.metric(r#"lct_gateway_closes_total{code="4013"}"#),
        1
    );
}

// ---------------------------------------------------------------- Floods

#[tokio::test]
async fn a_flood_of_pings_or_pongs_is_closed() {
    let gateway = Gateway::on(NO_REDIS, &[]);
    for first in [0x89, 0x8a] {
        let mut client = raw(&gateway).await;
        for _ in 0..30 {
            client.frame(first, b"x").await;
        }
        let (code, reason) = client.close().await;
        assert_eq!(code, 4013, "{reason}");
        assert!((10_000..30_000).contains(&retry_ms(&reason)), "{reason}");
    }
    assert_eq!(
        gateway.metric(r#"lct_gateway_limits_hit_total{limit="Pings"}"#),
        2
    );
    let mut modest = raw(&gateway).await;
    for _ in 0..15 {
        modest.frame(0x89, b"x").await;
        assert_eq!(modest.next().await, Some((0x8a, b"x".to_vec())));
    }
}

#[tokio::test]
async fn messages_over_the_rate_are_refused_then_taken_then_closed() {
    let gateway = Gateway::on(NO_REDIS, &["--message-rate", "5", "--message-burst", "10"]);
    let mut client = raw(&gateway).await;
    for id in 0..11 {
        client
            .say(&json!({"type": "ping", "id": id}).to_string())
            .await;
    }
    for id in 0..10 {
        let pong: Value =
            serde_json::from_str(&client.text().await.expect("a pong")).expect("JSON");
        assert_eq!(pong, json!({"type": "pong", "id": id}));
    }
    let refusal: Value =
        serde_json::from_str(&client.text().await.expect("a refusal")).expect("JSON");
    assert_eq!(
        (&refusal["type"], &refusal["code"], &refusal["id"]),
        (&json!("error"), &json!("rate_limited"), &json!(10))
    );
    let wait = refusal["retry_ms"].as_u64().expect("a pause");
    assert!(
        (1..=201).contains(&wait),
        "one message in a fifth of a second: {wait}"
    );
    sleep(Duration::from_millis(wait)).await;
    client.say(r#"{"type":"ping","id":"again"}"#).await;
    assert_eq!(
        client.text().await.as_deref(),
        Some(r#"{"type":"pong","id":"again"}"#)
    );
    for _ in 0..60 {
        client.say(r#"{"type":"ping"}"#).await;
    }
    let (code, reason) = client.close().await;
    assert_eq!(code, 4013, "{reason}");
    assert!((10_000..30_000).contains(&retry_ms(&reason)), "{reason}");
    assert!(gateway.metric(r#"lct_gateway_limits_hit_total{limit="Messages"}"#) > 20);
}

// ---------------------------------------------------------------- Requests

#[tokio::test]
async fn foreign_pages_are_refused() {
    let gateway = Gateway::on(NO_REDIS, &["--allow-origin", "https://lct.example.org"]);
    let own = format!("http://{}", gateway.address());
    let try_origin = async |origin: &str| {
        Raw::upgrade(
            connect(gateway.address()).await,
            &format!("Origin: {origin}\r\n"),
        )
        .await
    };
    for good in ["https://lct.example.org", &own] {
        assert!(try_origin(good).await.is_ok(), "{good}");
    }
    assert!(
        Raw::upgrade(connect(gateway.address()).await, "")
            .await
            .is_ok(),
        "a program"
    );
    for foreign in [
        "null",
        "http://lct.example.org",
        "https://lct.example.org.evil.test",
        "https://evil.test#https://lct.example.org",
        "https://lct.example.org:444",
        "https://sub.lct.example.org",
        "https://lct.example.org/",
        "HTTPS://LCT.EXAMPLE.ORG",
        "https://lct.example.org https://evil.test",
    ] {
        let refusal = try_origin(foreign).await.err().expect(foreign);
        assert!(refusal.starts_with("HTTP/1.1 403 "), "{foreign}: {refusal}");
    }
    let twice = "Origin: https://lct.example.org\r\nOrigin: https://lct.example.org\r\n";
    let refusal = Raw::upgrade(connect(gateway.address()).await, twice)
        .await
        .err()
        .expect("twice");
    assert!(refusal.starts_with("HTTP/1.1 403 "), "{refusal}");
}

#[tokio::test]
async fn every_answer_has_its_headers_and_only_ws_upgrades() {
    let gateway = Gateway::on(NO_REDIS, &["--ops-token", "correct-horse-battery"]);
    let (clients, operators) = (gateway.address(), gateway.ops());
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: close\r\n";
    let chunked = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n";
    for (address, request, head, status) in [
        (clients, "GET /nothing", "Connection: close\r\n", 404),
        (clients, "GET /elsewhere", upgrade, 404),
        (clients, "GET /healthz", "Connection: close\r\n", 404),
        (
            clients,
            "POST /ws",
            "Content-Length: 0\r\nConnection: close\r\n",
            405,
        ),
        (clients, "GET /ws", "Connection: close\r\n", 426),
        (
            clients,
            "GET /ws",
            "Content-Length: 1\r\nConnection: close\r\n",
            400,
        ),
        (clients, "GET /ws", chunked, 400),
        (
            clients,
            "POST /v1/nothing",
            "Content-Length: 99999999\r\nConnection: close\r\n",
            413,
        ),
        (operators, "GET /healthz", "Connection: close\r\n", 200),
        (operators, "GET /metrics", "Connection: close\r\n", 200),
        (operators, "GET /readyz", "Connection: close\r\n", 503),
        (operators, "GET /ws", upgrade, 404),
        (operators, "GET /admin", "Connection: close\r\n", 404),
        (
            operators,
            "POST /healthz",
            "Content-Length: 0\r\nConnection: close\r\n",
            405,
        ),
        (operators, "GET /v1/me", "Connection: close\r\n", 401),
        (operators, "GET /v1/none", "Connection: close\r\n", 401),
        (
            operators,
            "GET /v1/me",
            "Authorization: Bearer wrong-horse-battery\r\nConnection: close\r\n",
            401,
        ),
        (
            operators,
            "GET /v1/me",
            "Authorization: Bearer correct-horse-battery\r\nConnection: close\r\n",
            200,
        ),
        (
            operators,
            "GET /v1/none",
            "Authorization: Bearer correct-horse-battery\r\nConnection: close\r\n",
            404,
        ),
    ] {
        let answer = ask(
            address,
            &format!("{request} HTTP/1.1\r\nHost: x\r\n{head}\r\n"),
        )
        .await;
        let what = format!("{request} {head:?}: {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}");
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{header} in {what}");
        }
        assert_eq!(
            answer.contains("www-authenticate: Bearer"),
            status == 401,
            "{what}"
        );
        assert!(
            !answer.contains("strict-transport-security"),
            "only where there is TLS"
        );
    }
    assert_eq!(
        gateway.metric(r#"lct_gateway_limits_hit_total{limit="Body"}"#),
        3
    );
    let too_long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(ask(clients, &too_long).await.starts_with("HTTP/1.1 431 "));
    let h2 = ask(clients, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!h2.starts_with("HTTP/1.1 2"), "{h2}");
}

#[tokio::test]
async fn operators_see_what_goes_on_and_nothing_about_anyone() {
    let server = Server::start();
    let gateway = Gateway::with(&server, &[]);
    eventually("it is ready", PATIENCE, || {
        gateway.ask("/readyz").starts_with("HTTP/1.1 200 ")
    });
    assert!(gateway.ask("/readyz").ends_with("\r\n\r\nready\n"));
    assert!(gateway.ask("/healthz").ends_with("\r\n\r\nok\n"));
    let mut phone = Phone::connect(gateway.address(), "canary-visitor").await;
    phone
        .ask(
            "logVisit",
            json!({"place_id": "canary-place", "start": 1000, "end": 2000}),
        )
        .await;
    let metrics = gateway.ask("/metrics");
    assert!(!metrics.contains("canary"));
    for line in [
        "lct_gateway_connections 1",
        "lct_gateway_unopened 0",
        "lct_gateway_redis_up 1",
        r#"lct_gateway_messages_in_total{type="hello"} 1"#,
        r#"lct_gateway_messages_in_total{type="logVisit"} 1"#,
        r#"lct_gateway_messages_out_total{type="ack"} 1"#,
        r#"lct_gateway_module_seconds_count{command="Visit",outcome="Ok"} 1"#,
    ] {
        assert!(metrics.lines().any(|is| is == line), "{line} in\n{metrics}");
    }
    assert!(!gateway.log().contains("canary"));
}

// ---------------------------------------------------------------- TLS

/// A certificate for localhost of its own making: its files' names, and the certificate.
fn certificate(folder: &Path, name: &str) -> (String, String, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let file = |end: &str, text: String| {
        let path = folder.join(format!("{name}{end}"));
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    (
        file(".pem", made.cert.pem()),
        file(".key", made.signing_key.serialize_pem()),
        made.cert.der().clone(),
    )
}

/// Shakes hands, trusting only this certificate, and offering these protocols.
async fn shake(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, connect(address).await)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_exchanged_under_traffic() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key, old) = certificate(folder.path(), "used");
    let (new_cert, new_key, new) = certificate(folder.path(), "new");
    let gateway = Gateway::on(NO_REDIS, &["--tls-cert", &cert, "--tls-key", &key]);
    let here = gateway.address();
    let copy = |from: &str, to: &str| {
        fs::copy(from, to).expect("a copy");
    };
    assert!(shake(here, &new, &[]).await.is_err(), "not yet");

    // Someone who talks all the time, over the certificate there was at first.
    let stream = shake(here, &old, &["http/1.1"]).await.expect("a handshake");
    let (mut socket, response) = client_async("wss://localhost/ws", stream)
        .await
        .expect("a WebSocket");
    assert_eq!(
        response.headers()["strict-transport-security"],
        "max-age=31536000"
    );
    let talk = tokio::spawn(async move {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(3) {
            socket
                .send(Message::text(r#"{"type":"ping"}"#))
                .await
                .expect("open");
            while !matches!(
                socket.next().await.expect("open").expect("a frame"),
                Message::Text(_)
            ) {}
            sleep(Duration::from_millis(120)).await;
        }
    });

    // A certificate without its key: the old one stays, and the log says why.
    copy(&new_cert, &cert);
    gateway.signal("HUP");
    eventually("the refusal is counted", PATIENCE, || {
        gateway.metric("lct_gateway_tls_refused_total") >= 1
    });
    shake(here, &old, &[]).await.expect("the old one still");
    assert!(
        gateway
            .log()
            .contains("the old one stays: --tls-cert, --tls-key: do not go together"),
        "{}",
        gateway.log()
    );
    copy(&new_key, &key);
    gateway.signal("HUP");
    eventually("it is loaded", PATIENCE, || {
        gateway.log().contains("the certificate was loaded again")
    });
    shake(here, &new, &[]).await.expect("the new one");
    assert!(shake(here, &old, &[]).await.is_err(), "the old one no more");

    // No signal, only other files: seen within a few seconds.
    let (cert_3, key_3, third) = certificate(folder.path(), "third");
    copy(&cert_3, &cert);
    copy(&key_3, &key);
    let start = Instant::now();
    while shake(here, &third, &[]).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(25), "seen by itself");
        sleep(Duration::from_millis(200)).await;
    }
    talk.await.expect("nobody was interrupted");
    assert!(shake(here, &third, &["h2"]).await.is_err(), "HTTP/1.1 only");
    let stream = shake(here, &third, &["h2", "http/1.1"])
        .await
        .expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    // HTTP without TLS gets no answer. What comes back, if anything, is an alert of TLS.
    let mut stream = connect(here).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("a request");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(read.expect("closed"));
    assert!(!answer.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn redis_by_tls_wants_the_certificate_it_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path in UTF-8")
            .to_owned()
    };
    let named = |name: &str| {
        let mut params = CertificateParams::new(["localhost".into()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut params = named("a CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
    fs::write(path("ca.pem"), ca.pem()).expect("a file");
    for name in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let params = named(name);
        fs::write(
            path(&format!("{name}.pem")),
            params.signed_by(&key, &ca).expect("signed").pem(),
        )
        .expect("a file");
        fs::write(path(&format!("{name}.key")), key.serialize_pem()).expect("a file");
    }
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").port()
    };
    let server = [
        format!("tls-port {port}"),
        format!("tls-cert-file {}", path("server.pem")),
        format!("tls-key-file {}", path("server.key")),
        format!("tls-ca-cert-file {}", path("ca.pem")),
        "tls-auth-clients yes".into(),
    ]
    .iter()
    .fold(Builder::default(), |builder, line| builder.conf(line))
    .start();
    let url = format!("rediss://localhost:{port}");
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let good = Gateway::on(
        &url,
        &[
            "--redis-ca",
            &ca,
            "--redis-cert",
            &cert,
            "--redis-key",
            &key,
        ],
    );
    let no_certificate = Gateway::on(&url, &["--redis-ca", &ca]);
    let no_trust = Gateway::on(&url, &["--redis-cert", &cert, "--redis-key", &key]);
    eventually("it is ready", PATIENCE, || {
        good.ask("/readyz").starts_with("HTTP/1.1 200 ")
    });
    let mut phone = Phone::connect(good.address(), "alice").await;
    phone
        .ask(
            "logVisit",
            json!({"place_id": "p", "start": 1000, "end": 2000}),
        )
        .await;
    server
        .client()
        .expect("LCT.VISITS lct alice", "[[p 1000 2000]]");
    for bad in [no_certificate, no_trust] {
        let ready = bad.ask("/readyz");
        assert!(
            ready.ends_with("\r\n\r\nRedis does not answer, or is a replica\n"),
            "{ready}"
        );
        assert!(
            bad.log().contains("cannot connect to Redis"),
            "{}",
            bad.log()
        );
        assert_eq!(bad.metric("lct_gateway_redis_up"), 0);
    }
}

// ---------------------------------------------------------------- The end

#[tokio::test]
async fn the_end_is_announced_spread_and_in_time() {
    let server = Server::start();
    let mut gateway = Gateway::with(
        &server,
        &[
            "--drain-notice",
            "2",
            "--drain-timeout",
            "10",
            "--drain-rate",
            "20",
        ],
    );
    eventually("it is ready", PATIENCE, || {
        gateway.ask("/readyz").starts_with("HTTP/1.1 200 ")
    });
    let mut clients = Vec::new();
    for n in 0..40 {
        clients.push(hello(&gateway, &format!("u{n}")).await);
    }
    let start = Instant::now();
    gateway.signal("TERM");
    eventually("readiness goes first", Duration::from_millis(1_800), || {
        gateway
            .ask("/readyz")
            .ends_with("\r\n\r\nthe gateway is ending\n")
    });
    hello(&gateway, "late").await;
    // A command that is under way when the end begins: Redis holds writes back until after that, and for less than the
    // gateway waits for it.
    sleep(Duration::from_secs(1).saturating_sub(start.elapsed())).await;
    server.client().run("CLIENT PAUSE 1700 WRITE");
    // Ten of them, since the moment each is to leave is random and for some comes after the answer anyway.
    let mut asking = clients.split_off(30);
    for client in &mut asking {
        client
            .say(r#"{"type":"logVisit","id":1,"place_id":"p","start":1000,"end":2000}"#)
            .await;
    }
    eventually("then nobody gets in", PATIENCE, || {
        std::net::TcpStream::connect(gateway.address()).is_err()
    });
    assert!(
        start.elapsed() >= Duration::from_millis(1_900),
        "not before the notice is over"
    );
    assert!(
        gateway.ask("/readyz").starts_with("HTTP/1.1 503 "),
        "operators still can ask"
    );
    let mut leaving = Vec::new();
    for mut client in clients {
        leaving.push(tokio::spawn(async move {
            let (code, reason) = client.close().await;
            (code, retry_ms(&reason), Instant::now())
        }));
    }
    for (n, client) in asking.iter_mut().enumerate() {
        let answer = client.text().await.expect("an answer before the end");
        assert!(answer.contains(r#""type":"ack""#), "{answer}");
        assert!(
            start.elapsed() > Duration::from_millis(2_300),
            "it was held back past the beginning of the end"
        );
        assert_eq!(client.close().await.0, 4001);
        let visitor = format!("u{}", n + 30);
        server
            .client()
            .expect(&format!("LCT.VISITS lct {visitor}"), "[[p 1000 2000]]");
    }
    let mut left = Vec::new();
    for client in leaving {
        left.push(client.await.expect("a close frame"));
    }
    assert!(
        left.iter()
            .all(|(code, pause, _)| *code == 4001 && (500..10_000).contains(pause))
    );
    let pauses: std::collections::HashSet<u64> = left.iter().map(|(_, pause, _)| *pause).collect();
    assert!(pauses.len() > 20, "pauses differ");
    let first = left.iter().map(|(.., at)| *at).min().expect("someone");
    let last = left.iter().map(|(.., at)| *at).max().expect("someone");
    assert!(
        last - first > Duration::from_millis(500),
        "many at 20 a second take a while: {:?}",
        last - first
    );
    assert!(gateway.ended(Duration::from_secs(12)), "a success");
}
