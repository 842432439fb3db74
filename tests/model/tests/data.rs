//! The model against the recorded data: every window, every option question and every contact list, exactly.

use lct_model::data::{self, Set};
use lct_model::{Exposure, Model, Order, Priority, Question};

fn model(set: &Set) -> Model {
    Model {
        visits: set.visits.clone(),
        ..Model::default()
    }
}

#[test]
fn windows() {
    for set in data::sets() {
        let model = model(&set);
        assert_eq!(set.windows.len(), 300);
        for query in &set.windows {
            let rows = model.exposures(&query.visitor, &query.question());
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for Exposure {
                contact,
                order,
                first: from,
                total,
                ..
            } in rows
            {
                match order {
                    Order::First => first.push((contact, total, from)),
                    Order::Second => second.push((contact, from)),
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
    for set in data::sets() {
        let model = model(&set);
        assert_eq!(set.options.len(), 200);
        for query in &set.options {
            let (visitor, question, count) = query.question();
            let mut rows = model.exposures(&visitor, &question);
            rows.truncate(count.unwrap_or(usize::MAX));
            assert_eq!(rows, query.rows, "{}: {}", set.name, query.args.join(" "));
        }
    }
}

#[test]
fn contacts() {
    for set in data::sets() {
        let model = model(&set);
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
        let mut visitors: Vec<_> = set.visits.iter().map(|v| v.visitor.clone()).collect();
        visitors.sort();
        visitors.dedup();
        let mut pairs = Vec::new();
        for a in visitors {
            for row in model.exposures(&a, &question) {
                if a < row.contact {
                    pairs.push(data::Pair {
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
