//! Clients: one that speaks the protocol, and one that sends whatever bytes a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::setup::PATIENCE;

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

    /// Connects and opens a session.
    pub(crate) async fn hello(address: SocketAddr, user: &str) -> Self {
        let mut client = Self::connect(address).await;
        let session = client
            .ask(json!({"type": "hello", "id": 0, "userID": user}))
            .await;
        assert_eq!(session["type"], "session", "{session}");
        assert_eq!(session["userID"], user);
        client
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("send");
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// The next JSON message; pings are answered on the way, and every frame has the length of its size class.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let next = timeout(PATIENCE, self.stream.next())
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
