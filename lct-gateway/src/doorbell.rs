//! The doorbell: how a gateway learns that there is something new for someone connected to it.
//!
//! The module rings on the channel `lct:alerts:<graph>`: a JSON array of up to 512 entries that name visitors. What a
//! ring says beside that is not believed; the connections concerned read their inboxes. Redis drops rings for a gateway
//! that is away, so after every subscription all connections read theirs. A subscription can also die in silence, so
//! the gateway rings for itself now and then, on `lct:probe:<random>`, and subscribes anew when it hears nothing. Nor does a
//! replica ring, and a primary that becomes one keeps its connections: so it is also asked whether it is a primary.
//!
//! Gateways tell each other on `lct:control:<graph>` that a visitor was revoked: a hash, never an id. What one of them
//! missed it reads after every subscription (see [`gone`]).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, RedisError, Value};
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::gone;
use crate::graphs::{Graph, Graphs};
use crate::metrics::Metrics;
use crate::redis_link::{RedisLink, is_of_a_replica, primary_only};
use crate::registry::{Place, Registry, Told};

/// How many messages may wait to be passed on. Should there be more, every connection reads its inbox.
const QUEUE: usize = 1024;

/// How long Redis may take to answer a subscription, and a gateway's own ring.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the gateway rings for itself, and after how long without hearing itself it subscribes anew.
const PROBE_EVERY: Duration = Duration::from_secs(2);
const PROBE_LIMIT: Duration = Duration::from_secs(8);

/// The pause before another attempt to subscribe.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// One entry of a ring, as far as it is read.
#[derive(Deserialize)]
struct Ring<'a> {
    #[serde(borrow)]
    visitor: Cow<'a, str>,
}

/// What came in by the subscription.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Ring(Graph, Vec<u8>),
    Control(Vec<u8>),
    Probe,
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Redis could not be reached or did not answer.
    Away,
    /// Redis refuses it.
    Refused,
    /// The connection broke.
    Broke,
    /// The gateway did not hear itself.
    Silent,
    /// Redis is a replica.
    Replica,
}

/// A gateway's ear on the doorbell.
pub struct Doorbell {
    link: RedisLink,
    probe: String,
    graphs: Arc<Graphs>,
    registry: Registry,
    metrics: Arc<Metrics>,
}

