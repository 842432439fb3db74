//! The contract's subtle sentences, one test each, on the model. The graph is compared with the model elsewhere.

use lct_model::{HOUR, Millis, Model, Order, Priority, Question};

/// Visits as `(visitor, space, start, end)`.
fn model(visits: &[(&str, &str, Millis, Millis)]) -> Model {
    let mut model = Model::default();
    for (visitor, space, start, end) in visits {
        assert_eq!(
            model.visit(visitor.as_bytes(), space.as_bytes(), *start, *end),
            1
        );
    }
    model
}

/// Order 1 over everything until `at`.
fn until(at: Millis) -> Question {
    Question {
        from: 0,
        to: at,
        at,
        order: Order::First,
        min_time: None,
        within: None,
        linger: 0,
        min_priority: Priority::Low,
    }
}

/// Order 2 over everything until `at`.
fn both_until(at: Millis) -> Question {
    Question {
        order: Order::Second,
        ..until(at)
    }
}

/// The rows as `contact order first last total`.
fn exposed(model: &Model, question: Question) -> Vec<String> {
    let rows = model.exposures(b"x", &question);
    rows.iter()
        .map(|row| {
            let contact = String::from_utf8_lossy(&row.contact);
            let order = row.order as u8;
            format!("{contact} {order} {} {} {}", row.first, row.last, row.total)
        })
        .collect()
}

/// The rows as `contact priority`.
fn priorities(model: &Model, question: Question) -> Vec<String> {
    let rows = model.exposures(b"x", &question);
    rows.iter()
        .map(|row| {
            format!(
                "{} {:?}",
                String::from_utf8_lossy(&row.contact),
                row.priority
            )
        })
        .collect()
}

#[test]
fn touching_visits_are_no_contact() {
    let graph = model(&[("x", "s", 10, 20), ("y", "s", 20, 30), ("z", "s", 0, 10)]);
    assert!(exposed(&graph, until(100)).is_empty());
}

#[test]
fn one_millisecond_is_a_contact() {
    let graph = model(&[("x", "s", 10, 20), ("y", "s", 19, 30)]);
    assert_eq!(exposed(&graph, until(100)), ["y 1 19 20 1"]);
}

#[test]
fn another_space_is_no_contact() {
    let graph = model(&[("x", "s", 10, 20), ("y", "t", 10, 20)]);
    assert!(exposed(&graph, until(100)).is_empty());
}

#[test]
fn nobody_is_their_own_contact() {
    let graph = model(&[
        ("x", "s", 10, 20),
        ("x", "s", 15, 30),
        ("y", "s", 12, 14),
        ("y", "s", 13, 29),
    ]);
    assert_eq!(exposed(&graph, both_until(100)), ["y 1 12 29 17"]);
}

#[test]
fn time_counted_twice_counts_once() {
    let graph = model(&[
        ("x", "s", 10, 20),
        ("x", "t", 10, 20),
        ("x", "s", 15, 25),
        ("y", "s", 12, 22),
        ("y", "t", 18, 30),
        ("y", "s", 40, 50),
        ("x", "s", 45, 46),
    ]);
    assert_eq!(exposed(&graph, until(100)), ["y 1 12 46 11"]);
}

#[test]
fn the_window_clips_the_index_case_to_from_and_to_and_contacts_to_from_and_at() {
    let graph = model(&[("x", "s", 0, 100), ("y", "s", 0, 100)]);
    let asked = Question {
        from: 20,
        to: 50,
        ..until(80)
    };
    assert_eq!(exposed(&graph, asked), ["y 1 20 50 30"]);
    let lingering = Question {
        linger: 1000,
        ..asked
    };
    assert_eq!(exposed(&graph, lingering), ["y 1 20 80 60"]);
}

#[test]
fn an_empty_window_answers_empty() {
    let graph = model(&[("x", "s", 0, 100), ("y", "s", 0, 100)]);
    for (from, to) in [(50, 50), (60, 50)] {
        let asked = Question {
            from,
            to,
            linger: 10,
            ..both_until(100)
        };
        assert!(exposed(&graph, asked).is_empty());
    }
}

#[test]
fn lingering_reaches_who_comes_after() {
    let graph = model(&[("x", "s", 0, 10), ("y", "s", 12, 90), ("z", "s", 15, 90)]);
    let asked = Question {
        linger: 5,
        ..until(100)
    };
    assert_eq!(exposed(&graph, asked), ["y 1 12 15 3"]);
}

