//! The graph's hot paths on a generated city.
//!
//! `VISITS=` sets its size (a million by default). Questions are asked by a thousand visitors in turn, so a figure is
//! the mean over them.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lct_graph::{
    Graph, Loader, MAX_CELLS, Moment, Order, Part, Priority, Progress, PurgeCut, Question, Reason,
    Scratch, Source, Warn,
};
use lct_model::city::City;
use lct_model::replay::setting;
use lct_model::{HOUR, Span, Visit};
use rand::SeedableRng;
use rand::seq::{IteratorRandom, SliceRandom};
use rand_pcg::Pcg64Mcg;

const DAY: u64 = 24 * HOUR;
/// Work of a step, in rows: what the module does at once.
const A_STEP: usize = 10_000;

struct Town {
    city: City,
    visits: Vec<Visit>,
    graph: Graph,
    /// A thousand of its people, by chance, each equally likely.
    people: Vec<Vec<u8>>,
    /// Visits by chance: where somebody was and when.
    stays: Vec<(Vec<u8>, Span)>,
}

impl Town {
    fn new() -> Self {
        let city = City::with_visits(setting("VISITS").unwrap_or(1_000_000) as usize);
        let visits = city.visits();
        let mut graph = log(visits.iter());
        let town = city.settle();
        let people = town.sample(1000).into_iter();
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let sample = visits.iter().sample(&mut rng, 1000);
        let stats = graph.stats();
        eprintln!(
            "{} visits by {} visitors in {} spaces: {:.1} bytes a visit",
            stats.visits,
            stats.visitors,
            stats.spaces,
            graph.memory() as f64 / stats.visits as f64
        );
        Self {
            people: people.map(|v| town.visitor_id(v).to_vec()).collect(),
            stays: sample.iter().map(|v| (v.space.clone(), v.span)).collect(),
            city,
            visits,
            graph,
        }
    }

    /// Everything of the last `length` ms, asked at midnight after the last day.
    fn question(&self, length: u64, order: Order) -> Question {
        let at = self.city.end();
        Question {
            from: at - length,
            to: at,
            at,
            order,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        }
    }
}

fn log<'v>(visits: impl Iterator<Item = &'v Visit>) -> Graph {
    let mut graph = Graph::new();
    for visit in visits {
        graph.visit(
            &visit.visitor,
            &visit.space,
            visit.span.start,
            visit.span.end,
        );
    }
    graph
}

fn borrow(visit: &Visit) -> lct_graph::Visit<'_> {
    lct_graph::Visit {
        visitor: &visit.visitor,
        space: &visit.space,
        start: visit.span.start,
        end: visit.span.end,
    }
}

