//! A client as it should be written: it repeats, with the same ids, whatever it got no answer to, comes back after a pause
//! that is partly random, and tells alerts apart by id and version.

use super::plan::{Act, Plan};
use super::{AFTERLIFE, Phase, Tally, lock};
use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long an answer may take before the client connects anew.
const ANSWER: Duration = Duration::from_secs(8);
/// A gateway asks for a sign of life after 3 s of silence; who hears nothing for longer than this is cut off.
const SILENCE: Duration = Duration::from_secs(8);
/// The pause before connecting again, doubled after each failure.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(3);
/// How often the client looks whether something is due.
const TICK: Duration = Duration::from_millis(100);

/// What the injector tells a client to suffer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Vanish without closing the connection.
    Drop,
    /// Read nothing for so long.
    StopReading(Duration),
}

/// Where to send orders.
pub(super) struct Orders {
    pub(super) connected: Arc<AtomicBool>,
    pub(super) sender: mpsc::Sender<Order>,
}

/// An act that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) act: Act,
    /// When it was first sent.
    pub(super) sent: Instant,
    /// When an answer said that it was done.
    pub(super) acked: Instant,
}

/// An alert as the client has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) version: u64,
    pub(super) reason: String,
    pub(super) active: bool,
}

/// What is known about a person; outlives connections.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    /// In the order of the acknowledgements.
    pub(super) done: Vec<Done>,
    /// By the hexadecimal part of their ids.
    pub(super) alerts: BTreeMap<String, Held>,
    /// Everything is done, and everything was received and confirmed since nothing fails any more.
    pub(super) ready: bool,
    /// What must not happen.
    pub(super) wrong: Vec<String>,
}

impl Record {
    pub(super) fn new(id: String) -> Self {
        Record {
            id,
            done: Vec::new(),
            alerts: BTreeMap::new(),
            ready: false,
            wrong: Vec::new(),
        }
    }
}

/// An act under way, until it is acknowledged, over as many connections as that takes.
struct Trial {
    act: Act,
    /// The same for every attempt.
    id: String,
    sent: Option<Instant>,
    attempts: u32,
    /// On this connection: until when the answer must come, or when to try again.
    until: Option<Instant>,
    again: Option<Instant>,
}

pub(super) struct Person {
    acts: Vec<Act>,
    pause: Duration,
    doors: Vec<SocketAddr>,
    record: Arc<Mutex<Record>>,
    connected: Arc<AtomicBool>,
    orders: mpsc::Receiver<Order>,
    phase: watch::Receiver<Phase>,
    tally: Arc<Tally>,
    rng: Pcg64,
    trial: Option<Trial>,
    next_act: Instant,
    /// What must rest until old copies of messages about it are dead.
    resting: HashMap<String, Instant>,
    requests: u64,
    /// Alerts to confirm, and when.
    receipts: Vec<(String, Instant)>,
    /// Confirmations under way.
    confirming: HashMap<String, String>,
    confirmed: HashSet<String>,
    /// Whether it keeps its connection once nothing fails any more, instead of making a new one: then what it missed must
    /// come by itself.
    stays: bool,
    /// The logged visits, as the gateway names them.
    nodes: HashMap<String, String>,
}

type Socket = WebSocketStream<TcpStream>;

/// What a connection has seen.
struct Session {
    socket: Socket,
    open: bool,
    complete: bool,
    anew: bool,
    heard: Instant,
    delivered: HashSet<String>,
    leave_at: Instant,
}

/// The connection is over.
struct Over;

impl Person {
    #[expect(clippy::too_many_arguments, reason = "called once, with all there is")]
    pub(super) fn new(
        plan: Plan,
        pause: Duration,
        doors: Vec<SocketAddr>,
        record: Arc<Mutex<Record>>,
        connected: Arc<AtomicBool>,
        orders: mpsc::Receiver<Order>,
        phase: watch::Receiver<Phase>,
        tally: Arc<Tally>,
        mut rng: Pcg64,
    ) -> Self {
        Person {
            stays: rng.random(),
            acts: plan.acts,
            pause,
            doors,
            record,
            connected,
            orders,
            phase,
            tally,
            rng,
            trial: None,
            next_act: Instant::now(),
            resting: HashMap::new(),
            requests: 0,
            receipts: Vec::new(),
            confirming: HashMap::new(),
            confirmed: HashSet::new(),
            nodes: HashMap::new(),
        }
    }

