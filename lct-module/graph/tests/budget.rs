//! What a visit and a visitor may cost in memory. Unlike times, sizes are the same on every machine, to a thousandth
//! (tables that hash by chance), so a test can hold them: who makes them smaller lowers the budget, who makes them
//! larger says why.

use lct_graph::Graph;
use lct_model::city::{City, Stay, Town};

const MINUTE: u64 = 60_000;
/// By how much a budget may be exceeded.
const SLACK: f64 = 1.05;

/// Bytes a visit in a city of 200,000 visits, with times in whole minutes and with times in milliseconds, and bytes a
/// visitor who has made one visit. (Before a chunk had a porch for the visits that came last, 13.7, 22.2 and 113.5: it
/// made writing a quarter faster.)
const A_VISIT: f64 = 14.3;
const A_VISIT_TO_THE_MILLISECOND: f64 = 22.8;
const A_VISITOR: f64 = 127.4;

#[test]
fn a_visit_costs_what_it_may() {
    let town = City::with_visits(200_000).settle();
    let graph = log(&town, |_| (0, 0));
    let visits = graph.visit_count();
    within(A_VISIT, &graph, visits, "a visit, whole minutes");
}

#[test]
fn a_visit_to_the_millisecond_costs_what_it_may() {
    let town = City::with_visits(200_000).settle();
    let graph = log(&town, |stay| {
        let by_chance = |time: u16| {
            let number = u64::from(stay.visitor) << 32 | u64::from(time);
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % MINUTE
        };
        (by_chance(stay.start), by_chance(stay.end))
    });
    let visits = graph.visit_count();
    within(
        A_VISIT_TO_THE_MILLISECOND,
        &graph,
        visits,
        "a visit, milliseconds",
    );
}

#[test]
fn a_visitor_costs_what_they_may() {
    let town = City::with_stadium(50_000).settle();
    let mut graph = Graph::new();
    for visitor in 0..50_000 {
        let start = town.city().begin + u64::from(visitor) % 60 * MINUTE;
        graph.visit(
            &town.visitor_id(visitor),
            b"stadium",
            start,
            start + 120 * MINUTE,
        );
    }
    within(A_VISITOR, &graph, 50_000, "a visitor with one visit");
}

/// Logs the city in order of arrival, each visit later by so many milliseconds at its start and at its end.
fn log(town: &Town, later: impl Fn(&Stay) -> (u64, u64)) -> Graph {
    let mut graph = Graph::new();
    for stay in town.stays() {
        let (span, (start, end)) = (town.span(&stay), later(&stay));
        graph.visit(
            &town.visitor_id(stay.visitor),
            &town.space_id(stay.space),
            span.start + start,
            span.end + end,
        );
    }
    graph
}

fn within(budget: f64, graph: &Graph, count: u64, what: &str) {
    let bytes = graph.memory() as f64 / count as f64;
    println!("{what}: {bytes:.2} bytes of {budget}");
    assert!(
        bytes <= budget * SLACK,
        "{what} takes {bytes:.2} bytes ({count} of them take {}); the budget is {budget}, and at most 5 % above it is \
         let pass. If it must cost more, raise the budget in this file and say why.",
        graph.memory()
    );
}
