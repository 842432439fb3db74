//! The graph against the recorded data: every window, every option question and every contact list, exactly.

mod common;

use common::{ask, graph_of};
use lct_graph::Scratch;
use lct_model::data::{self, Pair};
use lct_model::{Order, Priority, Question};

#[test]
fn windows() {
    let mut scratch = Scratch::default();
    for set in data::sets() {
        let graph = graph_of(&set.visits);
        assert_eq!(set.windows.len(), 300);
        for query in &set.windows {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let question = query.question();
            for row in ask(&graph, &query.visitor, &question, usize::MAX, &mut scratch) {
                match row.order {
                    Order::First => first.push((row.contact, row.total, row.first)),
                    Order::Second => second.push((row.contact, row.first)),
                }
            }
            first.sort();
            second.sort();
            assert_eq!(first, query.first, "{}: first order", set.name);
            assert_eq!(second, query.second, "{}: second order", set.name);
        }
    }
}

#[test]
fn options() {
    let mut scratch = Scratch::default();
    for set in data::sets() {
        let graph = graph_of(&set.visits);
        assert_eq!(set.options.len(), 200);
        for query in &set.options {
            let (visitor, question, count) = query.question();
            let count = count.unwrap_or(usize::MAX);
            let rows = ask(&graph, &visitor, &question, count, &mut scratch);
            assert_eq!(rows, query.rows, "{}: {}", set.name, query.args.join(" "));
        }
    }
}

#[test]
fn contacts() {
    let mut scratch = Scratch::default();
    for set in data::sets() {
        let graph = graph_of(&set.visits);
        let span = set.span();
        let question = Question {
            from: span.start,
            to: span.end,
            at: span.end,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        let mut visitors: Vec<_> = set.visits.iter().map(|v| &v.visitor).collect();
        visitors.sort();
        visitors.dedup();
        let mut pairs = Vec::new();
        for a in visitors {
            for row in ask(&graph, a, &question, usize::MAX, &mut scratch) {
                // Seen from both sides, kept once.
                if *a < row.contact {
                    pairs.push(Pair {
                        a: a.clone(),
                        b: row.contact,
                        total: row.total,
                        first: row.first,
                        last: row.last,
                    });
                }
            }
        }
        pairs.sort();
        assert_eq!(pairs, set.contacts, "{}", set.name);
    }
}
