//! A client that costs little: the WebSocket framing written out, over TCP or TLS.

use std::sync::Arc;

use lct_tools::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a client talks over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How clients connect.
#[derive(Clone)]
pub(crate) struct Connector {
    port: u16,
    tls: Option<TlsConnector>,
}

impl Connector {
    /// To this port of the loopback; by TLS, trusting only this certificate, if there is one.
    pub(crate) fn new(
        port: u16,
        certificate: Option<&CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        let tls = match certificate {
            None => None,
            Some(certificate) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate.clone())?;
                let config =
                    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                        .with_safe_default_protocol_versions()?
                        .with_root_certificates(roots)
                        .with_no_client_auth();
                Some(TlsConnector::from(Arc::new(config)))
            }
        };
        Ok(Self { port, tls })
    }

    /// Connects and opens a session for this visitor.
    pub(crate) async fn hello(&self, visitor: &str) -> Result<Client, Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(
                tls.connect(ServerName::try_from("localhost")?, stream)
                    .await?,
            ),
        };
        let mut client = Client {
            stream: BufReader::with_capacity(1024, stream),
        };
        client.upgrade().await?;
        client
            .say(&format!(r#"{{"type":"hello","userID":"{visitor}"}}"#))
            .await?;
        client.hear(r#""type":"session""#).await?;
        Ok(client)
    }
}

/// A client with a session.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

impl Client {
    async fn upgrade(&mut self) -> Result<(), Error> {
        let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.flush().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            Ok(())
        } else {
            Err("the upgrade was refused".into())
        }
    }

    /// Sends a text.
    pub(crate) async fn say(&mut self, text: &str) -> Result<(), Error> {
        self.send(0x81, text.as_bytes()).await
    }

    async fn send(&mut self, first: u8, payload: &[u8]) -> Result<(), Error> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(long)?.to_be_bytes());
            }
        }
        frame.extend([0; 4]); // a mask that changes nothing
        frame.extend(payload);
        self.stream.write_all(&frame).await?;
        Ok(self.stream.flush().await?)
    }

    /// Waits for a text that holds this. Other alerts and pings are passed over; an `error` is one.
    pub(crate) async fn hear(&mut self, part: &str) -> Result<(), Error> {
        loop {
            let first = self.stream.read_u8().await?;
            let length = match self.stream.read_u8().await? {
                126 => self.stream.read_u16().await?.into(),
                127 => usize::try_from(self.stream.read_u64().await?)?,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await?;
            match first {
                0x89 => self.send(0x8a, &payload).await?,
                0x81 => {
                    let text = String::from_utf8(payload)?;
                    if text.contains(part) {
                        return Ok(());
                    }
                    if text.contains(r#""type":"error""#) {
                        return Err(text.trim_end().into());
                    }
                }
                0x88 => return Err("the server closed the WebSocket".into()),
                _ => {}
            }
        }
    }
}
