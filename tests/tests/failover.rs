//! Redis changes its role and breaks no connection, as REPLICAOF and FAILOVER do: gateways must notice by themselves.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use lct_tests::{Gateway, Phone, Server, eventually};
use serde_json::{Value, json};

const PLACE: &str = "9F4MGC22+22";
const LIMIT: Duration = Duration::from_secs(30);

/// An address that leads new connections to `target` and leaves those that stand where they are.
fn address_of(target: &Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let target = Arc::clone(target);
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a connection");
            let server = TcpStream::connect(("127.0.0.1", target.load(Ordering::Acquire)))
                .expect("the server");
            pass_on(&client, &server);
            pass_on(&server, &client);
        }
    });
    port
}

fn pass_on(from: &TcpStream, to: &TcpStream) {
    let mut from = from.try_clone().expect("a handle");
    let mut to = to.try_clone().expect("a handle");
    thread::spawn(move || {
        // However it ended, it ended.
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
}

fn replicate(server: &Server, primary: &Server) {
    server
        .client()
        .expect(&format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
    server.wait_in_sync(primary);
}

fn is_ready(gateway: &Gateway) -> bool {
    gateway.ask("/readyz").starts_with("HTTP/1.1 200")
}

fn visit() -> Value {
    json!({"place_id": PLACE, "start": 1000, "end": 2000})
}

/// Alice warns until it is acknowledged, and Bob hears of it.
async fn a_warning_arrives(alice: &mut Phone, bob: &mut Phone) {
    let warning = json!({"warning": "6d1f2a54-9c1e-4a57-8a0e-3f7f0a1c5b03", "reason": "contact"});
    let mut taken = false;
    for _ in 0..30 {
        taken = alice.ask_anything("exposureWarning", warning.clone()).await["type"] == "ack";
        if taken {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(taken, "no warning is taken");
    bob.wait_for_alert("contact").await;
}

#[tokio::test]
async fn a_primary_that_was_a_replica_for_a_while_is_heard_again() {
    let (server, other) = (Server::start(), Server::start());
    let gateway = Gateway::start(&server);
    eventually("the gateway is ready", LIMIT, || is_ready(&gateway));
    let mut alice = Phone::connect(gateway.address(), "alice").await;
    let mut bob = Phone::connect(gateway.address(), "bob").await;
    alice.ask("logVisit", visit()).await;
    bob.ask("logVisit", visit()).await;

    replicate(&other, &server);
    other.client().expect("REPLICAOF NO ONE", "OK");
    replicate(&server, &other);
    eventually("readiness ends", LIMIT, || !is_ready(&gateway));
    eventually("the doorbell is not heard", LIMIT, || {
        gateway.metric("lct_gateway_doorbell_heard") == 0
    });
    let refused = alice.ask_anything("logVisit", visit()).await;
    assert_eq!(refused["code"], "unavailable", "{refused}");

    server.client().expect("REPLICAOF NO ONE", "OK");
    eventually("the gateway is ready again", LIMIT, || is_ready(&gateway));
    a_warning_arrives(&mut alice, &mut bob).await;
}

#[tokio::test]
async fn a_gateway_follows_its_address_to_the_new_primary() {
    let (old, new) = (Server::start(), Server::start());
    let target = Arc::new(AtomicU16::new(old.port()));
    let gateway = Gateway::on(&format!("redis://127.0.0.1:{}", address_of(&target)), &[]);
    eventually("the gateway is ready", LIMIT, || is_ready(&gateway));
    let mut alice = Phone::connect(gateway.address(), "alice").await;
    let mut bob = Phone::connect(gateway.address(), "bob").await;
    alice.ask("logVisit", visit()).await;
    bob.ask("logVisit", visit()).await;

    replicate(&new, &old);
    new.client().expect("REPLICAOF NO ONE", "OK");
    target.store(new.port(), Ordering::Release);
    replicate(&old, &new);
    a_warning_arrives(&mut alice, &mut bob).await;
    eventually("the gateway is ready", LIMIT, || is_ready(&gateway));
}
