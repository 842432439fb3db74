//! A digest of the content: equal graphs have equal digests, whatever their history.

use sha2::{Digest, Sha256};

use crate::graph::Graph;

/// A sum of hashes: the order in which they are added does not matter, and no two equal ones cancel out.
#[derive(Default)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, hash: Sha256) {
        let bytes: [u8; 32] = hash.finalize().into();
        for (lane, part) in self.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*part));
        }
    }
}

/// Starts a hash of one kind of thing.
fn of(kind: u8) -> Sha256 {
    Sha256::new().chain_update([kind])
}

fn named(hash: Sha256, name: &[u8]) -> Sha256 {
    // Ids are shorter than 256 bytes.
    hash.chain_update([name.len() as u8]).chain_update(name)
}

impl Graph {
    /// A digest of every visit, revocation, warning and alert; no number, order of arrival or counter enters it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut sum = Sum::default();
        let floor = self.warnings.floor();
        for visitor in self.visitors.numbers() {
            let begun = named(of(b'v'), self.visitors.name(visitor));
            self.visitors.value(visitor).for_each(|row| {
                if !self.is_dead(visitor, row.other, row.start, row.end()) {
                    let hash = named(begun.clone(), self.spaces.name(row.other));
                    let hash = hash
                        .chain_update(row.start.to_le_bytes())
                        .chain_update(row.len.to_le_bytes());
                    let visit = (visitor, row.other, row.start);
                    sum.add(match self.warnings.late(floor, visit) {
                        Some(stamp) => hash.chain_update(stamp.to_le_bytes()),
                        None => hash,
                    });
                }
            });
        }
        if let Some(salt) = self.salt() {
            sum.add(of(b's').chain_update(salt));
            for hash in self.revocations.hashes() {
                sum.add(of(b'r').chain_update(hash));
            }
        }
        for warning in self.warnings.records.numbers() {
            let record = self.warnings.records.value(warning);
            let begun = named(of(b'w'), self.warnings.records.name(warning));
            sum.add(
                begun
                    .clone()
                    .chain_update([0])
                    .chain_update(self.saved_record(record)),
            );
            for (&visitor, recipient) in &record.recipients {
                sum.add(
                    named(begun.clone().chain_update([1]), self.visitors.name(visitor))
                        .chain_update(recipient.saved()),
                );
            }
        }
        let mut digest = [0; 32];
        for (part, lane) in digest.as_chunks_mut::<8>().0.iter_mut().zip(sum.0) {
            *part = lane.to_le_bytes();
        }
        digest
    }
}
