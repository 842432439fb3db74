//! Where a client is, as far as limits need to know: its network, behind trusted proxies too, and how many connections
//! that network has. None of it can be printed, so none of it gets into a log.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What counts as one place: an IPv4 address, or the /64 of an IPv6 address, which one household or machine has whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network([u8; 8]);

impl Network {
    /// The network an address lies in. An IPv4 address written as IPv6 is that IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        let mut bytes = [0; 8];
        match address.to_canonical() {
            // 0:0:… is no network anyone connects from, so the two kinds do not meet.
            IpAddr::V4(address) => bytes[4..].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes.copy_from_slice(&address.octets()[..8]),
        }
        Self(bytes)
    }

    /// The network's bytes: to be hashed with a salt, never kept.
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network(..)")
    }
}

/// The proxies whose word about their clients is taken.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Trusts whoever connects from these networks.
    pub fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.to_vec())
    }

    /// Whether this is a proxy of ours.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who made a request that came from `peer`: the peer itself, unless it is a proxy of ours. Then it is the last
    /// address in `X-Forwarded-For` that is none; what stands before that one was written by strangers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let forwarded = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut hops = forwarded.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        while self.trust(client) {
            match hops.next().map(|hop| address(hop.trim())) {
                Some(Some(address)) => client = address,
                // Nothing more is known, or nothing that can be trusted.
                Some(None) | None => break,
            }
        }
        client
    }
}

/// An address as proxies write it, some with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

/// How many connections each network has. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct Census {
    most: usize,
    // A std mutex: it is held for one look-up.
    counts: Arc<Mutex<HashMap<Network, usize>>>,
}

impl Census {
    /// Lets a network have at most this many connections.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            counts: Arc::default(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // Nothing that panics runs under the lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more connection until the value is dropped; `None` if the network has its most.
    pub fn enter(&self, network: Network) -> Option<Counted> {
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted {
            census: self.clone(),
            network,
        })
    }
}

/// One counted connection.
pub struct Counted {
    census: Census,
    network: Network,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.census.counts().entry(self.network) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
        let network = |text| Network::of(ip(text));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:9"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(format!("{:?}", network("192.0.2.1")), "Network(..)");
    }

    #[test]
    fn only_our_proxies_speak_for_others() {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        for (peer, forwarded, client) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"), // a stranger's claim
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::1", &["2001:db8::5"], "2001:db8::5"),
            // The client wrote the first; our outer proxy the second, the inner one the third.
            (
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.7, 10.0.0.2"],
                "198.51.100.7",
            ),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["203.0.113.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(X_FORWARDED_FOR, value.parse().unwrap());
            }
            assert_eq!(
                proxies.client(ip(peer), &headers),
                ip(client),
                "{peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn a_network_has_its_most_and_places_come_back() {
        let census = Census::new(2);
        let here = Network::of(ip("192.0.2.1"));
        let first = census.enter(here).unwrap();
        let second = census.enter(here).unwrap();
        assert!(census.enter(here).is_none());
        assert!(census.enter(Network::of(ip("192.0.2.2"))).is_some());
        drop(first);
        let third = census.enter(here);
        assert!(third.is_some());
        drop((second, third));
        assert!(
            census.counts().is_empty(),
            "nothing is kept of who was here"
        );
    }
}