fn writing(criterion: &mut Criterion) {
    let town = Town::new();
    let mut shuffled: Vec<&Visit> = town.visits.iter().collect();
    shuffled.shuffle(&mut Pcg64Mcg::seed_from_u64(2));

    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    group.throughput(Throughput::Elements(town.visits.len() as u64));
    group.bench_function("visit, in order of arrival", |bencher| {
        bencher.iter_with_large_drop(|| log(town.visits.iter()));
    });
    group.bench_function("visits, a hundred together", |bencher| {
        let visits: Vec<_> = town.visits.iter().map(borrow).collect();
        bencher.iter_with_large_drop(|| {
            let mut graph = Graph::new();
            for visits in visits.chunks(100) {
                graph.visit_all(visits, |logged| {
                    black_box(logged);
                });
            }
            graph
        });
    });
    group.bench_function("visit, in any order", |bencher| {
        bencher.iter_with_large_drop(|| log(shuffled.iter().copied()));
    });

    let first_day = town.city.begin + DAY;
    let mut aged = town.graph.clone();
    group.throughput(Throughput::Elements(aged.purge(first_day)));
    drop(aged);
    group.bench_function("purge of the oldest day", |bencher| {
        bencher.iter_batched(
            || town.graph.clone(),
            |mut graph| {
                graph.purge(first_day);
                graph
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn asking(criterion: &mut Criterion) {
    let town = Town::new();
    let graph = &town.graph;
    let mut scratch = Scratch::default();
    let mut group = criterion.benchmark_group("ask");

    for (name, question) in [
        (
            "exposed, order 1, 14 days",
            town.question(14 * DAY, Order::First),
        ),
        (
            "exposed, order 2, 48 h",
            town.question(2 * DAY, Order::Second),
        ),
    ] {
        let mut found = 0;
        for person in &town.people {
            graph.exposed(person, &question, &mut scratch, |_| found += 1);
        }
        eprintln!("{name}: {} contacts in the mean", found / town.people.len());

        let mut people = town.people.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let person = people.next().expect("a cycle");
                let mut contacts = 0;
                graph.exposed(person, &question, &mut scratch, |contact| {
                    black_box(contact);
                    contacts += 1;
                });
                contacts
            });
        });
        let mut people = town.people.iter().cycle();
        group.bench_function(format!("{name}, in steps"), |bencher| {
            bencher.iter(|| {
                let person = people.next().expect("a cycle");
                let mut search =
                    graph.ask_contacts(person, &question, std::mem::take(&mut scratch));
                while search.step(graph, A_STEP) == Progress::More {}
                let contacts = search.len();
                scratch = search.into_scratch();
                contacts
            });
        });
        let mut people = town.people.iter().cycle();
        group.bench_function(format!("{name}, with times"), |bencher| {
            bencher.iter(|| {
                let person = people.next().expect("a cycle");
                let rows = graph.exposures(person, &question, &mut scratch, usize::MAX);
                black_box(rows.len())
            });
        });
    }

    let mut stays = town.stays.iter().cycle();
    group.bench_function("present, an hour", |bencher| {
        bencher.iter(|| {
            let (space, span) = stays.next().expect("a cycle");
            let rows = graph.present(space, span.start, span.start + HOUR, 0, usize::MAX);
            black_box(rows.len())
        });
    });
    let mut people = town.people.iter().cycle();
    let to = town.city.end() / HOUR * HOUR;
    for (name, hours) in [("an hour", 1), ("a day", 24), ("a fortnight", 14 * 24)] {
        group.bench_function(format!("density of all spaces, {name}"), |bencher| {
            bencher.iter(|| {
                let mut density = town
                    .graph
                    .ask_density(None, to - hours * HOUR, to, 5, MAX_CELLS);
                density.step(&town.graph, usize::MAX);
                density.len()
            });
        });
    }
    group.bench_function("visits, all", |bencher| {
        bencher.iter(|| {
            let person = people.next().expect("a cycle");
            black_box(graph.visits(person, 0, u64::MAX, 0).len())
        });
    });
    group.finish();
}

fn coding(criterion: &mut Criterion) {
    let town = Town::new();
    let parts: Vec<Vec<u8>> = town.graph.parts().collect();
    let bytes: usize = parts.iter().map(Vec::len).sum();
    eprintln!(
        "{:.1} bytes a visit in {} parts",
        bytes as f64 / town.visits.len() as f64,
        parts.len()
    );
    let mut group = criterion.benchmark_group("codec");
    group.sample_size(10);
    group.throughput(Throughput::Elements(town.visits.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| town.graph.parts().map(|part| part.len()).sum::<usize>());
    });
    group.bench_function("decode and load", |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut graph = Graph::new();
            let mut loader = Loader::new(&mut graph);
            for part in &parts {
                let part = Part::decode(part).expect("an own part decodes");
                loader.add(&part).expect("an own part loads");
            }
            loader.finish();
            graph
        });
    });
    group.bench_function("digest", |bencher| bencher.iter(|| town.graph.digest()));
    group.finish();
}

/// A venue with fifty thousand people, each with a visit or two elsewhere, and the moment its warning is given.
fn stadium() -> (Graph, Question, Moment) {
    const PEOPLE: u64 = 50_000;
    let day = 20_000 * DAY;
    let mut graph = Graph::new();
    for person in 0..PEOPLE {
        let name = format!("person-{person:027}");
        let start = day + 18 * HOUR + person % 30 * 60_000;
        graph.visit(name.as_bytes(), b"stadium", start, start + 2 * HOUR);
        let home = format!("home-{:022}", person / 3);
        graph.visit(
            name.as_bytes(),
            home.as_bytes(),
            start + 3 * HOUR,
            start + 5 * HOUR,
        );
    }
    let at = day + DAY;
    let terms = Question {
        from: at - 14 * DAY,
        to: at,
        at,
        order: Order::First,
        min_time: None,
        within: None,
        linger: 0,
        min_priority: Priority::Low,
    };
    let moment = Moment {
        now: at,
        late: at - DAY,
        expired: at - 14 * DAY,
    };
    (graph, terms, moment)
}

