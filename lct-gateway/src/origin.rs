//! Which web pages may open a WebSocket here: an exact list, no patterns.
//!
//! A browser names the page's origin in every WebSocket request, and a page cannot forge it; without this check any
//! site a person visits could talk to the gateway in their name. A request without an Origin comes from a program, to
//! which the check means nothing, and is let through. The gateway's own pages are known by the address it listens on,
//! not by the Host header, which a page on a rebound name controls.

use std::net::SocketAddr;

use hyper::Uri;
use hyper::header::{HeaderMap, ORIGIN};

/// The allowed origins.
#[derive(Debug, Clone)]
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// Allows `listed`, and the pages the gateway itself serves on `listen`, by TLS or without.
    pub fn new(listed: &[Origin], listen: SocketAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let mut allowed: Vec<String> = listed.iter().map(|origin| origin.0.clone()).collect();
        allowed.push(normal(scheme, &listen.to_string()));
        if listen.ip().is_loopback() {
            allowed.push(normal(scheme, &format!("localhost:{}", listen.port())));
        }
        Self { allowed }
    }

    /// Whether a request with these headers may go on.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => self.allowed.iter().any(|allowed| origin == allowed),
            (Some(_), Some(_)) => false,
        }
    }
}

/// One value of `--allow-origin`, in the form browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str =
            "must be like https://lct.example.org or http://10.0.0.5:8787, without a path";
        let uri: Uri = text.parse().map_err(|_| RULE)?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(RULE);
        };
        // `Uri` adds the path "/" itself, so what was written is looked at instead.
        if !text.ends_with(authority.as_str()) || authority.as_str().contains(['@', '*']) {
            return Err(RULE);
        }
        Ok(Self(normal(scheme, authority.as_str())))
    }
}

/// Lower case and without the scheme's own port, as browsers write it.
fn normal(scheme: &str, authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let port = if scheme == "http" { ":80" } else { ":443" };
    format!(
        "{scheme}://{}",
        authority.strip_suffix(port).unwrap_or(&authority)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &Origins, sent: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(ORIGIN, value.parse().unwrap());
        }
        origins.allow(&headers)
    }

    #[test]
    fn the_list_is_exact() {
        let listed = ["https://LCT.example.org:443".parse().unwrap()];
        let origins = Origins::new(&listed, "127.0.0.1:8787".parse().unwrap(), false);
        for good in [
            &[][..],
            &["https://lct.example.org"],
            &["http://127.0.0.1:8787"],
            &["http://localhost:8787"],
        ] {
            assert!(allows(&origins, good));
        }
        for foreign in [
            &["null"][..],
            &[""],
            &["http://lct.example.org"],
            &["https://lct.example.org.evil.test"],
            &["https://evil.test/https://lct.example.org"],
            &["https://lct.example.org:8443"],
            &["http://127.0.0.1:8788"],
            &["https://lct.example.org", "https://evil.test"],
        ] {
            assert!(!allows(&origins, foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_public_address_is_not_also_localhost() {
        let origins = Origins::new(&[], "192.0.2.1:80".parse().unwrap(), false);
        assert!(allows(&origins, &["http://192.0.2.1"]));
        assert!(!allows(&origins, &["http://localhost"]));
        let origins = Origins::new(&[], "192.0.2.1:443".parse().unwrap(), true);
        assert!(allows(&origins, &["https://192.0.2.1"]));
        assert!(!allows(&origins, &["http://192.0.2.1"]));
    }

    #[test]
    fn listed_origins_are_origins() {
        for good in [
            "https://a.example",
            "http://[::1]:8080",
            "http://10.0.0.5:8787",
        ] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "a.example",
            "*",
            "https://*",
            "https://*.example",
            "https://a.example/",
            "https://a.example/app",
            "https://a.example?x",
            "https://me@a.example",
            "ftp://a.example",
            "null",
            "",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