#[test]
fn lingering_never_passes_at_and_outside_the_window_nothing_lingers() {
    let graph = model(&[("x", "s", 0, 10), ("y", "s", 12, 90)]);
    let asked = Question {
        linger: 1 << 53,
        ..until(14)
    };
    assert_eq!(exposed(&graph, asked), ["y 1 12 14 2"]);
    assert!(exposed(&graph, Question { from: 10, ..asked }).is_empty());
}

#[test]
fn relays_do_not_linger() {
    let graph = model(&[("x", "s", 0, 10), ("y", "s", 5, 10), ("z", "s", 12, 20)]);
    let asked = Question {
        linger: 2,
        ..both_until(100)
    };
    assert_eq!(exposed(&graph, asked), ["y 1 5 10 5"]);
}

#[test]
fn order_2_needs_a_path_that_respects_time() {
    let graph = model(&[
        ("x", "s", 50, 60),
        ("y", "s", 55, 65),
        ("y", "t", 0, 10),
        ("early", "t", 0, 10),
        ("y", "u", 40, 70),
        ("late", "u", 45, 58),
        ("barely", "u", 40, 56),
        ("missed", "u", 40, 55),
    ]);
    assert_eq!(
        exposed(&graph, both_until(100)),
        ["y 1 55 60 5", "late 2 55 58 3", "barely 2 55 56 1"]
    );
}

#[test]
fn order_2_is_one_union_over_all_relays() {
    let graph = model(&[
        ("x", "s", 0, 10),
        ("y", "s", 0, 10),
        ("w", "s", 5, 10),
        ("y", "t", 20, 40),
        ("w", "t", 30, 50),
        ("z", "t", 25, 45),
    ]);
    assert_eq!(
        exposed(&graph, both_until(100)),
        ["y 1 0 10 10", "w 1 5 10 5", "z 2 25 45 20"]
    );
}

#[test]
fn a_contact_of_both_orders_is_reported_once_as_order_1() {
    let graph = model(&[
        ("x", "s", 0, 10),
        ("y", "s", 0, 10),
        ("z", "s", 5, 30),
        ("y", "s", 12, 30),
    ]);
    assert_eq!(
        exposed(&graph, both_until(100)),
        ["y 1 0 10 10", "z 1 5 10 5"]
    );
}

#[test]
fn mintime_adds_up_over_meetings() {
    let graph = model(&[("x", "s", 0, 100), ("y", "s", 0, 5), ("y", "s", 50, 55)]);
    for (min_time, found) in [(0, true), (10, true), (11, false)] {
        let asked = Question {
            min_time: Some(min_time),
            ..until(100)
        };
        assert_eq!(!exposed(&graph, asked).is_empty(), found, "{min_time}");
    }
}

#[test]
fn within_slides() {
    let graph = model(&[
        ("x", "s", 0, 100),
        ("y", "s", 0, 5),
        ("y", "s", 20, 30),
        ("y", "s", 35, 37),
    ]);
    for (min_time, within, found) in [
        (12, 17, true),  // 20..37
        (12, 16, false), // 11 in 20..36
        (11, 16, true),
        (17, 37, true),
        (17, 36, false),
        (10, 10, true),
        (11, 10, false),
        (0, 0, true),
        (1, 0, false),
        (17, 1 << 53, true),
        (18, 1 << 53, false),
    ] {
        let asked = Question {
            min_time: Some(min_time),
            within: Some(within),
            ..until(100)
        };
        assert_eq!(
            !exposed(&graph, asked).is_empty(),
            found,
            "{min_time} within {within}"
        );
    }
}

#[test]
fn who_falls_short_relays_nothing_but_may_be_order_2() {
    let graph = model(&[
        ("x", "s", 0, 100),
        ("y", "s", 0, 50),
        ("short", "s", 40, 45),
        ("short", "t", 60, 90),
        ("y", "t", 60, 90),
        ("z", "u", 45, 100),
        ("short", "u", 45, 100),
    ]);
    let asked = Question {
        min_time: Some(20),
        ..both_until(100)
    };
    assert_eq!(exposed(&graph, asked), ["y 1 0 50 50", "short 2 40 90 35"]);
}

const AT: Millis = 1000 * HOUR;

/// `hours` before AT.
fn ago(hours: Millis) -> Millis {
    AT - hours * HOUR
}

#[test]
fn order_1_priority_is_by_the_latest_end() {
    let graph = model(&[
        ("x", "s", ago(200), AT),
        ("high", "s", ago(60), ago(48) + 1),
        ("medium", "s", ago(60), ago(48)),
        ("still", "s", ago(100), ago(96) + 1),
        ("low", "s", ago(100), ago(96)),
    ]);
    assert_eq!(
        priorities(&graph, until(AT)),
        ["high High", "medium Medium", "still Medium", "low Low"]
    );
    let asked = Question {
        min_priority: Priority::Medium,
        ..until(AT)
    };
    assert_eq!(priorities(&graph, asked).len(), 3);
}

