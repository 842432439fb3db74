//! The faults: which, on whom, and for how long.

use super::person::{Order, Orders};
use super::{Campaign, Tally};
use crate::proxy::{Proxy, Weather};
use crate::{Gateway, Server, Stop};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

/// No fault lasts longer.
pub(super) const LONGEST: Duration = Duration::from_secs(6);

#[derive(Debug, Clone, Copy)]
enum Fault {
    GatewayKilled,
    GatewayTerminated,
    RedisKilled,
    RedisLink(Weather),
    ClientLink(Weather),
    ClientDrops,
    ClientStopsReading,
}

/// How often each, by weight.
const FAULTS: [(Fault, u32); 13] = [
    (Fault::GatewayKilled, 12),
    (Fault::GatewayTerminated, 7),
    (Fault::RedisKilled, 8),
    (Fault::RedisLink(Weather::Cut), 7),
    (Fault::RedisLink(Weather::Stalled), 7),
    (Fault::RedisLink(Weather::HalfOpen), 7),
    (Fault::RedisLink(Weather::Torn), 7),
    (Fault::ClientLink(Weather::Cut), 4),
    (Fault::ClientLink(Weather::Stalled), 4),
    (Fault::ClientLink(Weather::HalfOpen), 4),
    (Fault::ClientLink(Weather::Torn), 4),
    (Fault::ClientDrops, 19),
    (Fault::ClientStopsReading, 10),
];

impl Fault {
    fn name(self) -> String {
        let of = |weather| match weather {
            Weather::Fair => "fair",
            Weather::Cut => "cut",
            Weather::Stalled => "stalled",
            Weather::HalfOpen => "half open",
            Weather::Torn => "torn in mid-message",
        };
        match self {
            Self::GatewayKilled => "gateway killed".into(),
            Self::GatewayTerminated => "gateway told to end".into(),
            Self::RedisKilled => "Redis killed".into(),
            Self::RedisLink(weather) => format!("link to Redis {}", of(weather)),
            Self::ClientLink(weather) => format!("link to clients {}", of(weather)),
            Self::ClientDrops => "client vanished".into(),
            Self::ClientStopsReading => "client stopped reading".into(),
        }
    }
}

/// Everything that can fail.
pub(super) struct Injector {
    pub(super) gateways: Vec<Arc<Mutex<Gateway>>>,
    pub(super) server: Arc<Mutex<Server>>,
    pub(super) redis_links: Vec<Arc<Proxy>>,
    pub(super) client_links: Vec<Arc<Proxy>>,
    pub(super) people: Vec<Orders>,
    /// What was done.
    pub(super) tally: Tally,
}

impl Injector {
    /// Carries out a campaign's faults; everything is whole again when this returns.
    pub(super) async fn run(&self, campaign: Campaign, rng: &mut impl Rng, progress: impl Fn(u64)) {
        let mut under_way = JoinSet::new();
        let busy: Vec<Arc<Mutex<()>>> = (0..2 * self.gateways.len())
            .map(|_| Arc::default())
            .collect();
        let mut done = 0;
        while done < campaign.faults {
            sleep(campaign.pace.mul_f64(2.0 * rng.random::<f64>())).await;
            let (fault, _) = *FAULTS
                .choose_weighted(rng, |(_, weight)| *weight)
                .expect("weights");
            let lasts = LONGEST.mul_f64(rng.random_range(0.02..1.0));
            let pause = lasts.min(Duration::from_secs(2));
            let number = rng.random_range(0..self.gateways.len());
            let begun = match fault {
                Fault::GatewayKilled => self.gateway(number, "KILL", pause, &mut under_way),
                Fault::GatewayTerminated => self.gateway(number, "TERM", pause, &mut under_way),
                Fault::RedisKilled => claim(&self.server).map(|mut server| {
                    let restart = move || server.restart_after(Stop::Kill, pause);
                    under_way.spawn(async move { spawn_blocking(restart).await.expect("Redis") });
                }),
                Fault::RedisLink(weather) => claim(&busy[number]).map(|guard| {
                    let link = Arc::clone(&self.redis_links[number]);
                    under_way.spawn(spell(link, weather, lasts, guard));
                }),
                Fault::ClientLink(weather) => {
                    claim(&busy[self.gateways.len() + number]).map(|guard| {
                        let link = Arc::clone(&self.client_links[number]);
                        under_way.spawn(spell(link, weather, lasts, guard));
                    })
                }
                Fault::ClientDrops => self.order(rng, Order::Drop),
                Fault::ClientStopsReading => self.order(rng, Order::StopReading(lasts)),
            };
            if begun.is_some() {
                done += 1;
                self.tally.add(fault.name());
                if done.is_multiple_of(20) {
                    progress(done as u64);
                }
            }
        }
        while let Some(healed) = under_way.join_next().await {
            healed.expect("a fault that heals");
        }
    }

    fn gateway(
        &self,
        number: usize,
        signal: &'static str,
        pause: Duration,
        under_way: &mut JoinSet<()>,
    ) -> Option<()> {
        let mut gateway = claim(&self.gateways[number])?;
        let restart = move || gateway.restart_after(signal, pause);
        under_way.spawn(async move { spawn_blocking(restart).await.expect("a gateway") });
        Some(())
    }

    /// Lets somebody who is connected suffer this.
    fn order(&self, rng: &mut impl Rng, order: Order) -> Option<()> {
        let connected: Vec<&Orders> = self.people.iter().filter(|p| p.is_connected()).collect();
        connected.choose(rng)?.sender.try_send(order).ok()
    }
}

/// Only one fault at a time for each thing.
fn claim<T>(thing: &Arc<Mutex<T>>) -> Option<OwnedMutexGuard<T>> {
    Arc::clone(thing).try_lock_owned().ok()
}

async fn spell(link: Arc<Proxy>, weather: Weather, lasts: Duration, _claim: OwnedMutexGuard<()>) {
    link.set(weather);
    sleep(lasts).await;
    link.set(Weather::Fair);
}
