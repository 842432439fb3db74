//! One WebSocket of a client: size limits, close codes, and a deadline on every write.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The longest frame, and the longest message of several frames, in bytes.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// Allocated once per connection and cleared at every wake-up, so it is small.
const READ_BUFFER: usize = 2 * 1024;

/// Collects what is sent together; grows only while a client does not read.
const WRITE_BUFFER: usize = 4 * 1024;

/// So many of the longest messages fit into the write buffer. And so many times the longest message a client may send
/// without finishing one, which is about the longest in frames of a byte each; without this, empty frames could go on
/// for ever.
const MESSAGES: usize = 8;

/// How long to wait for the client's part of a closing handshake.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Why a WebSocket ended.
///
/// Codes from 4000 to 4399 invite the client to come back, after the pause that the reason names. Those from 4400 and
/// from 1002 to 1009 are final: the same client, or the same bytes, would be told the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// 4013: the client keeps sending faster than it may.
    Flood,
    /// 4401: the hello does not prove who speaks.
    Unauthorised,
    /// 4403: the visitor was revoked.
    Revoked,
}

impl End {
    /// Every end.
    pub const ALL: [Self; 13] = [
        Self::Client,
        Self::Lost,
        Self::BadProtocol,
        Self::Binary,
        Self::BadUtf8,
        Self::TooBig,
        Self::Restart,
        Self::NoHello,
        Self::TooSlow,
        Self::Silent,
        Self::Flood,
        Self::Unauthorised,
        Self::Revoked,
    ];

    /// The close code and its words, where there is one to send.
    pub const fn close(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Client | Self::Lost => return None,
            Self::BadProtocol => (1002, "not the WebSocket protocol"),
            Self::Binary => (1003, "messages are texts"),
            Self::BadUtf8 => (1007, "texts are UTF-8"),
            Self::TooBig => (1009, "messages hold at most 8192 bytes"),
            Self::Restart => (4001, "the gateway ends"),
            Self::NoHello => (4002, "no hello in time"),
            Self::TooSlow => (4008, "read faster"),
            Self::Silent => (4012, "no sign of life"),
            Self::Flood => (4013, "send less"),
            Self::Unauthorised => (4401, "the hello does not prove who speaks"),
            Self::Revoked => (4403, "revoked"),
        })
    }

    /// For ends that invite the client back: how many milliseconds it is to wait, one at random of these.
    const fn pause(self) -> Option<Range<u32>> {
        match self {
            Self::Restart => Some(500..10_000),
            Self::NoHello | Self::TooSlow | Self::Silent => Some(500..5_000),
            Self::Flood => Some(10_000..30_000),
            _ => None,
        }
    }

    /// The close frame, where there is one to send.
    fn frame(self) -> Option<CloseFrame> {
        let (code, words) = self.close()?;
        let reason = match self.pause() {
            Some(pause) => format!("{words}; retry_ms={}", rand::random_range(pause)).into(),
            None => Utf8Bytes::from_static(words),
        };
        Some(CloseFrame {
            code: code.into(),
            reason,
        })
    }

    /// The code as metrics name it; without a close frame of ours, its stand-in from the WebSocket protocol.
    pub fn code(self) -> u16 {
        match (self, self.close()) {
            (_, Some((code, _))) => code,
            (Self::Client, None) => 1000,
            (_, None) => 1006,
        }
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

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Text(Utf8Bytes),
    /// A message that is no text.
    Binary(Bytes),
    /// A ping; its answer is queued.
    Ping,
    /// A pong.
    Pong,
}

/// A server's end of a WebSocket.
pub struct Socket<S> {
    stream: WebSocketStream<Metered<S>>,
    write_timeout: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes over a connection after its upgrade. No write may take longer than `write_timeout`.
    pub async fn new(stream: S, write_timeout: Duration) -> Self {
        Self::with_max_message(stream, write_timeout, MAX_MESSAGE).await
    }

    /// The same with another limit than [`MAX_MESSAGE`].
    pub async fn with_max_message(stream: S, write_timeout: Duration, max_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MESSAGES * max_message)
            .max_frame_size(Some(max_message))
            .max_message_size(Some(max_message));
        let stream = Metered::new(stream, MESSAGES * max_message);
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self {
            stream,
            write_timeout,
        }
    }

    /// What the client sent next. Cancel-safe.
    ///
    /// # Errors
    /// Why nothing more can come; pass it to [`Socket::close`].
    pub async fn receive(&mut self) -> Result<Received, End> {
        let next = self.stream.next().await;
        let meter = self.stream.get_mut();
        let received = match next {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Ping(_))) => Received::Ping,
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Received::Pong,
            Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes),
            Some(Ok(Message::Close(_))) => return Err(End::Client),
            Some(Err(_)) if meter.unfinished > meter.most => return Err(End::Flood),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(End::Lost),
        };
        meter.unfinished = 0;
        Ok(received)
    }

    /// Queues a message; [`Socket::flush`] sends it.
    ///
    /// # Errors
    /// [`End::TooSlow`] past the deadline, else why nothing can be sent.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), End> {
        self.write(message.into()).await
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
        if let Some(frame) = end.frame() {
            // An answer to a ping that still waits would be sent after the close frame, where nothing may come.
            if self.stream.flush().await.is_err()
                || self.stream.send(Message::Close(Some(frame))).await.is_err()
            {
                return;
            }
        }
        if end == End::Lost {
            return;
        }
        // The handshake is done only when the stream ends: until then it sends our part or awaits the client's. Who
        // floods is not listened to any more.
        let clean = end != End::Flood
            && loop {
                match self.stream.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => break false,
                    None => break !matches!(end, End::BadProtocol | End::BadUtf8 | End::TooBig),
                }
            };
        if !clean {
            // Bytes left unread when a connection is dropped make the kernel reset it, and a reset can destroy the
            // close frame on its way. So end our side and read the rest away.
            let stream = &mut self.stream.get_mut().stream;
            if stream.shutdown().await.is_ok() {
                let mut rest = [0; 1024];
                while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
            }
        }
    }
}

/// A stream that fails once too much was read since [`Metered::unfinished`] was last set to zero.
struct Metered<S> {
    stream: S,
    /// Bytes read.
    unfinished: usize,
    most: usize,
}

impl<S> Metered<S> {
    const fn new(stream: S, most: usize) -> Self {
        Self {
            stream,
            unfinished: 0,
            most,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.unfinished += buffer.filled().len() - before;
        if self.unfinished > self.most {
            return Poll::Ready(Err(io::Error::other("a message without an end")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_who_may_come_back() {
        for end in End::ALL {
            let retry = (4000..4400).contains(&end.code());
            assert_eq!(end.pause().is_some(), retry, "{end:?}");
            let Some(frame) = end.frame() else { continue };
            assert!(frame.reason.len() <= 123, "the most a close frame holds");
            let pause = frame.reason.split_once("; retry_ms=");
            assert_eq!(
                pause.is_some_and(|(_, ms)| ms.parse::<u32>().is_ok()),
                retry,
                "{end:?}"
            );
        }
    }
}
