//! How a random test is steered from outside: `SEED=` replays it, other settings scale it. And how it says what failed.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::time::{Duration, Instant};

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

/// Plays rounds of random operations until `OPS=` of them, or `default`, are done.
///
/// `draw` makes a round from a seed; `play` plays one, in one of so many `ways`, and panics where something is wrong.
///
/// # Panics
/// Where a round fails: with its operations, but for those not needed to fail, and with how to play it again.
pub fn play_rounds<Op: Clone + Debug>(
    default: u64,
    ways: u64,
    draw: impl Fn(u64) -> Vec<Op>,
    play: impl Fn(&[Op], u64),
) {
    let wanted = setting("OPS").unwrap_or(default);
    let mut seed = seed();
    let mut done = 0;
    while done < wanted {
        let ops = draw(seed);
        let way = seed % ways;
        done += ops.len() as u64;
        let fails = |ops: &[Op]| message_of(|| play(ops, way));
        if fails(&ops).is_some() {
            let loud = take_hook();
            set_hook(Box::new(|_| {}));
            let ops = shrink(ops, |ops| fails(ops).is_some());
            let why = fails(&ops).expect("still fails");
            set_hook(loud);
            let trace: Vec<String> = ops.iter().map(|op| format!("{op:?}")).collect();
            panic!(
                "{why}\nafter these operations (way {way}; again with SEED={seed} OPS=1):\n{}",
                trace.join("\n")
            );
        }
        seed += 1;
    }
    println!("{done} operations");
}

/// The message of the panic, if there is one.
fn message_of(play: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(play)).err()?;
    Some(match panic.downcast_ref::<String>() {
        Some(message) => message.clone(),
        None => format!("{:?}", panic.downcast_ref::<&str>()),
    })
}

/// Leaves out whatever is not needed to fail, in ever smaller pieces.
fn shrink<Op: Clone>(mut ops: Vec<Op>, fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut piece = ops.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < ops.len() && Instant::now() < deadline {
            let mut fewer = ops.clone();
            fewer.drain(at..(at + piece).min(ops.len()));
            if fails(&fewer) {
                ops = fewer;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    ops
}
