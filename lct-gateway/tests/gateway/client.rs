//! Clients: one that speaks the protocol, and one that sends whatever bytes a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::setup::PATIENCE;

/// A person's two keys.
pub(crate) struct Keys {
    pub(crate) device: SigningKey,
    pub(crate) code: SigningKey,
}

impl Keys {
    /// The keys of person number `n`.
    pub(crate) fn of(n: u8) -> Self {
        Self {
            device: SigningKey::from_bytes(&[n; 32]),
            code: SigningKey::from_bytes(&[n + 100; 32]),
        }
    }

    /// The visitor id, made as docs/protocol.md says.
    pub(crate) fn visitor(&self) -> String {
        let hash = Sha256::new()
            .chain_update(self.device.verifying_key())
            .chain_update(self.code.verifying_key())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        uuid::Uuid::from_bytes(bytes).to_string()
    }

    /// A hello for this graph, signed by the key of that role.
    pub(crate) fn hello(&self, role: &str, nonce: &str, graph: &str, origin: &str) -> Value {
        let key = if role == "code" {
            &self.code
        } else {
            &self.device
        };
        let text = format!("lct-hello-v1\n{graph}\n{nonce}\n{origin}");
        json!({
            "type": "hello", "id": 0, "graphName": graph, "key": role,
            "devicePublicKey": URL_SAFE_NO_PAD.encode(self.device.verifying_key()),
            "codePublicKey": URL_SAFE_NO_PAD.encode(self.code.verifying_key()),
            "signature": URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()),
        })
    }
}

/// An LCT client.
pub(crate) struct Client {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Connects, without a hello.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (stream, _) = connect_async(format!("ws://{address}/ws"))
            .await
            .expect("upgrade");
        Self { stream }
    }

    /// Connects and opens a session whose inbox is empty, in open mode.
    pub(crate) async fn hello(address: SocketAddr, user: &str) -> Self {
        let (client, alerts) = Self::back(address, user).await;
        assert!(alerts.is_empty(), "{alerts:?}");
        client
    }

    /// Connects and opens a session in open mode; with the alerts that waited.
    pub(crate) async fn back(address: SocketAddr, user: &str) -> (Self, Vec<Value>) {
        let mut client = Self::connect(address).await;
        let hello = json!({"type": "hello", "id": 0, "userID": user});
        let (session, alerts) = client.open(hello).await;
        assert_eq!(
            (&session["id"], &session["userID"]),
            (&json!(0), &json!(user))
        );
        (client, alerts)
    }

    /// Says a hello; the session, and the alerts that came before it.
    pub(crate) async fn open(&mut self, hello: Value) -> (Value, Vec<Value>) {
        self.say(hello).await;
        let mut alerts = Vec::new();
        loop {
            let message = self.hear().await;
            match message["type"].as_str() {
                Some("session") => return (message, alerts),
                Some("exposureAlert") => {
                    alerts.extend(message["alerts"].as_array().expect("a list").clone());
                }
                _ => panic!("instead of a session: {message}"),
            }
        }
    }

    /// Connects and opens a session with a person's keys, by the key of this role.
    pub(crate) async fn sign_in(
        address: SocketAddr,
        keys: &Keys,
        role: &str,
    ) -> (Self, Vec<Value>) {
        let mut client = Self::connect(address).await;
        let challenge = client.hear().await;
        assert_eq!(challenge["type"], "challenge", "{challenge}");
        let nonce = challenge["nonce"].as_str().expect("a nonce");
        let (session, alerts) = client.open(keys.hello(role, nonce, "lct", "")).await;
        assert_eq!(session["userID"], keys.visitor());
        (client, alerts)
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("send");
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// The next JSON message; pings are answered on the way, and every frame has the length of its size class.
    pub(crate) async fn hear(&mut self) -> Value {
        self.hear_within(PATIENCE).await
    }

    pub(crate) async fn hear_within(&mut self, patience: Duration) -> Value {
        loop {
            let next = timeout(patience, self.stream.next())
                .await
                .expect("a message in time");
            match next.expect("still open").expect("a proper frame") {
                Message::Text(text) => {
                    assert_eq!(text.len() % 512, 0, "{text}");
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    if value["type"] != "ping" {
                        return value;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    pub(crate) async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    /// Asserts that nothing but pings comes for a while.
    pub(crate) async fn hears_nothing(&mut self) {
        if let Ok(message) = timeout(Duration::from_millis(300), self.hear()).await {
            panic!("heard {message}");
        }
    }

    /// The close code the gateway sends, after whatever else it sends.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let next = timeout(PATIENCE, self.stream.next())
                .await
                .expect("a close in time");
            match next.expect("a close frame before the end") {
                Ok(Message::Close(Some(frame))) => {
                    let rest = timeout(PATIENCE, self.stream.next())
                        .await
                        .expect("an end in time");
                    assert!(rest.is_none(), "a clean end");
                    return frame.code.into();
                }
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
    }
}

/// A WebSocket of bytes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Upgrades, and reads nothing past the answer's head. `receive_buffer` limits what the kernel takes unread.
    pub(crate) async fn upgrade(address: SocketAddr, receive_buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().expect("socket");
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes).expect("buffer");
        }
        let mut stream = socket.connect(address).await.expect("connect");
        let request = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("write");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        Self { stream }
    }

    /// Sends a frame: its first byte (FIN, RSV, opcode) and payload, masked with zeros.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            long => {
                bytes.push(0x80 | 126);
                bytes.extend(
                    u16::try_from(long)
                        .expect("a payload below 64 KiB")
                        .to_be_bytes(),
                );
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(payload);
        self.stream.write_all(&bytes).await.expect("write");
    }

    /// The next frame's first byte and payload; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => self.stream.read_u16().await.ok()?.into(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    /// The code of the close frame that must come next but for other messages, and then the end of the stream.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let close = async {
            loop {
                match self.next().await.expect("a close frame before the end") {
                    (0x88, payload) => return u16::from_be_bytes([payload[0], payload[1]]),
                    _ => continue,
                }
            }
        };
        let code = timeout(PATIENCE, close).await.expect("a close in time");
        self.frame(0x88, &code.to_be_bytes()).await;
        let end = timeout(PATIENCE, self.stream.read(&mut [0]))
            .await
            .expect("an end in time");
        assert!(
            matches!(end, Ok(0) | Err(_)),
            "nothing after the close frame"
        );
        code
    }
}
