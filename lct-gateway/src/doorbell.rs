//! The doorbell: how gateways learn that there is an alert for someone connected to them.
//!
//! A ring is a JSON array of up to 512 entries on the channel `lct:alerts:<graph>`; every gateway listens to both
//! graphs and passes on what concerns its own connections. Redis drops rings for a gateway that is away, so a ring is
//! never the record of an alert. (Until the module keeps that record, it is all there is.)

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{PushInfo, PushKind, RedisError, Value};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::alerts::{Alert, AlertId, State};
use crate::clock;
use crate::graphs::{Graph, Graphs};
use crate::ids::VisitorId;
use crate::metrics::Metrics;
use crate::policy::Reason;
use crate::redis_link::RedisLink;
use crate::registry::Registry;

/// The most entries of one ring.
const MAX_ENTRIES: usize = 512;

/// How many rings may wait to be passed on before further ones are dropped.
const QUEUE: usize = 1024;

/// How long to wait for the first subscription before saying so, and again.
const PATIENCE: Duration = Duration::from_secs(5);

/// One entry of a ring.
#[derive(Serialize, Deserialize)]
pub struct Ring<'a> {
    /// Whom it concerns.
    #[serde(borrow)]
    pub visitor: Cow<'a, str>,
    /// The alert.
    pub alert: AlertId,
    /// Whether it holds.
    pub state: State,
    /// Why the sender warned. For now only: once the module keeps alerts, a gateway reads the reason from the inbox
    /// and this field goes.
    pub reason: Reason,
}

/// The texts to publish for these entries.
pub fn payloads<'a>(rings: impl Iterator<Item = Ring<'a>>) -> Vec<String> {
    let rings: Vec<_> = rings.collect();
    rings
        .chunks(MAX_ENTRIES)
        .map(|chunk| serde_json::to_string(chunk).expect("rings hold only what JSON can write"))
        .collect()
}

/// A gateway's ear on the doorbell.
pub struct Doorbell {
    heard: mpsc::Receiver<(Graph, Vec<u8>)>,
    connection: ConnectionManager,
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
        let (queue, heard) = mpsc::channel(QUEUE);
        let on_push = {
            let (graphs, metrics) = (Arc::clone(&graphs), Arc::clone(&metrics));
            move |push: PushInfo| match push.kind {
                PushKind::Subscribe => {
                    let before = metrics.doorbell_heard.set(1);
                    if before == 0 {
                        tracing::info!("the doorbell is heard");
                    }
                }
                PushKind::Disconnection => {
                    metrics.doorbell_heard.set(0);
                    tracing::warn!("the doorbell lost its connection to Redis");
                }
                PushKind::Message => {
                    if let Some(ring) = message(&graphs, push)
                        && queue.try_send(ring).is_err()
                    {
                        metrics.rings_dropped.inc();
                    }
                }
                _ => {}
            }
        };
        Ok(Self {
            heard,
            connection: link.subscriptions(on_push)?,
            graphs,
            registry,
            metrics,
        })
    }

    /// Listens and passes on, until dropped.
    pub async fn run(mut self) {
        let channels = Graphs::ALL.map(|graph| self.graphs.channel(graph));
        // Only the first subscription needs this: the connection repeats it by itself after a break.
        loop {
            match timeout(PATIENCE, self.connection.subscribe(&channels[..])).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => {
                    tracing::warn!(kind = ?error.kind(), "Redis refuses the doorbell");
                    tokio::time::sleep(PATIENCE).await;
                }
                Err(_) => tracing::warn!("Redis does not answer yet"),
            }
        }
        while let Some((graph, payload)) = self.heard.recv().await {
            self.pass_on(graph, &payload);
        }
    }

    fn pass_on(&self, graph: Graph, payload: &[u8]) {
        let Ok(rings) = serde_json::from_slice::<Vec<Ring<'_>>>(payload) else {
            self.metrics.rings_unreadable.inc();
            tracing::warn!("a ring of the doorbell could not be read");
            return;
        };
        self.metrics.rings.inc();
        let issued = clock::utc_midnight(clock::now());
        for ring in rings {
            let Ok(visitor) = VisitorId::new(&ring.visitor) else {
                continue;
            };
            let alert = Arc::new(Alert {
                alert: ring.alert,
                reason: ring.reason,
                state: ring.state,
                issued,
            });
            let delivered = self.registry.deliver(graph, visitor, &alert);
            self.metrics.alerts_queued.inc_by(delivered.queued as u64);
        }
    }
}

/// Channel and payload of a message push, if the channel is one of ours.
fn message(graphs: &Graphs, push: PushInfo) -> Option<(Graph, Vec<u8>)> {
    let mut data = push.data.into_iter();
    let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
        (data.next(), data.next())
    else {
        return None;
    };
    let graph = Graphs::ALL
        .into_iter()
        .find(|&graph| graphs.channel(graph).as_bytes() == channel)?;
    Some((graph, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(visitor: String) -> Ring<'static> {
        Ring {
            visitor: visitor.into(),
            alert: "00112233445566778899aabbccddeeff.1".parse().unwrap(),
            state: State::Active,
            reason: Reason::Positive,
        }
    }

    #[test]
    fn a_ring_has_the_fields_other_programs_read() {
        let payloads = payloads([ring("a\"b".into())].into_iter());
        assert_eq!(
            payloads,
            [
                r#"[{"visitor":"a\"b","alert":"00112233445566778899aabbccddeeff.1","state":"active","reason":"positive"}]"#
            ]
        );
    }

    #[test]
    fn many_alerts_become_several_rings() {
        let rings = (0..1_025).map(|n| ring(n.to_string()));
        let sizes: Vec<usize> = payloads(rings)
            .iter()
            .map(|text| serde_json::from_str::<Vec<Ring<'_>>>(text).unwrap().len())
            .collect();
        assert_eq!(sizes, [512, 512, 1]);
        assert!(payloads(std::iter::empty()).is_empty());
    }

    #[test]
    fn only_our_channels_are_heard() {
        let graphs = Graphs::new("lct").unwrap();
        let push = |channel: &str| PushInfo {
            kind: PushKind::Message,
            data: vec![
                Value::BulkString(channel.into()),
                Value::BulkString(b"[]".to_vec()),
            ],
        };
        assert!(matches!(
            message(&graphs, push("lct:alerts:Sandbox")),
            Some((Graph::Sandbox, payload)) if payload == b"[]"
        ));
        assert!(message(&graphs, push("lct:alerts:other")).is_none());
    }
}
