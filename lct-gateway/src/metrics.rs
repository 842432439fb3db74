//! Numbers for Prometheus: counts and times, never an id, a place or an address.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::module::Name;
use crate::socket::End;

/// Every number the gateway keeps.
pub struct Metrics {
    registry: Registry,
    /// WebSockets open now.
    pub connections: Gauge,
    /// WebSockets opened.
    pub opened: Counter,
    /// Upgrades refused, whatever the reason.
    pub upgrades_refused: Counter,
    /// TCP connections turned away because the cap was reached.
    pub over_capacity: Counter,
    /// Texts received.
    pub messages_in: Counter,
    /// Texts sent.
    pub messages_out: Counter,
    /// 1 while the subscription to the doorbell stands, as far as known.
    pub doorbell_heard: Gauge,
    /// Rings of the doorbell that were read.
    pub rings: Counter,
    /// Rings that came faster than they could be passed on.
    pub rings_dropped: Counter,
    /// Rings that could not be read.
    pub rings_unreadable: Counter,
    /// Alerts queued for connections.
    pub alerts_queued: Counter,
    ends: Family<EndLabel, Counter>,
    module_seconds: Family<CallLabel, Histogram, fn() -> Histogram>,
}

/// How a module command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The module refused what a client asked.
    Refused,
    /// Redis could not be reached, or not do it now.
    Unavailable,
    /// The server failed.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabel {
    end: End,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    command: Name,
    outcome: Outcome,
}

/// From 100 µs to 26 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 4.0, 10))
}

/// Registers a number and hands it back.
fn keep<M: Clone + Default + prometheus_client::registry::Metric>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lct_gateway");
        let r = &mut registry;
        let module_seconds = Family::new_with_constructor(seconds as fn() -> Histogram);
        r.register(
            "module_seconds",
            "Time a module command took",
            module_seconds.clone(),
        );
        Self {
            connections: keep(r, "connections", "WebSockets open now"),
            opened: keep(r, "opened", "WebSockets opened"),
            ends: keep(r, "ends", "WebSockets that ended, by why"),
            upgrades_refused: keep(r, "upgrades_refused", "WebSocket upgrades refused"),
            over_capacity: keep(r, "over_capacity", "TCP connections turned away at the cap"),
            messages_in: keep(r, "messages_in", "Texts received from clients"),
            messages_out: keep(r, "messages_out", "Texts sent to clients"),
            doorbell_heard: keep(r, "doorbell_heard", "1 while the doorbell is subscribed to"),
            rings: keep(r, "rings", "Doorbell rings read"),
            rings_dropped: keep(
                r,
                "rings_dropped",
                "Doorbell rings dropped, the queue being full",
            ),
            rings_unreadable: keep(
                r,
                "rings_unreadable",
                "Doorbell rings that could not be read",
            ),
            alerts_queued: keep(r, "alerts_queued", "Alerts queued for connections"),
            module_seconds,
            registry,
        }
    }
}

impl Metrics {
    /// A WebSocket ended.
    pub fn ended(&self, end: End) {
        self.ends.get_or_create(&EndLabel { end }).inc();
    }

    /// A module command ended after `took`.
    pub fn module_call(&self, command: Name, outcome: Outcome, took: Duration) {
        self.module_seconds
            .get_or_create(&CallLabel { command, outcome })
            .observe(took.as_secs_f64());
    }

    /// All numbers as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a String cannot fail");
        text
    }
}
