//! Ids that may never be used again, kept as hashes so that the list tells nobody who is on it.

use std::collections::HashSet;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Half of HMAC-SHA-256: enough that two ids never share one by accident.
pub(crate) type Hash = [u8; 16];

/// Revoked ids under one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revocations {
    salt: Option<[u8; 16]>,
    hashes: HashSet<Hash>,
}

impl Revocations {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn salt(&self) -> Option<[u8; 16]> {
        self.salt
    }

    pub(crate) fn heap(&self) -> usize {
        // The table keeps a byte beside each hash and an eighth of itself free.
        crate::memory::allocated(self.hashes.capacity() * 8 / 7 * (size_of::<Hash>() + 1))
    }

    pub(crate) fn contains(&self, id: &[u8]) -> bool {
        match self.salt {
            Some(salt) if !self.hashes.is_empty() => self.hashes.contains(&hash(salt, id)),
            _ => false,
        }
    }

    /// Adds an id; false where it was there. `salt` becomes the key if there is none yet.
    pub(crate) fn add(&mut self, id: &[u8], salt: [u8; 16]) -> bool {
        let salt = *self.salt.get_or_insert(salt);
        self.hashes.insert(hash(salt, id))
    }

    /// Adds a hash made under `salt`; `None` where this graph has another key, else whether it is new.
    pub(crate) fn load(&mut self, salt: [u8; 16], hash: Hash) -> Option<bool> {
        if *self.salt.get_or_insert(salt) != salt {
            return None;
        }
        Some(self.hashes.insert(hash))
    }

    /// Every hash, in no order.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = &Hash> {
        self.hashes.iter()
    }
}

fn hash(salt: [u8; 16], id: &[u8]) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(&salt).expect("HMAC takes a key of any length");
    mac.update(id);
    let full = mac.finalize().into_bytes();
    let mut half = Hash::default();
    half.copy_from_slice(&full[..16]);
    half
}
