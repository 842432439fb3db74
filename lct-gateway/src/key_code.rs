//! The key code: what a person keeps on paper so that they can read their alerts, erase themselves and revoke their
//! id from any device, should theirs be lost.
//!
//! It holds a secret of 128 random bits, from which the code key follows, and the device's public key, without which
//! the visitor id could not be known: nobody stores which keys belong together. Written down it is
//!
//! ```text
//! secret (16 bytes) || devicePublicKey (32 bytes) || check (2 bytes)
//! ```
//!
//! in Crockford's base 32, 80 characters in 16 groups of five. The check is the first two bytes of
//! SHA-256("lct-key-code-v1" || secret || devicePublicKey). The code key's Ed25519 seed is
//! HKDF-SHA-256(input = secret, salt = "lct-key-code-v1", info = "ed25519 seed"), 32 bytes.
//!
//! The gateway never sees a key code; this is the reference for clients, and what tests and tools use.

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::crockford;

/// Separates this use of the hash functions from any other.
const DOMAIN: &[u8] = b"lct-key-code-v1";

/// Characters between two dashes.
const GROUP: usize = 5;

/// A person's key code. It is a secret, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyCode {
    /// 128 random bits.
    pub secret: [u8; 16],
    /// The device's Ed25519 public key.
    pub device: [u8; 32],
}

impl KeyCode {
    /// The code key, which signs hellos with `"key": "code"`.
    pub fn key(&self) -> SigningKey {
        let mut seed = [0; 32];
        Hkdf::<Sha256>::new(Some(DOMAIN), &self.secret)
            .expand(b"ed25519 seed", &mut seed)
            .expect("32 bytes are within HKDF's limit");
        SigningKey::from_bytes(&seed)
    }

    /// The code as it is written down.
    pub fn encode(&self) -> String {
        let mut bytes = [0; 50];
        bytes[..16].copy_from_slice(&self.secret);
        bytes[16..48].copy_from_slice(&self.device);
        bytes[48..].copy_from_slice(&self.check());
        crockford::encode(&bytes, GROUP)
    }

    /// Reads a code however it was typed; `None` if it is none or has a typing error.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 50] = crockford::decode(text)?;
        let (secret, rest) = bytes.split_first_chunk()?;
        let (device, check) = rest.split_first_chunk()?;
        let code = Self {
            secret: *secret,
            device: *device,
        };
        (code.check() == check).then_some(code)
    }

    fn check(&self) -> [u8; 2] {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(self.secret)
            .chain_update(self.device)
            .finalize();
        [hash[0], hash[1]]
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::identity::visitor_id;

    /// The vectors of docs/protocol.md, for whoever writes a client.
    #[test]
    fn the_test_vectors_of_the_document() {
        let device = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let code = KeyCode {
            secret: std::array::from_fn(|place| place as u8),
            device: device.to_bytes(),
        };
        let text = code.encode();
        let key = code.key();
        let rows = [
            ("secret", HEXLOWER.encode(&code.secret)),
            ("device public key", HEXLOWER.encode(&code.device)),
            ("key code", text.clone()),
            ("code key seed", HEXLOWER.encode(&key.to_bytes())),
            (
                "code public key",
                HEXLOWER.encode(&key.verifying_key().to_bytes()),
            ),
            (
                "visitor id",
                visitor_id(&device, &key.verifying_key()).as_str().into(),
            ),
        ]
        .map(|(name, value)| format!("| {name} | `{value}` |\n"));
        let table = rows.concat();
        assert!(
            include_str!("../../docs/protocol.md").contains(&table),
            "docs/protocol.md lacks:\n{table}"
        );
        assert!(KeyCode::decode(&text.to_lowercase().replace('-', " ")) == Some(code));
    }

    #[test]
    fn a_typing_error_is_noticed() {
        let code = KeyCode {
            secret: [1; 16],
            device: [2; 32],
        };
        let text = code.encode();
        assert_eq!(text.len(), 80 + 15);
        // Any one character changed and any two neighbours swapped: 16 bits of check miss one in 65,536.
        let mut missed = 0;
        for place in (0..text.len()).filter(|&place| text.as_bytes()[place] != b'-') {
            let mut typed = text.clone().into_bytes();
            typed[place] = if typed[place] == b'7' { b'8' } else { b'7' };
            missed += u32::from(KeyCode::decode(std::str::from_utf8(&typed).unwrap()).is_some());
        }
        assert_eq!(missed, 0);
    }
}
