//! One client's connection: carries texts, alerts, results and timers between socket and session.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;

use crate::alerts::Alert;
use crate::bucket::{Bucket, Rate};
use crate::clock;
use crate::command::{Done, Services};
use crate::ending::Ending;
use crate::graphs::Graphs;
use crate::heartbeat::{Beat, Heartbeat};
use crate::identity::{Auth, Challenge};
use crate::metrics::{Limit, Metrics};
use crate::protocol::{Fault, ServerMessage, read};
use crate::registry::{Place, Registration, Registry, Told};
use crate::server::Peer;
use crate::session::{Action, Session};
use crate::socket::{End, Received, Socket};

/// Pings that a client may send. Each costs an answer; a page cannot send any, and programs need few.
const PINGS: Rate = Rate {
    every: Duration::from_secs(1),
    burst: 20,
};

/// Messages that may come too soon before the connection is closed.
const EXCESS: Rate = Rate {
    every: Duration::from_secs(1),
    burst: 20,
};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Until its hello is accepted.
    pub hello: Duration,
    /// Silence after which it is asked for a sign of life.
    pub ping: Duration,
    /// Until it gives that sign.
    pub pong: Duration,
    /// Until it takes what is sent.
    pub write: Duration,
}

/// What all connections share.
pub struct Context {
    /// The graphs' names.
    pub graphs: Arc<Graphs>,
    /// How clients say who they are.
    pub auth: Auth,
    /// By which commands are carried out.
    pub services: Arc<Services>,
    /// Who is connected.
    pub registry: Registry,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// How long clients may take.
    pub deadlines: Deadlines,
    /// How many messages each may send.
    pub messages: Rate,
    /// The signal to end.
    pub ending: Arc<Ending>,
}

/// The pause before an inbox that could not be read is tried again; it doubles up to [`MAX_READ_PAUSE`].
const MIN_READ_PAUSE: Duration = Duration::from_millis(500);
const MAX_READ_PAUSE: Duration = Duration::from_secs(10);

/// Frames longer than this are not collected with others before they are sent.
const LONG_FRAME: usize = 4 * 1024;

/// A command or a reading under way.
type Running<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// Serves a client until its connection ends.
///
/// `origin` is the page's, empty for a program.
pub async fn serve<S>(stream: S, peer: Peer, origin: String, context: Arc<Context>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Tells the lines of one connection from those of another, and nothing else.
    let number: u32 = rand::random();
    tracing::debug!(connection = number, "connection opened");
    let metrics = Arc::clone(&context.metrics);
    metrics.opened.inc();
    metrics.connections.inc();
    let socket = Socket::new(stream, context.deadlines.write).await;
    let mut connection = Connection::new(socket, peer, origin, context);
    let end = connection.run().await;
    metrics.connections.dec();
    metrics.closed(end);
    tracing::debug!(connection = number, ?end, "connection ended");
    let Connection { socket, peer, .. } = connection;
    socket.close(end).await;
    drop(peer); // its place is free now
}

struct Connection<S> {
    socket: Socket<S>,
    peer: Peer,
    context: Arc<Context>,
    session: Session,
    running: Option<Running<Done>>,
    reading: Option<Running<Vec<Alert>>>,
    /// When to try again to read the inbox, and the pause before that.
    read_at: Option<Instant>,
    read_pause: Duration,
    registration: Option<Registration>,
    /// The visitor was revoked: go once nothing is owed.
    revoked: bool,
    heartbeat: Heartbeat,
    messages: Bucket,
    excess: Bucket,
    pings: Bucket,
    /// Until the hello: when to stop waiting for it.
    hello_by: Instant,
    /// Once the gateway ends: when to send this client away.
    leave_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(socket: Socket<S>, peer: Peer, origin: String, context: Arc<Context>) -> Self {
        let now = Instant::now();
        let challenge = (context.auth == Auth::Key).then(|| Challenge::new(origin, clock::now()));
        let Deadlines {
            hello, ping, pong, ..
        } = context.deadlines;
        Self {
            socket,
            session: Session::new(Arc::clone(&context.graphs), challenge, peer.network),
            peer,
            running: None,
            reading: None,
            read_at: None,
            read_pause: MIN_READ_PAUSE,
            registration: None,
            revoked: false,
            heartbeat: Heartbeat::new(ping, pong, now),
            messages: Bucket::new(now),
            excess: Bucket::new(now),
            pings: Bucket::new(now),
            hello_by: now + hello,
            leave_at: None,
            context,
        }
    }

