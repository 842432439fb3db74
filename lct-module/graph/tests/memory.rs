//! What the graph says it holds against what the heap holds. The only test of its binary: nothing else may allocate.

use lct_graph::{Graph, Part};
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

#[test]
fn memory_is_what_the_heap_holds() {
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
    for part in &parts {
        let part = Part::decode(part).expect("an own part decodes");
        loaded.load(&part).expect("an own part loads");
    }
    check("loaded", &loaded, loaded_before);
    drop(loaded);
    drop(parts);

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
