//! What the graph says it holds against what the heap holds. The only test of its binary: nothing else may allocate.

use lct_graph::{
    Graph, Loader, MAX_MILLIS, Moment, Order, Part, Priority, PurgeCut, PurgeProgress, Question,
    Reason, Scratch, Source, Warn,
};
use lct_model::Visit;
use lct_model::city::City;
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The allocator rounds up and the graph reckons with that; the counter of this test sees what was asked for.
fn check(what: &str, graph: &Graph, before: usize) {
    let held = HEAP.current_usage() - before;
    let said = graph.memory();
    println!("{what}: says {said}, holds {held}");
    assert!(
        said * 20 >= held * 19 && said * 3 <= held * 4,
        "{what}: says {said}, holds {held}"
    );
}

/// The visitor of every five hundredth visit warns.
fn warn(graph: &mut Graph, city: &City, visits: &[Visit]) {
    let mut scratch = Scratch::default();
    let moment = Moment {
        now: city.end(),
        late: 0,
        expired: 0,
    };
    for (n, visit) in visits.iter().step_by(500).enumerate() {
        let terms = Question {
            from: 0,
            to: city.end(),
            at: city.end(),
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        let id = n.to_string();
        let warn = Warn {
            warning: id.as_bytes(),
            source: Source::Visitor(&visit.visitor),
            reason: Reason::Positive,
            terms,
            stands_until: MAX_MILLIS,
            hold: None,
        };
        let given = graph.warn(&warn, &moment, &mut scratch);
        given.expect("every id is new");
    }
}

/// Eleven hundred people who met in a thousand places: asked with times, that is a million meetings.
fn a_question_keeps_little() {
    let (people, places) = (1_100, 1_000);
    let mut graph = Graph::new();
    for place in 0..places {
        for person in 0..people {
            let start = place * 3_600_000;
            let (person, place) = (person.to_string(), place.to_string());
            graph.visit(
                person.as_bytes(),
                place.as_bytes(),
                start,
                start + 3_600_000,
            );
        }
    }
    let question = Question {
        from: 0,
        to: places * 3_600_000,
        at: places * 3_600_000,
        order: Order::First,
        min_time: None,
        within: None,
        linger: 0,
        min_priority: Priority::Low,
    };
    let before = HEAP.current_usage();
    let mut scratch = Scratch::default();
    HEAP.reset_peak_usage();
    let found = graph
        .exposures(b"0", &question, &mut scratch, usize::MAX)
        .len();
    let (most, kept) = (HEAP.peak_usage() - before, HEAP.current_usage() - before);
    println!("{found} found with {most} bytes, of which {kept} are kept");
    assert_eq!(found as u64, people - 1);
    assert!(most > 16_000_000, "it was no heavy question: {most}");
    assert!(kept < 100_000, "kept: {kept}");
}

#[test]
fn memory_is_what_the_heap_holds() {
    a_question_keeps_little();

    let city = City::with_visits(100_000);
    let visits = city.visits();
    let before = HEAP.current_usage();
    let mut graph = Graph::new();
    for visit in &visits {
        let span = visit.span;
        graph.visit(&visit.visitor, &visit.space, span.start, span.end);
    }
    check("logged", &graph, before);
    let copy_before = HEAP.current_usage();
    let copy = graph.clone();
    check("copied", &copy, copy_before);
    drop(copy);

    let parts: Vec<Vec<u8>> = graph.parts().collect();
    let loaded_before = HEAP.current_usage();
    let mut loaded = Graph::new();
    let mut loader = Loader::new(&mut loaded);
    for part in &parts {
        let part = Part::decode(part).expect("an own part decodes");
        loader.add(&part).expect("an own part loads");
    }
    loader.finish();
    check("loaded", &loaded, loaded_before);
    drop(loaded);
    drop(parts);

    let warned_before = HEAP.current_usage();
    let mut warned = graph.clone();
    warn(&mut warned, &city, &visits);
    let alerts = warned.stats().alerts;
    println!("{alerts} alerts by {} warnings", warned.stats().warnings);
    check("warned", &warned, warned_before);
    while warned.has_rings() {
        warned.take_rings(512);
    }
    check("rung", &warned, warned_before);
    let copy_before = HEAP.current_usage();
    let copy = warned.clone();
    check("warned and copied", &copy, copy_before);
    drop(copy);
    let parts: Vec<Vec<u8>> = warned.parts().collect();
    let loaded_before = HEAP.current_usage();
    let mut loaded = Graph::new();
    let mut loader = Loader::new(&mut loaded);
    for part in &parts {
        let part = Part::decode(part).expect("an own part decodes");
        loader.add(&part).expect("an own part loads");
    }
    loader.finish();
    check("warned and loaded", &loaded, loaded_before);
    drop(loaded);
    drop(parts);
    warned.purge_begin(&PurgeCut {
        before: 0,
        alerts: MAX_MILLIS,
        now: city.end(),
    });
    while warned.purge_step(usize::MAX) == PurgeProgress::More {}
    check("aged", &warned, warned_before);
    for n in 0..visits.len().div_ceil(500) / 2 {
        warned.retract(n.to_string().as_bytes(), city.end());
    }
    check("half of them retracted", &warned, warned_before);
    warned.purge_begin(&PurgeCut {
        before: city.end(),
        alerts: MAX_MILLIS,
        now: city.end(),
    });
    while warned.purge_step(1000) == PurgeProgress::More {}
    check("and purged", &warned, warned_before);
    drop(warned);

    for visit in visits.iter().step_by(2) {
        assert!(graph.unvisit(&visit.visitor, &visit.space, visit.span.start));
    }
    check("half taken out", &graph, before);
    graph.purge((city.begin + city.end()) / 2);
    check("half of that purged", &graph, before);
    for visit in &visits {
        graph.revoke(&visit.visitor, [1; 16]);
    }
    check("everybody revoked", &graph, before);
}