    async fn run(&mut self) -> End {
        if let Err(end) = self.start().await {
            return end;
        }
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    async fn start(&mut self) -> Result<(), End> {
        let mut actions = Vec::new();
        self.session.on_start(&mut actions);
        self.carry_out(actions).await?;
        self.socket.flush().await
    }

    /// Waits for one thing to happen and carries out what follows from it.
    async fn turn(&mut self) -> Result<(), End> {
        let mut actions = Vec::new();
        let ending = Arc::clone(&self.context.ending);
        let due = self.due();
        tokio::select! {
            result = optional(self.running.as_mut()) => {
                self.running = None;
                self.session.on_result(result, clock::now(), &mut actions);
            }
            received = self.socket.receive(), if self.session.can_read() => {
                self.on_received(received?, &mut actions)?;
            }
            result = optional(self.reading.as_mut()) => {
                self.reading = None;
                if result.is_ok() {
                    self.read_pause = MIN_READ_PAUSE;
                }
                self.session.on_inbox(result, clock::now(), &mut actions);
            }
            told = told(self.registration.as_mut()) => match told {
                Told::Look => self.session.on_told(&mut actions),
                Told::Leave => self.revoked = true,
            },
            () = sleep_until(due.into()) => self.on_time(&mut actions).await?,
            delay = ending.wait(), if self.leave_at.is_none() => {
                self.leave_at = Some(Instant::now() + delay);
            }
        }
        self.carry_out(actions).await?;
        self.socket.flush().await?;
        if self.revoked && !self.session.is_busy() {
            return Err(End::Revoked);
        }
        Ok(())
    }

    fn on_received(&mut self, received: Received, actions: &mut Vec<Action>) -> Result<(), End> {
        let now = Instant::now();
        let owed = self.heartbeat.is_asking();
        self.heartbeat.heard(now);
        let metrics = &self.context.metrics;
        let text = match received {
            Received::Text(text) => text,
            Received::Binary(_) => return Err(End::Binary),
            Received::Pong if owed => return Ok(()),
            Received::Ping | Received::Pong => {
                return self.pings.take(PINGS, now).map_err(|_| {
                    metrics.limit(Limit::Pings);
                    End::Flood
                });
            }
        };
        let message = read(&text);
        metrics.received(message.kind());
        if let Err(wait) = self.messages.take(self.context.messages, now) {
            metrics.limit(Limit::Messages);
            self.excess.take(EXCESS, now).map_err(|_| End::Flood)?;
            let fault = Fault::rate_limited(wait);
            actions.push(Action::Send(ServerMessage::error(message.id, fault)));
            return Ok(());
        }
        self.session.on_message(message, clock::now(), actions);
        Ok(())
    }

    /// When the next deadline is.
    fn due(&self) -> Instant {
        let mut due = self.heartbeat.due();
        if !self.session.is_open() {
            due = due.min(self.hello_by);
        }
        if let Some(read_at) = self.read_at {
            due = due.min(read_at);
        }
        // While a command runs its answer is awaited instead; it has a deadline of its own.
        if let Some(leave_at) = self.leave_at.filter(|_| !self.session.is_busy()) {
            due = due.min(leave_at);
        }
        due
    }

    async fn on_time(&mut self, actions: &mut Vec<Action>) -> Result<(), End> {
        let now = Instant::now();
        if self.read_at.is_some_and(|at| at <= now) {
            self.read_at = None;
            self.session.on_told(actions);
        }
        if self.leave_at.is_some_and(|at| at <= now) && !self.session.is_busy() {
            return Err(End::Restart);
        }
        if !self.session.is_open() && self.hello_by <= now {
            return Err(End::NoHello);
        }
        if !self.session.can_read() {
            // Its signs of life are on the wire, where this side has left them.
            self.heartbeat.heard(now);
            return Ok(());
        }
        match self.heartbeat.tick(now) {
            Beat::Wait => Ok(()),
            Beat::Silent => Err(End::Silent),
            Beat::Ask => {
                self.socket.ping().await?;
                self.send(&ServerMessage::Ping).await
            }
        }
    }

    async fn carry_out(&mut self, actions: Vec<Action>) -> Result<(), End> {
        for action in actions {
            match action {
                Action::Send(message) => self.send(&message).await?,
                Action::Register(graph, visitor) => {
                    self.peer.settle();
                    let place = Place::of(&self.context.graphs, graph, visitor.as_str());
                    self.registration = Some(self.context.registry.register(place));
                }
                Action::Run(command) => {
                    let services = Arc::clone(&self.context.services);
                    self.running = Some(Box::pin(async move { services.run(command).await }));
                }
                Action::Read(graph, visitor) => {
                    let services = Arc::clone(&self.context.services);
                    let reading = async move { services.inbox(graph, &visitor).await };
                    self.reading = Some(Box::pin(reading));
                }
                Action::ReadLater => {
                    let pause = self.read_pause.mul_f64(0.5 + rand::random::<f64>() / 2.0);
                    self.read_at = Some(Instant::now() + pause);
                    self.read_pause = (self.read_pause * 2).min(MAX_READ_PAUSE);
                }
                Action::Close(end) => return Err(end),
            }
        }
        Ok(())
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        self.context.metrics.sent(message.kind());
        if let ServerMessage::ExposureAlert { alerts } = message {
            alerts
                .iter()
                .for_each(|alert| self.context.metrics.alert(alert));
        }
        let frame = message.to_frame();
        let long = frame.len() > LONG_FRAME;
        self.socket.feed(frame).await?;
        if long {
            // Several of these would not fit into the buffer together.
            self.socket.flush().await?;
        }
        Ok(())
    }
}

/// Waits for a future that may not be there; without one, for ever.
async fn optional<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn told(registration: Option<&mut Registration>) -> Told {
    match registration {
        Some(registration) => registration.next().await,
        None => std::future::pending().await,
    }
}
