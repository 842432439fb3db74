//! A TCP link that can be made to fail: what stands between clients, gateways and Redis when faults are rehearsed.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a link does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Bytes pass.
    Fair,
    /// Connections break at once, and so do new ones.
    Cut,
    /// Bytes wait, and pass once it is fair again.
    Stalled,
    /// The far end is gone and the near one is not told: what it sends vanishes. Its connections break once it is fair
    /// again, as they would at the next packet.
    HalfOpen,
    /// Of whatever comes next on a connection only half passes; then it breaks.
    Torn,
}

/// A link to one address. Ends with the value.
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Opens a link to `to`, which need not be there.
    pub async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (weather, seen) = watch::channel(Weather::Fair);
        let accepting = tokio::spawn(async move {
            loop {
                // An error is one connection's affair.
                if let Ok((near, _)) = listener.accept().await {
                    tokio::spawn(serve(near, to, seen.clone()));
                }
            }
        });
        Proxy {
            address,
            weather,
            accepting,
        }
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, for the connections there are and those to come.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut near: TcpStream, to: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let breaks = |now: &Weather| matches!(now, Weather::Cut | Weather::HalfOpen);
    let carried = carry(&mut near, to, weather.clone());
    let half_open = tokio::select! {
        biased;
        now = weather.wait_for(breaks) => now.is_ok_and(|now| *now == Weather::HalfOpen),
        () = carried => false,
    };
    if half_open {
        let mut nothing = tokio::io::sink();
        tokio::select! {
            _ = tokio::io::copy(&mut near, &mut nothing) => {}
            _ = weather.wait_for(|now| *now != Weather::HalfOpen) => {}
        }
    }
    // Breaks with a reset rather than a polite end.
    drop(near.set_zero_linger());
}

/// Carries bytes both ways until either side ends.
async fn carry(near: &mut TcpStream, to: SocketAddr, mut weather: watch::Receiver<Weather>) {
    if stalled(&mut weather).await.is_none() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(to).await else {
        return;
    };
    for stream in [&*near, &far] {
        drop(stream.set_nodelay(true));
    }
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.split();
    tokio::select! {
        () = pump(near_read, far_write, weather.clone()) => {}
        () = pump(far_read, near_write, weather) => {}
    }
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let Some(now) = stalled(&mut weather).await else {
            return;
        };
        let torn = now == Weather::Torn && read > 1;
        let passes = if torn { read / 2 } else { read };
        if to.write_all(&buffer[..passes]).await.is_err() || torn {
            return;
        }
    }
}

/// Waits out a stall; the weather then, `None` where the proxy has ended.
async fn stalled(weather: &mut watch::Receiver<Weather>) -> Option<Weather> {
    let now = weather.wait_for(|now| *now != Weather::Stalled).await;
    now.ok().map(|now| *now)
}
