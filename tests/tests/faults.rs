//! A short fault campaign. `scripts/faults` runs long ones.

use lct_tests::faults::{Campaign, run};
use lct_tests::random;
use rand::RngExt;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_holds_exactly_their_alerts_after_every_fault() {
    let campaign = Campaign {
        seed: random::seeded("faults").random(),
        faults: 30,
        pace: Duration::from_millis(800),
        clients: 50,
        gateways: 3,
    };
    let report = run(campaign).await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
}
