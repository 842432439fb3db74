//! One WebSocket of a client: size limits, close codes, and a deadline on every write.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prometheus_client::encoding::EncodeLabelValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The longest frame, and the longest message of several frames, in bytes.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// Allocated once per connection and cleared at every wake-up, so it is small.
const READ_BUFFER: usize = 4 * 1024;

/// Collects what is sent together; grows only while a client does not read.
const WRITE_BUFFER: usize = 4 * 1024;
const MAX_WRITE_BUFFER: usize = 64 * 1024;

/// How long to wait for the client's part of a closing handshake.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Why a WebSocket ended. Codes from 4000 to 4399 invite the client to come back (after a pause of random length);
/// those from 1002 to 1009 say that it would be told the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum End {
    /// The client closed it.
    Client,
    /// The connection broke.
    Lost,
    /// 1002: not the WebSocket protocol.
    BadProtocol,
    /// 1003: a binary message.
    Binary,
    /// 1007: a text that is not UTF-8.
    BadUtf8,
    /// 1009: a message over [`MAX_MESSAGE`].
    TooBig,
    /// 4001: the gateway ends.
    Restart,
    /// 4002: no hello in time.
    NoHello,
    /// 4008: the client reads too slowly.
    TooSlow,
    /// 4012: no sign of life.
    Silent,
}

impl End {
    /// The close code and its words, where there is one to send.
    const fn close(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Client | Self::Lost => return None,
            Self::BadProtocol => (1002, "not the WebSocket protocol"),
            Self::Binary => (1003, "messages are texts"),
            Self::BadUtf8 => (1007, "texts are UTF-8"),
            Self::TooBig => (1009, "messages hold at most 8192 bytes"),
            Self::Restart => (4001, "the gateway ends; come back"),
            Self::NoHello => (4002, "no hello in time; come back"),
            Self::TooSlow => (4008, "read faster; come back"),
            Self::Silent => (4012, "no sign of life; come back"),
        })
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooBig,
            Error::Utf8(_) => Self::BadUtf8,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::BadProtocol,
            _ => Self::Lost,
        }
    }
}

/// A server's end of a WebSocket.
pub struct Socket<S> {
    stream: WebSocketStream<S>,
    write_timeout: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes over a connection after its upgrade. No write may take longer than `write_timeout`.
    pub async fn new(stream: S, write_timeout: Duration) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_frame_size(Some(MAX_MESSAGE))
            .max_message_size(Some(MAX_MESSAGE));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self {
            stream,
            write_timeout,
        }
    }

    /// The next text; `None` for a ping or pong, which is a sign of life. Cancel-safe.
    ///
    /// # Errors
    /// Why nothing more can come; pass it to [`Socket::close`].
    pub async fn receive(&mut self) -> Result<Option<Utf8Bytes>, End> {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Ok(Some(text)),
            Some(Ok(Message::Binary(_))) => Err(End::Binary),
            Some(Ok(Message::Close(_))) => Err(End::Client),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(error.into()),
            None => Err(End::Lost),
        }
    }

    /// Queues a text; [`Socket::flush`] sends it.
    ///
    /// # Errors
    /// [`End::TooSlow`] past the deadline, else why nothing can be sent.
    pub async fn feed(&mut self, text: String) -> Result<(), End> {
        self.write(Message::text(text)).await
    }

    /// Queues a ping, which every WebSocket client answers by itself.
    ///
    /// # Errors
    /// As [`Socket::feed`].
    pub async fn ping(&mut self) -> Result<(), End> {
        self.write(Message::Ping(Bytes::new())).await
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// As [`Socket::feed`].
    pub async fn flush(&mut self) -> Result<(), End> {
        timeout(self.write_timeout, self.stream.flush())
            .await
            .map_err(|_| End::TooSlow)?
            .map_err(End::from)
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        timeout(self.write_timeout, self.stream.feed(message))
            .await
            .map_err(|_| End::TooSlow)?
            .map_err(End::from)
    }

    /// Says goodbye, as far as that is still possible, and lets go of the connection.
    pub async fn close(mut self, end: End) {
        // Past this time the client gets no more of ours.
        let _ = timeout(CLOSE_WAIT, self.goodbye(end)).await;
    }

    async fn goodbye(&mut self, end: End) {
        if let Some((code, reason)) = end.close() {
            let frame = CloseFrame {
                code: code.into(),
                reason: Utf8Bytes::from_static(reason),
            };
            if self.stream.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
        }
        if end == End::Lost {
            return;
        }
        // The handshake is done only when the stream ends: until then it sends our part or awaits the client's.
        let clean = loop {
            match self.stream.next().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => break false,
                None => break !matches!(end, End::BadProtocol | End::BadUtf8 | End::TooBig),
            }
        };
        if !clean {
            // Bytes left unread when a connection is dropped make the kernel reset it, and a reset can destroy the
            // close frame on its way. So end our side and read the rest away.
            let stream = self.stream.get_mut();
            if stream.shutdown().await.is_ok() {
                let mut rest = [0; 1024];
                while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
            }
        }
    }
}
