//! Random tests print their seed and take it back from `SEED`; `LCT_SCALE` multiplies how much they try.

use rand::SeedableRng;
use rand_pcg::Pcg64;

/// A generator seeded by `SEED`, else by the clock; the seed is printed.
pub fn seeded(test: &str) -> Pcg64 {
    let seed = std::env::var("SEED")
        .ok()
        .map(|seed| seed.parse().expect("SEED is a number"));
    let seed: u64 = seed.unwrap_or_else(crate::now);
    println!("{test}: SEED={seed}");
    Pcg64::seed_from_u64(seed)
}

/// `amount`, times `LCT_SCALE` where that is set (`0.1` for a quick look, `100` for a night).
pub fn scaled(amount: usize) -> usize {
    let scale: f64 = std::env::var("LCT_SCALE")
        .map_or(1.0, |scale| scale.parse().expect("LCT_SCALE is a number"));
    (amount as f64 * scale) as usize
}