impl Doorbell {
    /// Prepares the subscription; [`Doorbell::run`] begins it.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(
        link: &RedisLink,
        graphs: Arc<Graphs>,
        registry: Registry,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        Ok(Self {
            link: link.clone(),
            probe: format!("lct:probe:{:032x}", rand::random::<u128>()),
            graphs,
            registry,
            metrics,
        })
    }

    /// Listens and passes on, until dropped.
    pub async fn run(self) {
        let mut pause = MIN_PAUSE;
        let mut last = Instant::now();
        loop {
            let loss = self.listen(&mut last).await;
            // Nothing else tells it while there is no subscription.
            self.age(last);
            let heard = self.metrics.doorbell_heard.set(0) == 1;
            tracing::warn!(?loss, "the doorbell is not heard");
            if loss == Loss::Replica {
                self.link.renew_lines();
            }
            pause = if heard {
                MIN_PAUSE
            } else {
                (pause * 2).min(MAX_PAUSE)
            };
            // So that all gateways of a Redis that comes back do not arrive at once.
            sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        }
    }

    fn age(&self, last: Instant) {
        self.metrics.doorbell_age.set(last.elapsed().as_secs_f64());
    }

    /// One subscription, from beginning to end; `last` is when the gateway last heard itself.
    async fn listen(&self, last: &mut Instant) -> Loss {
        let (queue, mut heard) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        let on_push = {
            let (graphs, probe) = (Arc::clone(&self.graphs), self.probe.clone());
            let missed = Arc::clone(&missed);
            move |push: PushInfo| {
                if let Some(message) = message(&graphs, &probe, push)
                    && queue.try_send(message).is_err()
                {
                    missed.store(true, Ordering::Release);
                }
            }
        };
        let channels = self.channels();
        // The connection ends with this function; its end closes the queue.
        let (connection, revoked) = match timeout(PATIENCE, async {
            let mut connection = self.link.subscription(on_push).await?;
            connection.subscribe(&channels[..]).await?;
            primary_only().query_async::<Value>(&mut connection).await?;
            let mut revoked = Vec::new();
            for read in gone::lately(&self.graphs) {
                let places: Vec<String> = read.query_async(&mut connection).await?;
                revoked.extend(places);
            }
            Ok::<_, RedisError>((connection, revoked))
        })
        .await
        {
            Ok(Ok(subscribed)) => subscribed,
            Ok(Err(error)) if error.is_io_error() => return Loss::Away,
            Ok(Err(error)) if is_of_a_replica(&error) => return Loss::Replica,
            Ok(Err(_)) => return Loss::Refused,
            Err(_) => return Loss::Away,
        };
        self.metrics.doorbell_heard.set(1);
        tracing::info!("the doorbell is heard");
        for place in revoked {
            self.control(place.as_bytes());
        }
        self.look_all();

        let replica = Arc::new(Notify::new());
        *last = Instant::now();
        let mut probe = interval(PROBE_EVERY);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = heard.recv() => match message {
                    Some(Heard::Ring(graph, payload)) => self.ring(graph, &payload),
                    Some(Heard::Control(payload)) => self.control(&payload),
                    Some(Heard::Probe) => *last = Instant::now(),
                    None => return Loss::Broke,
                },
                () = replica.notified() => return Loss::Replica,
                _ = probe.tick() => {
                    self.age(*last);
                    if last.elapsed() > PROBE_LIMIT {
                        return Loss::Silent;
                    }
                    if missed.swap(false, Ordering::AcqRel) {
                        self.metrics.rings_dropped.inc();
                        self.look_all();
                    }
                    self.ring_for_itself(connection.clone(), Arc::clone(&replica));
                }
            }
        }
    }

    /// Everything a gateway listens to.
    fn channels(&self) -> Vec<String> {
        let of_graph = |graph| [self.graphs.channel(graph), self.graphs.control(graph)];
        let mut channels: Vec<String> = Graphs::ALL.into_iter().flat_map(of_graph).collect();
        channels.push(self.probe.clone());
        channels
    }

    /// Rings if the subscription's server is a primary, says so if it is none.
    fn ring_for_itself(&self, mut connection: MultiplexedConnection, replica: Arc<Notify>) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.probe).arg("");
        tokio::spawn(async move {
            match primary_only().query_async::<Value>(&mut connection).await {
                // What comes of it is heard, or not.
                Ok(_) => drop(publish.query_async::<Value>(&mut connection).await),
                Err(error) if is_of_a_replica(&error) => replica.notify_one(),
                Err(_) => {}
            }
        });
    }

    fn look_all(&self) {
        let registry = self.registry.clone();
        tokio::spawn(async move { registry.look_all().await });
    }

    fn ring(&self, graph: Graph, payload: &[u8]) {
        let Ok(rings) = serde_json::from_slice::<Vec<Ring<'_>>>(payload) else {
            self.metrics.rings_unreadable.inc();
            tracing::warn!("a ring of the doorbell could not be read");
            return;
        };
        self.metrics.rings.inc();
        for ring in rings {
            let place = Place::of(&self.graphs, graph, &ring.visitor);
            self.registry.tell(place, Told::Look);
        }
    }

    fn control(&self, payload: &[u8]) {
        let place = std::str::from_utf8(payload).ok().and_then(Place::from_hex);
        match place {
            Some(place) => {
                self.registry.tell(place, Told::Leave);
            }
            None => tracing::warn!("a message between gateways could not be read"),
        }
    }
}

/// A message push, if its channel is one of ours.
fn message(graphs: &Graphs, probe: &str, push: PushInfo) -> Option<Heard> {
    if push.kind != PushKind::Message {
        return None;
    }
    let mut data = push.data.into_iter();
    let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
        (data.next(), data.next())
    else {
        return None;
    };
    if channel == probe.as_bytes() {
        return Some(Heard::Probe);
    }
    Graphs::ALL.into_iter().find_map(|graph| {
        if channel == graphs.channel(graph).as_bytes() {
            Some(Heard::Ring(graph, payload.clone()))
        } else if channel == graphs.control(graph).as_bytes() {
            Some(Heard::Control(payload.clone()))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_channels_are_heard() {
        let graphs = Graphs::new("lct").unwrap();
        let hear = |channel: &str| {
            let data = vec![
                Value::BulkString(channel.into()),
                Value::BulkString(b"[]".to_vec()),
            ];
            let kind = PushKind::Message;
            message(&graphs, "lct:probe:7", PushInfo { kind, data })
        };
        assert_eq!(
            hear("lct:alerts:Sandbox"),
            Some(Heard::Ring(Graph::Sandbox, b"[]".to_vec()))
        );
        assert_eq!(
            hear("lct:control:lct"),
            Some(Heard::Control(b"[]".to_vec()))
        );
        assert_eq!(hear("lct:probe:7"), Some(Heard::Probe));
        assert_eq!(hear("lct:probe:8"), None);
        assert_eq!(hear("lct:alerts:other"), None);
    }

    #[test]
    fn of_a_ring_only_the_visitors_are_read() {
        let text = r#"[{"visitor":"a\"b","alert":"x","state":"y","new":1}]"#;
        let rings: Vec<Ring<'_>> = serde_json::from_str(text).unwrap();
        assert_eq!(rings[0].visitor, "a\"b");
        assert!(serde_json::from_str::<Vec<Ring<'_>>>(r#"[{"visitor":1}]"#).is_err());
    }
}
