//! Numbers for Prometheus: counts and times, never an id, a place or an address.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::alerts::{Alert, State};
use crate::latency::Latencies;
use crate::module::Name;
use crate::policy::Priority;
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
    /// Connections that have not opened a session, HTTP requests included.
    pub unopened: Gauge,
    /// TLS handshakes that failed or took too long.
    pub tls_failed: Counter,
    /// When the certificate in use was loaded, in seconds since 1970.
    pub tls_loaded: Gauge,
    /// Changed certificates that could not be used.
    pub tls_refused: Counter,
    /// 1 while the subscription to the doorbell stands, as far as known.
    pub doorbell_heard: Gauge,
    /// Rings of the doorbell that were read.
    pub rings: Counter,
    /// Seconds since the doorbell was last heard, by the gateway's own ring if by no other.
    pub doorbell_age: Gauge<f64, AtomicU64>,
    /// How often rings came faster than they could be passed on, so that all inboxes were read.
    pub rings_dropped: Counter,
    /// Rings that could not be read.
    pub rings_unreadable: Counter,
    requests: Family<RequestLabel, Counter>,
    received: Family<TypeLabel, Counter>,
    sent: Family<TypeLabel, Counter>,
    closes: Family<CodeLabel, Counter>,
    limits: Family<LimitLabel, Counter>,
    redis_up: Gauge,
    /// How many alerts each inbox held that was read.
    pub inbox_depth: Histogram,
    alerts: Family<AlertLabel, Counter>,
    module_seconds: Family<CallLabel, Histogram, fn() -> Histogram>,
    /// How long module commands for clients took lately, for the operators' page.
    pub lately: Latencies,
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

/// The limits, as metrics name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Limit {
    /// Connections in total.
    Connections,
    /// Connections of one network.
    Network,
    /// Connections without a session.
    Unopened,
    /// Messages of one connection.
    Messages,
    /// Pings of one connection.
    Pings,
    /// The body of a request.
    Body,
    /// Visits of one visitor or network.
    Visits,
    /// Warnings of one visitor or network.
    Warnings,
    /// Guesses at one-time codes.
    Guesses,
    /// Texts to the operator.
    Feedback,
    /// Revocations from one network.
    Revocations,
    /// Exports of one visitor or network.
    Exports,
    /// Actions of one operator.
    Actions,
    /// Wrong tokens of operators, from one address or from all.
    Tokens,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabel {
    priority: Priority,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: Limit,
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
        let inbox_depth = Histogram::new([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        r.register(
            "inbox_depth",
            "Alerts in each inbox that was read",
            inbox_depth.clone(),
        );
        Self {
            connections: keep(r, "connections", "WebSockets open now"),
            opened: keep(r, "opened", "WebSockets opened"),
            closes: keep(
                r,
                "closes",
                "WebSockets that ended, by close code (1000: the client closed it, 1006: it broke)",
            ),
            limits: keep(r, "limits_hit", "Refusals because of a limit, by limit"),
            upgrades_refused: keep(r, "upgrades_refused", "WebSocket upgrades refused"),
            unopened: keep(r, "unopened", "Connections without a session"),
            tls_failed: keep(
                r,
                "tls_failed",
                "TLS handshakes that failed or took too long",
            ),
            tls_loaded: keep(
                r,
                "tls_loaded_timestamp_seconds",
                "When the certificate in use was loaded",
            ),
            tls_refused: keep(
                r,
                "tls_refused",
                "Changed certificates that could not be used; the old one stays",
            ),
            requests: keep(
                r,
                "requests",
                "Requests under /v1 answered, by operation and status",
            ),
            received: keep(r, "messages_in", "Texts received from clients, by type"),
            sent: keep(r, "messages_out", "Texts sent to clients, by type"),
            redis_up: keep(r, "redis_up", "1 if the last command reached Redis"),
            doorbell_heard: keep(r, "doorbell_heard", "1 while the doorbell is subscribed to"),
            rings: keep(r, "rings", "Doorbell rings read"),
            doorbell_age: keep(
                r,
                "doorbell_age_seconds",
                "Time since the doorbell was last heard",
            ),
            rings_dropped: keep(
                r,
                "rings_dropped",
                "Times that doorbell rings were dropped and all inboxes read instead",
            ),
            rings_unreadable: keep(
                r,
                "rings_unreadable",
                "Doorbell rings that could not be read",
            ),
            inbox_depth,
            alerts: keep(r, "alerts", "Alerts sent to clients, by priority and state"),
            module_seconds,
            lately: Latencies::default(),
            registry,
        }
    }
}

impl Metrics {
    /// A WebSocket ended.
    pub fn closed(&self, end: End) {
        let code = end.code();
        self.closes.get_or_create(&CodeLabel { code }).inc();
    }

    /// A request for this operation (`none`: for no known one) was answered with this status.
    pub fn request(&self, operation: &'static str, status: StatusCode) {
        let status = status.as_u16();
        self.requests
            .get_or_create(&RequestLabel { operation, status })
            .inc();
    }

    /// A text of this type came.
    pub fn received(&self, r#type: &'static str) {
        self.received.get_or_create(&TypeLabel { r#type }).inc();
    }

    /// A text of this type was sent.
    pub fn sent(&self, r#type: &'static str) {
        self.sent.get_or_create(&TypeLabel { r#type }).inc();
    }

    /// Something was refused because of a limit.
    pub fn limit(&self, limit: Limit) {
        self.limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// An alert was sent to a client.
    pub fn alert(&self, alert: &Alert) {
        let label = AlertLabel {
            priority: alert.priority,
            state: alert.state,
        };
        self.alerts.get_or_create(&label).inc();
    }

    /// A module command ended after `took`.
    pub fn module_call(&self, command: Name, outcome: Outcome, took: Duration) {
        let reached = outcome != Outcome::Unavailable;
        self.redis_up.set(reached.into());
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
