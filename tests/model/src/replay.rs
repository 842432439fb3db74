//! How a random test is steered from outside: `SEED=` replays it, other settings scale it.

use std::hash::{BuildHasher, RandomState};

/// A whole number from the environment; `None` where it is not set.
///
/// # Panics
/// Where it is set to anything else.
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

/// The seed of this run, `SEED=` or by chance, printed where a failing test shows it.
pub fn seed() -> u64 {
    let by_chance = || RandomState::new().hash_one(0) % 1_000_000_000;
    let seed = setting("SEED").unwrap_or_else(by_chance);
    println!("SEED={seed}");
    seed
}