    pub(super) async fn live(mut self) {
        let mut pause = MIN_PAUSE;
        while self.phase() != Phase::Over {
            let door = self.doors[self.rng.random_range(0..self.doors.len())];
            let worked = match timeout(ANSWER, self.connect(door)).await {
                Ok(Some(socket)) => self.session(socket).await,
                _ => {
                    self.tally.add("connections refused");
                    false
                }
            };
            self.connected.store(false, Ordering::Relaxed);
            pause = if worked {
                MIN_PAUSE
            } else {
                (pause * 2).min(MAX_PAUSE)
            };
            let away = pause.mul_f64(self.rng.random());
            sleep(away).await;
            if self.phase() == Phase::Faults && self.rng.random_bool(0.1) {
                self.tally.add("periods offline");
                let while_away = self.between(2.0, 10.0);
                let phase = &mut self.phase;
                drop(timeout(while_away, phase.wait_for(|now| *now != Phase::Faults)).await);
            }
        }
    }

    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    fn between(&mut self, low: f64, high: f64) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(low..high))
    }

    async fn connect(&mut self, door: SocketAddr) -> Option<Socket> {
        let stream = TcpStream::connect(door).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (socket, _) = client_async(format!("ws://{door}/ws"), stream).await.ok()?;
        Some(socket)
    }

    /// Uses a connection until it ends; whether it ever worked.
    async fn session(&mut self, socket: Socket) -> bool {
        self.tally.add("connections");
        while self.orders.try_recv().is_ok() {} // meant for the connection before
        let mut session = Session {
            socket,
            open: false,
            complete: false,
            anew: self.phase() == Phase::Healed,
            heard: Instant::now(),
            delivered: HashSet::new(),
            leave_at: Instant::now() + self.between(5.0, 60.0),
        };
        if let Some(trial) = &mut self.trial {
            (trial.until, trial.again) = (None, Some(Instant::now()));
        }
        self.confirming.clear();
        let _over = self.converse(&mut session).await;
        if session.open {
            self.tally.add("sessions");
        }
        session.open
    }

    async fn converse(&mut self, session: &mut Session) -> Result<(), Over> {
        let user = lock(&self.record).id.clone();
        self.send(session, json!({"type": "hello", "userID": user}))
            .await?;
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                message = session.socket.next() => match message {
                    Some(Ok(message)) => self.on_message(session, message).await?,
                    Some(Err(_)) | None => return Err(Over),
                },
                order = self.orders.recv() => match order {
                    Some(Order::StopReading(pause)) => sleep(pause).await,
                    Some(Order::Drop) | None => return Err(Over),
                },
                _ = tick.tick() => self.on_time(session).await?,
            }
        }
    }

    async fn send(&self, session: &mut Session, message: Value) -> Result<(), Over> {
        self.tally.add(format!(
            "sent {}",
            message["type"].as_str().expect("a type")
        ));
        let sent = session.socket.send(Message::text(message.to_string()));
        match timeout(ANSWER, sent).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }

    async fn on_message(&mut self, session: &mut Session, message: Message) -> Result<(), Over> {
        session.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => {
                let code = frame.map_or(1005, |frame| u16::from(frame.code));
                self.tally.add(format!("closed by the gateway with {code}"));
                return Ok(()); // the end of the stream follows
            }
            _ => return Ok(()),
        };
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            self.wrong("a message is no JSON");
            return Err(Over);
        };
        match message["type"].as_str() {
            Some("session") => {
                session.open = true;
                session.complete = message["complete"] == true;
                if !session.complete {
                    self.tally
                        .add("sessions whose inbox could not be read at once");
                }
                self.connected.store(true, Ordering::Relaxed);
            }
            Some("exposureAlert") => {
                for alert in message["alerts"].as_array().into_iter().flatten() {
                    self.on_alert(session, alert);
                }
            }
            Some("ack") => self.on_ack(&message),
            Some("error") => self.on_error(&message),
            Some("ping" | "pong") => {}
            _ => self.wrong(format!("an unexpected message: {message}")),
        }
        Ok(())
    }

    fn on_ack(&mut self, message: &Value) {
        let id = message["id"].as_str().unwrap_or_default();
        if let Some(alert) = self.confirming.remove(id) {
            self.tally.add("acks of alertReceived");
            self.confirmed.insert(alert);
        } else if self.trial.as_ref().is_some_and(|trial| trial.id == id) {
            let trial = self.trial.take().expect("it is there");
            self.tally.add("acks");
            if trial.attempts > 1 {
                self.tally.add("acks of what had been repeated");
                let rested = Instant::now() + AFTERLIFE;
                self.resting.insert(trial.act.about(), rested);
            }
            if let Some(node) = message["loggedNodeId"].as_str() {
                self.nodes.insert(trial.act.about(), node.to_owned());
            }
            lock(&self.record).done.push(Done {
                act: trial.act,
                sent: trial.sent.expect("sent before it is acknowledged"),
                acked: Instant::now(),
            });
            self.next_act = Instant::now() + self.pause.mul_f64(2.0 * self.rng.random::<f64>());
        }
    }

    /// What is refused for now is tried again; nothing else may be refused.
    fn on_error(&mut self, message: &Value) {
        let code = message["code"].as_str().unwrap_or_default();
        self.tally.add(format!("errors {code}"));
        if !["unavailable", "rate_limited"].contains(&code) {
            self.wrong(format!("an error that nothing explains: {message}"));
        }
        let id = message["id"].as_str().unwrap_or_default();
        self.confirming.remove(id);
        let wait = self.between(0.2, 1.0);
        let asked = Duration::from_millis(message["retry_ms"].as_u64().unwrap_or_default());
        if let Some(trial) = &mut self.trial
            && trial.id == id
        {
            trial.until = None;
            trial.again = Some(Instant::now() + wait.max(asked));
        }
    }

    fn on_alert(&mut self, session: &mut Session, alert: &Value) {
        let id = alert["alert"].as_str().unwrap_or_default().to_owned();
        let (Some((hash, version)), Some(reason), Some(state), Some(issued)) = (
            id.split_once('.'),
            alert["reason"].as_str(),
            alert["state"].as_str(),
            alert["issued"].as_u64(),
        ) else {
            return self.wrong(format!("no alert: {alert}"));
        };
        if issued % 86_400_000 != 0 || !["active", "withdrawn"].contains(&state) {
            self.wrong(format!("no such alert: {alert}"));
        }
        if !session.delivered.insert(id.clone()) {
            self.wrong("an alert came twice by the same connection");
        }
        let held = Held {
            version: version.parse().unwrap_or_default(),
            reason: reason.to_owned(),
            active: state == "active",
        };
        let mut record = lock(&self.record);
        let known = record.alerts.get(hash).cloned();
        let news = known
            .as_ref()
            .is_none_or(|known| known.version < held.version);
        if news {
            record.alerts.insert(hash.to_owned(), held);
            drop(record);
            self.tally.add(if session.open {
                "alerts received while connected"
            } else {
                "alerts received on connecting"
            });
        } else {
            drop(record);
            self.tally.add("alerts received again, unchanged");
            if known != Some(held) {
                self.wrong(
                    "an alert was followed by an older version, or changed and kept its version",
                );
            }
        }
        // Some people look at once, some late, and some only when all is over.
        if self.rng.random_bool(0.7) {
            let looked = Instant::now() + self.between(0.0, 5.0);
            self.receipts.push((id, looked));
        }
    }

    async fn on_time(&mut self, session: &mut Session) -> Result<(), Over> {
        let now = Instant::now();
        let late = self.trial.as_ref().and_then(|trial| trial.until);
        if session.heard + SILENCE < now || late.is_some_and(|until| until < now) {
            self.tally.add("connections given up");
            return Err(Over);
        }
        if !session.open {
            return Ok(());
        }
        match self.phase() {
            Phase::Faults if session.leave_at < now => {
                self.tally.add("connections closed by the client");
                drop(timeout(ANSWER, session.socket.close(None)).await);
                return Err(Over);
            }
            Phase::Faults => {}
            Phase::Healed => self.finish(session)?,
            Phase::Over => return Err(Over),
        }
        self.act(session).await?;
        self.confirm(session).await
    }

    /// Sends what is due: a repetition, or the next act about anything that need not rest.
    async fn act(&mut self, session: &mut Session) -> Result<(), Over> {
        let now = Instant::now();
        if self.trial.is_none() && self.next_act <= now {
            let mut blocked = HashSet::new();
            let free = self.acts.iter().position(|act| {
                let about = act.about();
                let rests = self.resting.get(&about).is_some_and(|until| *until > now);
                // What comes first about a thing also blocks what comes after.
                !blocked.contains(&about) && (!rests || !blocked.insert(about))
            });
            self.trial = free.map(|act| {
                self.requests += 1;
                Trial {
                    act: self.acts.remove(act),
                    id: format!("act-{}", self.requests),
                    sent: None,
                    attempts: 0,
                    until: None,
                    again: Some(now),
                }
            });
        }
        let Some(trial) = &mut self.trial else {
            return Ok(());
        };
        if trial.again.is_none_or(|again| again > now) {
            return Ok(());
        }
        trial.again = None;
        trial.attempts += 1;
        trial.sent.get_or_insert(now);
        trial.until = Some(now + ANSWER);
        let node = self.nodes.get(&trial.act.about());
        let message = message(&trial.act, &trial.id, node);
        self.send(session, message).await
    }

    async fn confirm(&mut self, session: &mut Session) -> Result<(), Over> {
        let now = Instant::now();
        let due: Vec<String> = self
            .receipts
            .extract_if(.., |(_, at)| *at <= now)
            .map(|(alert, _)| alert)
            .collect();
        for alert in due {
            self.requests += 1;
            let id = format!("receipt-{}", self.requests);
            let message = json!({"type": "alertReceived", "id": id, "alerts": [alert]});
            self.confirming.insert(id, alert);
            self.send(session, message).await?;
        }
        Ok(())
    }

    /// Nothing fails any more: finish, connect anew or stay, confirm everything, and say when that is done.
    fn finish(&mut self, session: &Session) -> Result<(), Over> {
        let now = Instant::now();
        // Who would have to rest before changing something leaves it as it is.
        let resting = &self.resting;
        self.acts
            .retain(|act| resting.get(&act.about()).is_none_or(|until| *until <= now));
        self.next_act = now;
        if !self.acts.is_empty() || self.trial.is_some() {
            return Ok(());
        }
        if !session.anew && !self.stays {
            return Err(Over);
        }
        let mut record = lock(&self.record);
        let all = record
            .alerts
            .iter()
            .map(|(hash, held)| format!("{hash}.{}", held.version));
        let missing: Vec<String> = all.filter(|id| !self.confirmed.contains(id)).collect();
        // Who stays and was told that the inbox could not be read yet gets what is in it as soon as it can.
        record.ready |= missing.is_empty() && (session.complete || self.stays);
        drop(record);
        for alert in missing {
            let under_way = self.confirming.values().any(|known| *known == alert)
                || self.receipts.iter().any(|(known, _)| *known == alert);
            if !under_way {
                self.receipts.push((alert, now));
            }
        }
        Ok(())
    }

    fn wrong(&self, line: impl Into<String>) {
        lock(&self.record).wrong.push(line.into());
    }
}

/// The message for an act; a visit that was logged has the name `node`.
fn message(act: &Act, id: &str, node: Option<&String>) -> Value {
    match act {
        Act::Log(stay) => json!({
            "type": "logVisit", "id": id, "place_id": stay.place, "start": stay.start, "end": stay.end,
        }),
        Act::Lengthen(stay) => json!({
            "type": "updateVisit", "id": id, "loggedNodeId": node, "start": stay.start, "end": stay.end,
        }),
        Act::Warn {
            warning,
            reason,
            since,
        } => json!({
            "type": "exposureWarning", "id": id, "warning": warning, "reason": reason, "since": since,
        }),
        Act::Retract { warning } => json!({"type": "retractWarning", "id": id, "warning": warning}),
    }
}