#[test]
fn soon_after_the_epoch_everything_is_recent() {
    let graph = model(&[("x", "s", 0, 1), ("y", "s", 0, 1)]);
    assert_eq!(priorities(&graph, until(48 * HOUR)), ["y High"]);
    assert_eq!(priorities(&graph, until(48 * HOUR + 1)), ["y Medium"]);
    assert_eq!(priorities(&graph, until(96 * HOUR + 1)), ["y Low"]);
}

#[test]
fn order_2_is_medium_along_a_path_wholly_in_the_last_48_hours() {
    // y met x before, too, but only what lies after AT − 48 h begins a recent path: at t' = ago(40).
    let graph = model(&[
        ("x", "s", ago(90), ago(80)),
        ("y", "s", ago(90), ago(80)),
        ("x", "s", ago(40), ago(30)),
        ("y", "s", ago(40), ago(30)),
        ("y", "t", ago(46), ago(10)),
        ("z", "t", ago(46), ago(40) + 1),
        ("w", "t", ago(46), ago(40)),
    ]);
    assert_eq!(
        priorities(&graph, both_until(AT)),
        ["y High", "z Medium", "w Low"]
    );
}

#[test]
fn a_meeting_that_began_before_is_clipped_to_the_last_48_hours() {
    let graph = model(&[
        ("x", "s", ago(50), ago(47)),
        ("y", "s", ago(50), ago(47)),
        ("y", "t", ago(50), ago(40)),
        ("z", "t", ago(50), ago(48) + 1),
        ("w", "t", ago(50), ago(48)),
    ]);
    assert_eq!(
        priorities(&graph, both_until(AT)),
        ["y High", "z Medium", "w Low"]
    );
}

#[test]
fn one_path_must_be_recent_not_two_halves() {
    // y is a recent contact but met z long ago; w met z recently but is no recent contact.
    let graph = model(&[
        ("x", "s", ago(90), ago(85)),
        ("y", "s", ago(90), ago(85)),
        ("w", "s", ago(90), ago(85)),
        ("y", "t", ago(80), ago(79)),
        ("z", "t", ago(80), ago(79)),
        ("x", "s", ago(20), ago(19)),
        ("y", "s", ago(20), ago(19)),
        ("w", "u", ago(10), ago(9)),
        ("z", "u", ago(10), ago(9)),
    ]);
    assert_eq!(
        priorities(&graph, both_until(AT)),
        ["y High", "w Medium", "z Low"]
    );
}

#[test]
fn a_contact_of_both_orders_has_the_more_urgent_priority_even_if_order_2_is_short() {
    let graph = model(&[
        ("x", "s", ago(200), ago(190)),
        ("z", "s", ago(200), ago(190)),
        ("x", "t", ago(20), ago(10)),
        ("y", "t", ago(20), ago(10)),
        ("y", "u", ago(9), ago(8)),
        ("z", "u", ago(8) - 1, ago(8)),
    ]);
    let asked = Question {
        min_time: Some(HOUR),
        ..both_until(AT)
    };
    assert_eq!(priorities(&graph, asked), ["y High", "z Medium"]);
    assert_eq!(
        priorities(
            &graph,
            Question {
                order: Order::First,
                ..asked
            }
        ),
        ["y High", "z Low"]
    );
}

#[test]
fn rows_are_sorted_by_priority_order_total_id() {
    let graph = model(&[
        ("x", "s", ago(10), ago(5)),
        ("b", "s", ago(10), ago(9)),
        ("a", "s", ago(10), ago(9)),
        ("c", "s", ago(10), ago(8)),
        ("x", "t", ago(90), ago(80)),
        ("old", "t", ago(90), ago(80)),
        ("b", "u", ago(4), ago(1)),
        ("z", "u", ago(4), ago(1)),
    ]);
    assert_eq!(
        priorities(&graph, both_until(AT)),
        ["c High", "a High", "b High", "old Medium", "z Medium"]
    );
}

#[test]
fn a_visit_is_known_by_visitor_space_and_start() {
    let mut graph = model(&[("x", "s", 10, 20)]);
    assert_eq!(graph.visit(b"x", b"s", 10, 15), 0);
    assert_eq!(graph.visit(b"x", b"s", 11, 15), 1);
    assert_eq!(graph.visit(b"x", b"t", 10, 15), 1);
    let found = graph.visits(b"x", 0, 100, 0);
    let want = [(&b"s"[..], 10, 15), (b"t", 10, 15), (b"s", 11, 15)];
    assert_eq!(found, want.map(|(s, a, b)| (s.to_vec(), a, b)));
}

