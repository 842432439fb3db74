//! A person's two keys, and the hellos and requests they sign. Written from docs/protocol.md and docs/rest.md, not from the
//! gateway's code.

use crate::http::Request;
use crate::now;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// The device's key and the key from the key code.
pub struct Keys {
    device: SigningKey,
    code: SigningKey,
}

/// Which key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The device's: may do everything.
    Device,
    /// The key code's: may read alerts, erase and revoke.
    Code,
}

impl Keys {
    /// Person number `n`, the same each time.
    pub fn of(n: u64) -> Self {
        let key = |name: &str| {
            let seed = Sha256::new()
                .chain_update(name)
                .chain_update(n.to_be_bytes())
                .finalize();
            SigningKey::from_bytes(&seed.into())
        };
        Self {
            device: key("device"),
            code: key("code"),
        }
    }

    /// The visitor id: a UUID of version 8 from SHA-256 of both public keys.
    pub fn visitor(&self) -> String {
        let hash = Sha256::new()
            .chain_update(self.device.verifying_key())
            .chain_update(self.code.verifying_key())
            .finalize();
        let mut hex: Vec<char> = hash[..16]
            .iter()
            .flat_map(|byte| format!("{byte:02x}").chars().collect::<Vec<_>>())
            .collect();
        hex[12] = '8';
        hex[16] = ['8', '9', 'a', 'b'][usize::from(hash[8] >> 4 & 3)];
        let part = |range: std::ops::Range<usize>| hex[range].iter().collect::<String>();
        [
            part(0..8),
            part(8..12),
            part(12..16),
            part(16..20),
            part(20..32),
        ]
        .join("-")
    }

    /// A hello for this graph, signed by the key of that role over the nonce and the page's origin.
    pub fn hello(&self, role: Role, graph: &str, nonce: &str, origin: &str) -> Value {
        let (word, key) = self.key(role);
        let text = format!("lct-hello-v1\n{graph}\n{nonce}\n{origin}");
        json!({
            "type": "hello", "graphName": graph, "key": word,
            "devicePublicKey": URL_SAFE_NO_PAD.encode(self.device.verifying_key()),
            "codePublicKey": URL_SAFE_NO_PAD.encode(self.code.verifying_key()),
            "signature": URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()),
        })
    }

    /// A request signed by the key of that role, of this graph, time and nonce.
    pub fn sign(
        &self,
        role: Role,
        graph: &str,
        request: Request,
        time: u64,
        nonce: &str,
    ) -> Request {
        let (word, key) = self.key(role);
        let origin = request.headers.iter().find(|(name, _)| name == "Origin");
        let origin = origin.map_or("", |(_, value)| value);
        let hash: String = Sha256::digest(&request.body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let text = format!(
            "lct-request-v1\n{graph}\n{}\n{}\n{time}\n{nonce}\n{hash}\n{origin}",
            request.method, request.target
        );
        let value = format!(
            "LCT-Ed25519 device=\"{}\",code=\"{}\",key=\"{word}\",time=\"{time}\",nonce=\"{nonce}\",signature=\"{}\"",
            URL_SAFE_NO_PAD.encode(self.device.verifying_key()),
            URL_SAFE_NO_PAD.encode(self.code.verifying_key()),
            URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()),
        );
        request.with("Authorization", &value)
    }

    /// The same of now, in the main graph, with a nonce of its own.
    pub fn sign_now(&self, role: Role, request: Request) -> Request {
        self.sign(role, "lct", request, now(), &nonce())
    }

    fn key(&self, role: Role) -> (&'static str, &SigningKey) {
        match role {
            Role::Device => ("device", &self.device),
            Role::Code => ("code", &self.code),
        }
    }
}

/// A nonce that no other request of this process or time has.
pub fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let hash = Sha256::new()
        .chain_update(now().to_be_bytes())
        .chain_update(std::process::id().to_be_bytes())
        .chain_update(COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(&hash[..16])
}