fn warning(criterion: &mut Criterion) {
    let (graph, terms, moment) = stadium();
    let mut scratch = Scratch::default();
    let warn = |order| Warn {
        warning: b"0123456789abcdef0123456789abcdef",
        source: Source::Visitor(b"person-000000000000000000000000007"),
        reason: Reason::Positive,
        terms: Question { order, ..terms },
        stands_until: terms.at + 2 * DAY,
        hold: None,
    };
    let mut group = criterion.benchmark_group("warn");
    group.sample_size(20);
    group.throughput(Throughput::Elements(49_999));
    for (name, order) in [("order 1", Order::First), ("order 2", Order::Second)] {
        group.bench_function(format!("{name}, a stadium of 50,000"), |bencher| {
            bencher.iter_batched(
                || graph.clone(),
                |mut graph| {
                    let warned = graph.warn(&warn(order), &moment, &mut scratch);
                    assert_eq!(warned.expect("a free id").alerted, 49_999);
                    graph
                },
                BatchSize::PerIteration,
            );
        });
    }
    let mut warned = graph.clone();
    let alerted = warned.warn(&warn(Order::First), &moment, &mut scratch);
    assert_eq!(alerted.expect("a free id").alerted, 49_999);
    group.bench_function("retract it", |bencher| {
        bencher.iter_batched(
            || warned.clone(),
            |mut graph| {
                graph.retract(warn(Order::First).warning, moment.now);
                graph
            },
            BatchSize::PerIteration,
        );
    });
    // The part of a purge that is not divided.
    group.bench_function("its alerts age", |bencher| {
        bencher.iter_batched(
            || warned.clone(),
            |mut graph| {
                graph.purge_begin(&PurgeCut {
                    alerts: moment.now + 1,
                    ..PurgeCut::default()
                });
                graph
            },
            BatchSize::PerIteration,
        );
    });
    // A place where everybody was ill: the visit of one who comes late, compared with a thousand warnings of twenty
    // visits each. A newcomer is compared with every one; who has been alerted, with none.
    let mut watched = Graph::new();
    let start = moment.now - 6 * HOUR;
    for person in 0..1_000 {
        let name = format!("case-{person}");
        for visit in 0..20 {
            watched.visit(name.as_bytes(), b"station", start + visit, start + HOUR);
        }
        let warn = Warn {
            warning: format!("warning-{person}").into_bytes().leak(),
            source: Source::Visitor(name.clone().into_bytes().leak()),
            ..warn(Order::First)
        };
        watched
            .warn(&warn, &moment, &mut scratch)
            .expect("a free id");
    }
    group.throughput(Throughput::Elements(1));
    let mut newcomer = 0u64;
    group.bench_function("a newcomer's visit among 1,000 warnings", |bencher| {
        bencher.iter(|| {
            newcomer += 1;
            let name = newcomer.to_string();
            watched.visit_at(
                name.as_bytes(),
                b"station",
                start,
                start + HOUR,
                &moment,
                &mut scratch,
            )
        });
    });
    let mut visit = 0;
    group.bench_function("another visit of somebody they alerted", |bencher| {
        bencher.iter(|| {
            visit = visit % 1_000 + 1;
            let end = start + HOUR + visit;
            watched.visit_at(b"1", b"station", start, end, &moment, &mut scratch)
        });
    });
    group.throughput(Throughput::Elements(49_999));
    group.bench_function("all its rings", |bencher| {
        bencher.iter_batched(
            || warned.clone(),
            |mut graph| {
                while !graph.take_rings(512).is_empty() {}
                graph
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, writing, asking, warning, coding);
criterion_main!(benches);