#[test]
fn revisit_replaces_what_it_meets() {
    let mut graph = model(&[("x", "s", 10, 20), ("x", "s", 30, 40)]);
    assert!(!graph.revisit(b"x", b"s", 11, 30, 50));
    assert!(graph.revisit(b"x", b"s", 10, 30, 50));
    assert_eq!(graph.visits(b"x", 0, 100, 0), [(b"s".to_vec(), 30, 50)]);
    assert!(graph.revisit(b"x", b"s", 30, 30, 31));
    assert_eq!(graph.end_of(b"x", b"s", 30), Some(31));
}

#[test]
fn windows_of_lists_are_half_open_and_expired_visits_are_gone() {
    let graph = model(&[("x", "s", 10, 20), ("y", "s", 10, 30), ("a", "s", 15, 40)]);
    let ids = |from, to, expired, count| -> Vec<String> {
        let rows = graph.present(b"s", from, to, expired, count);
        rows.into_iter()
            .map(|(id, ..)| String::from_utf8(id).expect("text"))
            .collect()
    };
    assert_eq!(ids(0, 100, 0, 9), ["x", "y", "a"]);
    assert_eq!(ids(0, 100, 0, 2), ["x", "y"]);
    assert_eq!(ids(20, 100, 0, 9), ["y", "a"]);
    assert_eq!(ids(0, 15, 0, 9), ["x", "y"]);
    assert_eq!(ids(0, 10, 0, 9), [""; 0]);
    assert_eq!(ids(0, 100, 20, 9), ["y", "a"]);
}

#[test]
fn purge_takes_what_ended_by_then() {
    let mut graph = model(&[("x", "s", 10, 20), ("y", "s", 10, 21)]);
    assert_eq!(graph.purge(20), 1);
    assert_eq!(graph.stats().visits, 1);
    assert_eq!(graph.forget(b"y"), 1);
    assert!(graph.is_empty());
    assert_eq!(graph.revoke(b"y"), 0);
    assert!(!graph.is_empty());
}

/// Crowds of three as `space hour minutes peak`, from hour 0 to hour 2.
fn crowds(visits: &[(&str, &str, Millis, Millis)]) -> Vec<String> {
    let cells = model(visits).density(None, 0, 2 * HOUR, 3);
    cells
        .iter()
        .map(|cell| {
            let space = String::from_utf8_lossy(&cell.space);
            format!(
                "{space} {} {} {}",
                cell.hour / HOUR,
                cell.minutes,
                cell.peak
            )
        })
        .collect()
}

#[test]
fn a_crowd_is_counted_by_the_time_each_is_in_company_and_rounded_to_crowds() {
    let half = HOUR / 2;
    // 180 minutes, and in the next hour two people are too few.
    let all = [
        ("a", "s", 0, HOUR),
        ("b", "s", 0, 2 * HOUR),
        ("c", "s", 0, 2 * HOUR),
    ];
    assert_eq!(crowds(&all), ["s 0 180 3"]);
    assert!(crowds(&all[1..]).is_empty());
    // Whoever leaves as another comes was not there with them: c has company for an hour, a and b for half of it.
    let in_turn = [
        ("a", "s", 0, half),
        ("b", "s", half, HOUR),
        ("c", "s", 0, HOUR),
    ];
    assert_eq!(crowds(&in_turn), ["s 0 180 3"]); // 120 and 2, rounded
    // Alone, one after another: three came, nobody met.
    let alone = [
        ("a", "s", 0, half),
        ("b", "s", half, HOUR),
        ("c", "s", HOUR - 1, HOUR),
    ];
    assert_eq!(crowds(&alone), ["s 0 0 3"]); // two milliseconds of company
    let apart = [("a", "s", 0, 5), ("b", "s", 5, 9), ("c", "s", 9, 10)];
    assert_eq!(crowds(&apart), ["s 0 0 0"]);
    // Nobody is their own company.
    let twice = [
        ("a", "s", 0, HOUR),
        ("a", "s", 1, HOUR),
        ("a", "s", 2, HOUR),
    ];
    assert!(crowds(&twice).is_empty());
    // Half a crowd and more is a whole one, less is none.
    let quarter = HOUR / 4;
    let [a, b, c] = ["a", "b", "c"].map(|who| (who, "s", 0, half));
    assert_eq!(crowds(&[a, b, c]), ["s 0 180 3"]); // 90
    let less = ("c", "s", 0, quarter);
    assert_eq!(crowds(&[a, b, less]), ["s 0 0 3"]); // 75
}
