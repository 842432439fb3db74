//! Any bytes, given a checksum that fits: decode, load, ask, change, write again, take apart.

#![no_main]

use lct_graph::{Graph, MAX_MILLIS, Order, Part, Priority, Question, Scratch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut sealed = bytes.to_vec();
    Part::reseal(&mut sealed);
    let Ok(part) = Part::decode(&sealed) else {
        return;
    };
    let mut graph = Graph::new();
    if graph.load(&part).is_err() {
        return;
    }

    let mut scratch = Scratch::default();
    let at = MAX_MILLIS;
    let question = Question {
        from: 0,
        to: at,
        at,
        order: Order::Second,
        min_time: Some(1),
        within: Some(60_000),
        linger: 60_000,
        min_priority: Priority::Low,
    };
    let rows = graph.exposures(b"a", &question, &mut scratch, usize::MAX);
    let mut plain = 0;
    graph.exposed(b"a", &question, &mut scratch, |_| plain += 1);
    assert_eq!(rows.len(), plain);
    for (space, start, end) in graph.visits(b"a", 0, u64::MAX, 0) {
        let found = graph.present(space, start, end, 0, usize::MAX);
        assert!(found.contains(&(b"a", start, end)));
    }

    let mut again = Graph::new();
    for part in graph.parts() {
        let part = Part::decode(&part).expect("an own part decodes");
        again.load(&part).expect("an own part loads");
    }
    assert_eq!(again.digest(), graph.digest());
    assert_eq!(again.stats(), graph.stats());

    if !again.is_revoked(b"a") {
        again.visit(b"a", b"s", 1_780_000_000_000, 1_780_000_060_000);
    }
    again.purge(1_780_000_000_000);
    again.forget(b"a");
    again.purge(MAX_MILLIS);
    let left = again.stats();
    assert_eq!((left.visits, left.visitors, left.spaces), (0, 0, 0));
});
