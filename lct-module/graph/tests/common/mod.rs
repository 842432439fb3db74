//! Between the graph's types and the model's.

use lct_graph::{Graph, Order, Priority, Question, Scratch};
use lct_model::Visit;

/// A graph of these visits, logged in this order.
pub(crate) fn graph_of<'v>(visits: impl IntoIterator<Item = &'v Visit>) -> Graph {
    let mut graph = Graph::new();
    for visit in visits {
        let Visit {
            visitor,
            space,
            span,
        } = visit;
        graph.visit(visitor, space, span.start, span.end);
    }
    graph
}

/// Asks the graph with times, as the model answers; fails if the plain answer names other contacts.
pub(crate) fn ask(
    graph: &Graph,
    visitor: &[u8],
    question: &lct_model::Question,
    count: usize,
    scratch: &mut Scratch,
) -> Vec<lct_model::Exposure> {
    let question = to_graph(question);
    let all = graph.exposures(visitor, &question, scratch, usize::MAX);
    let mut with_times: Vec<&[u8]> = all.iter().map(|row| row.contact).collect();
    with_times.sort_unstable();
    let mut plain: Vec<&[u8]> = Vec::new();
    graph.exposed(visitor, &question, scratch, |contact| plain.push(contact));
    plain.sort_unstable();
    assert_eq!(plain, with_times, "plain and with times");

    let counted = graph.exposures(visitor, &question, scratch, count);
    assert_eq!(counted, all[..count.min(all.len())], "COUNT takes the head");
    counted.iter().map(exposure).collect()
}

/// An exposure in the model's words.
pub(crate) fn exposure(row: &lct_graph::Exposure<'_>) -> lct_model::Exposure {
    lct_model::Exposure {
        contact: row.contact.to_vec(),
        order: match row.order {
            Order::First => lct_model::Order::First,
            Order::Second => lct_model::Order::Second,
        },
        priority: match row.priority {
            Priority::High => lct_model::Priority::High,
            Priority::Medium => lct_model::Priority::Medium,
            Priority::Low => lct_model::Priority::Low,
        },
        first: row.first,
        last: row.last,
        total: row.total,
    }
}

/// A question in the graph's words.
pub(crate) fn to_graph(question: &lct_model::Question) -> Question {
    Question {
        from: question.from,
        to: question.to,
        at: question.at,
        order: match question.order {
            lct_model::Order::First => Order::First,
            lct_model::Order::Second => Order::Second,
        },
        min_time: question.min_time,
        within: question.within,
        linger: question.linger,
        min_priority: match question.min_priority {
            lct_model::Priority::High => Priority::High,
            lct_model::Priority::Medium => Priority::Medium,
            lct_model::Priority::Low => Priority::Low,
        },
    }
}
