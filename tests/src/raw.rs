//! A WebSocket of bytes: what an attacker's program can send, and exactly what comes back.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client's end.
pub struct Raw<S> {
    /// The connection under it.
    pub stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Asks for a WebSocket with these further header lines, each ending in `\r\n`.
    ///
    /// # Errors
    /// The answer's head where it is not 101; empty if there was none.
    pub async fn upgrade(mut stream: S, lines: &str) -> Result<Self, String> {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        );
        // Whoever is turned away at the door may find it closed already.
        drop(stream.write_all(request.as_bytes()).await);
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        };
        timeout(PATIENCE, read).await.expect("an answer in time");
        let head = String::from_utf8(head).expect("a head in UTF-8");
        if head.starts_with("HTTP/1.1 101 ") {
            Ok(Self { stream })
        } else {
            Err(head)
        }
    }

    /// Sends a frame: its first byte (FIN, RSV, opcode) and payload, masked with zeros. False: the other side is gone.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            long => {
                let long = u16::try_from(long).expect("a payload below 64 KiB");
                bytes.push(0x80 | 126);
                bytes.extend(long.to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(payload);
        self.stream.write_all(&bytes).await.is_ok()
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) -> bool {
        self.frame(0x81, text.as_bytes()).await
    }

    /// The next frame's first byte and payload; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, self.read())
            .await
            .expect("a frame or the end in time")
    }

    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => self.stream.read_u16().await.ok()?.into(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    /// The next text, pings passed over.
    pub async fn text(&mut self) -> Option<String> {
        loop {
            match self.next().await? {
                (0x81, text) => {
                    return Some(String::from_utf8(text).expect("UTF-8").trim_end().into());
                }
                (0x89 | 0x8a, _) => {}
                (first, _) => panic!("a frame that begins with {first:#x}"),
            }
        }
    }

    /// Code and reason of the close frame that must come next but for other messages, and then the end of the stream.
    pub async fn close(&mut self) -> (u16, String) {
        loop {
            let (first, payload) = self.next().await.expect("a close frame before the end");
            if first != 0x88 {
                continue;
            }
            let (code, reason) = payload.split_at(2);
            let code = u16::from_be_bytes([code[0], code[1]]);
            self.frame(0x88, &code.to_be_bytes()).await;
            let end = timeout(PATIENCE, self.stream.read(&mut [0])).await;
            let end = end.expect("an end in time");
            assert!(
                matches!(end, Ok(0) | Err(_)),
                "nothing after the close frame"
            );
            return (code, String::from_utf8(reason.to_vec()).expect("UTF-8"));
        }
    }
}
