//! Requests that are no WebSockets, or not those the gateway wants.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::client::Raw;
use crate::setup::{PATIENCE, ask, get, lonely, metric, until};

/// An upgrade request with one header line replaced or added.
fn upgrade(change: &str) -> String {
    let name = change.split(':').next().unwrap_or_default();
    let lines = [
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let kept: Vec<_> = lines
        .into_iter()
        .filter(|line| !line.starts_with(name))
        .collect();
    // Without an upgrade the connection must end by itself for the answer to be complete.
    let close = if name == "Connection" {
        ""
    } else {
        "Connection: close\r\n"
    };
    format!(
        "GET /ws HTTP/1.1\r\n{}\r\n{change}\r\n{close}\r\n",
        kept.join("\r\n")
    )
}

#[tokio::test]
async fn upgrades_are_refused_by_the_rule_they_break() {
    let gateway = lonely(&["--allow-origin", "https://lct.example.org"]);
    let here = gateway.client_address();
    for (change, status) in [
        ("Origin: https://evil.test", "403"),
        ("Origin: null", "403"),
        ("Origin: http://lct.example.org", "403"),
        ("Connection: close", "426"),
        ("Upgrade: h2c", "426"),
        ("Sec-WebSocket-Version: 12", "426"),
        ("Sec-WebSocket-Key: short", "400"),
    ] {
        let answer = ask(here, &upgrade(change)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{change}: {answer}"
        );
        assert!(!answer.contains("evil"), "the value is not repeated");
        assert_eq!(
            answer.contains("sec-websocket-version: 13"),
            status == "426",
            "{answer}"
        );
    }
    assert_eq!(
        metric(&gateway, "lct_gateway_upgrades_refused_total").await,
        7
    );
}

#[tokio::test]
async fn allowed_origins_are_upgraded() {
    let gateway = lonely(&["--allow-origin", "https://lct.example.org"]);
    let here = gateway.client_address();
    let own = format!("Origin: http://{here}");
    for origin in ["Origin: https://lct.example.org", &own, "X-None: 1"] {
        let mut stream = TcpStream::connect(here).await.unwrap();
        stream.write_all(upgrade(origin).as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 101", "{origin}");
    }
}

#[tokio::test]
async fn there_is_nothing_else_for_clients() {
    let gateway = lonely(&[]);
    let here = gateway.client_address();
    for path in [
        "/nothing",
        "/ws/x",
        "/metrics",
        "/healthz",
        "/index.html",
        "/vendor/MANIFEST",
    ] {
        assert!(get(here, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let post = ask(
        here,
        "POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    // HTTP/2 without TLS is no request at all.
    let h2 = ask(here, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!h2.starts_with("HTTP/1.1 2"), "{h2}");
}

#[tokio::test]
async fn visitors_get_their_page() {
    let gateway = lonely(&[]);
    let here = gateway.client_address();
    // `/c` is where the QR codes of places lead.
    for path in ["/", "/c"] {
        let page = get(here, path).await;
        let (head, body) = page.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(body.starts_with("<!doctype html>"), "{body}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; ",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-cache",
            "etag: W/",
        ] {
            assert!(head.contains(header), "{header}: {head}");
        }
    }
    let head = ask(
        here,
        "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let post = ask(here, post).await;
    assert!(
        post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD"),
        "{post}"
    );
    // What is kept for offline use is named before the service worker's own text.
    let worker = get(here, "/sw.js").await;
    assert!(worker.contains("\r\n\r\nconst SHELL = {"), "{worker}");
}

#[tokio::test]
async fn operators_see_health_and_numbers() {
    let gateway = lonely(&[]);
    let ops = gateway.ops_address();
    assert!(get(ops, "/healthz").await.starts_with("HTTP/1.1 200 "));
    let ready = get(ops, "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 503 ")
            && ready.ends_with("Redis does not answer, or is a replica\n"),
        "{ready}"
    );
    let metrics = get(ops, "/metrics").await;
    assert!(metrics.contains("application/openmetrics-text"));
    assert!(metrics.contains("lct_gateway_connections 0\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    assert!(get(ops, "/ws").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn connections_over_the_cap_are_closed_and_places_are_freed() {
    let gateway = lonely(&["--max-connections", "2"]);
    let here = gateway.client_address();
    let first = Raw::upgrade(here, None).await;
    let _second = Raw::upgrade(here, None).await;
    let mut third = TcpStream::connect(here).await.unwrap();
    let end = timeout(PATIENCE, third.read(&mut [0]))
        .await
        .expect("closed at once");
    assert!(matches!(end, Ok(0) | Err(_)));
    assert_eq!(
        metric(
            &gateway,
            "lct_gateway_limits_hit_total{limit=\"Connections\"}"
        )
        .await,
        1
    );
    drop(first);
    until(&gateway, "lct_gateway_connections", 1).await;
    Raw::upgrade(here, None).await;
}

#[tokio::test]
async fn one_address_does_not_shut_out_operators() {
    let gateway = lonely(&[]);
    let ops = gateway.ops_address();
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(ops).await.unwrap());
    }
    let mut next = TcpStream::connect(ops).await.unwrap();
    let end = timeout(PATIENCE, next.read(&mut [0]))
        .await
        .expect("closed at once");
    assert!(matches!(end, Ok(0) | Err(_)));
    // Another address of the same loopback network.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(ops).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    other.write_all(request).await.unwrap();
    let mut answer = String::new();
    let read = other.read_to_string(&mut answer);
    timeout(PATIENCE, read).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
