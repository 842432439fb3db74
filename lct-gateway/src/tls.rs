//! TLS for clients: a certificate and its key from two PEM files, read again when they change.
//!
//! TLS 1.2 and 1.3, HTTP/1.1 only. New handshakes use the new certificate at once; connections that stand are left
//! alone. Files that cannot be used change nothing: the old certificate stays, and the log says why.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::signal::unix::Signal;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{DEFAULT_VERSIONS, ServerConfig};
use tokio_rustls::{Accept, TlsAcceptor};

use crate::clock;
use crate::metrics::Metrics;

/// How often the files are looked at.
pub const WATCH: Duration = Duration::from_secs(5);

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate and those that signed it, in PEM.
    pub cert: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// A server's end of TLS. Cheap to clone: all clones use the same certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Arc<Files>,
}

/// The certificate in use.
struct Current {
    provider: Arc<CryptoProvider>,
    key: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current(..)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Nothing that panics runs under the lock.
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&key))
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One line: which flag's file, and what is wrong with it.
    pub fn load(files: Files) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current {
            key: RwLock::new(Arc::new(read(&files, &provider)?)),
            provider: Arc::clone(&provider),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(DEFAULT_VERSIONS)
            .map_err(|error| format!("--tls-cert: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Clients that come back shake hands at a fraction of the cost, and the server keeps nothing about them.
        config.ticketer = ring::Ticketer::new().map_err(|error| format!("--tls-key: {error}"))?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            current,
            files: Arc::new(files),
        })
    }

    /// Shakes hands on a new connection.
    pub fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        self.acceptor.accept(stream)
    }

    /// Reads the files again whenever they have changed, looking every `interval`, and at each `hangup`.
    pub async fn watch(
        self,
        interval: Duration,
        mut hangup: Option<Signal>,
        metrics: Arc<Metrics>,
    ) {
        metrics.tls_loaded.set(seconds());
        let mut seen = self.stamp();
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(interval) => false,
                () = next(&mut hangup) => true,
            };
            let stamp = self.stamp();
            if asked || stamp != seen {
                seen = stamp;
                self.reload(&metrics);
            }
        }
    }

    fn reload(&self, metrics: &Metrics) {
        match read(&self.files, &self.current.provider) {
            Ok(key) => {
                let mut current = self
                    .current
                    .key
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(key);
                metrics.tls_loaded.set(seconds());
                tracing::info!("the certificate was loaded again");
            }
            Err(line) => {
                metrics.tls_refused.inc();
                tracing::warn!("the changed certificate cannot be used, the old one stays: {line}");
            }
        }
    }

    /// What changes when the files do.
    fn stamp(&self) -> [Option<(u64, u64, i64, i64)>; 2] {
        let stamp = |file: Metadata| (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
        [&self.files.cert, &self.files.key].map(|path| fs::metadata(path).ok().map(stamp))
    }
}

/// The next signal; without one to wait for, never.
async fn next(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

fn read(files: &Files, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let cert = open("--tls-cert", &files.cert)?;
    let key = open("--tls-key", &files.key)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&cert)
        .collect::<Result<_, _>>()
        .map_err(|_| "--tls-cert: must hold certificates in PEM")?;
    if chain.is_empty() {
        return Err("--tls-cert: must hold certificates in PEM".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| "--tls-key: must hold a private key in PEM")?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("--tls-cert, --tls-key: do not go together ({error})"))
}

fn open(flag: &str, path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error: io::Error| format!("{flag}: cannot be read ({})", error.kind()))
}

/// Now, in seconds since 1970.
fn seconds() -> i64 {
    i64::try_from(clock::now() / 1_000).unwrap_or(i64::MAX)
}
