//! What the contract says of warnings and alerts, sentence by sentence, held against the model.

use Reason::{Alerted, Contact, Positive};
use lct_model::warnings::{
    Cut, Moment, Reason, Source, Taken, Warn, Warned, WarningState, alert_hash,
};
use lct_model::{HOUR, Millis, Model, Order, Priority, Question};

const AT: Millis = 1_000 * HOUR;
const TERMS: Question = Question {
    from: 0,
    to: AT,
    at: AT,
    order: Order::First,
    min_time: None,
    within: None,
    linger: 0,
    min_priority: Priority::Low,
};

/// On time: visits are late once they ended a day ago.
fn moment(hours: u64) -> Moment {
    let now = AT + hours * HOUR;
    Moment {
        now,
        late: now - 24 * HOUR,
        expired: 0,
    }
}

/// Visits of single letters, in hours before AT.
fn visits(rows: &[(&str, &str, u64, u64)]) -> Model {
    let mut model = Model::default();
    for row in rows {
        log(&mut model, *row, 0);
    }
    model
}

fn log(model: &mut Model, row: (&str, &str, u64, u64), hours: u64) {
    let (visitor, space, start, end) = row;
    let (start, end) = (AT - start * HOUR, AT - end * HOUR);
    model.visit_at(
        visitor.as_bytes(),
        space.as_bytes(),
        start,
        end,
        &moment(hours),
    );
}

fn warn(warning: &str, visitor: &str, reason: Reason) -> Warn {
    Warn {
        warning: warning.into(),
        source: Source::Visitor(visitor.into()),
        reason,
        terms: TERMS,
        stands_until: Millis::MAX,
        hold: None,
    }
}

fn alerted(model: &mut Model, warn: &Warn, hours: u64) -> u64 {
    model.warn(warn, &moment(hours)).expect("free").alerted
}

/// Reason, state and version of what is in somebody's inbox.
fn inbox(model: &Model, visitor: &str) -> Vec<(Reason, bool, u32)> {
    let alerts = model.alerts(visitor.as_bytes(), 0).into_iter();
    alerts
        .map(|it| (it.reason, it.active, it.version))
        .collect()
}

#[test]
fn a_warning_reaches_contacts_once_and_a_retry_nobody() {
    let mut model = visits(&[("x", "s", 5, 3), ("a", "s", 4, 2), ("b", "s", 3, 2)]);
    assert_eq!(alerted(&mut model, &warn("w", "x", Positive), 0), 1);
    assert_eq!(inbox(&model, "a"), [(Positive, true, 1)]);
    assert_eq!(inbox(&model, "b"), [], "touching is no contact");
    assert_eq!(inbox(&model, "x"), []);
    let again = model.warn(&warn("w", "x", Positive), &moment(1));
    let nothing = Warned {
        alerted: 0,
        held: false,
        changed: false,
    };
    assert_eq!(again, Ok(nothing));
    assert_eq!(
        model.warn(&warn("w", "a", Positive), &moment(1)),
        Err(Taken)
    );
}

#[test]
fn a_visit_logged_later_is_alerted_unless_it_is_late() {
    let mut model = visits(&[("x", "s", 40, 1)]);
    assert_eq!(alerted(&mut model, &warn("w", "x", Positive), 0), 0);
    log(&mut model, ("a", "s", 5, 4), 1);
    log(&mut model, ("b", "s", 30, 26), 1);
    assert_eq!(inbox(&model, "a"), [(Positive, true, 1)]);
    assert_eq!(inbox(&model, "b"), [], "late");
    // Another warning, asked afterwards, finds it; so does a revision; nothing else does.
    assert_eq!(alerted(&mut model, &warn("v", "x", Positive), 1), 2);
    log(&mut model, ("x", "t", 2, 1), 1);
    assert_eq!(inbox(&model, "b").len(), 1);
    assert_eq!(alerted(&mut model, &warn("w", "x", Positive), 1), 1);
    assert_eq!(inbox(&model, "b").len(), 2);
}

#[test]
fn a_late_visit_that_is_lengthened_in_time_is_late_no_longer() {
    let mut model = visits(&[("x", "s", 40, 1)]);
    alerted(&mut model, &warn("w", "x", Positive), 0);
    log(&mut model, ("b", "s", 30, 26), 1);
    log(&mut model, ("b", "s", 30, 5), 1);
    assert_eq!(inbox(&model, "b"), [(Positive, true, 1)]);
}

#[test]
fn a_retraction_reaches_who_acknowledged_and_a_revision_gives_again() {
    let mut model = visits(&[("x", "s", 5, 3), ("a", "s", 4, 2)]);
    alerted(&mut model, &warn("w", "x", Positive), 0);
    let alert = (alert_hash(b"w", b"a"), 1);
    assert_eq!(model.ack(b"a", &[(alert.0, 2)]), 0);
    assert_eq!(model.ack(b"a", &[alert, alert]), 1);
    assert_eq!(model.ack(b"a", &[alert]), 0);
    assert_eq!(model.retract(b"w", AT), Some(1));
    assert_eq!(inbox(&model, "a"), [(Positive, false, 2)]);
    assert_eq!(model.retract(b"w", AT), None);
    assert_eq!(alerted(&mut model, &warn("w", "x", Contact), 1), 1);
    assert_eq!(inbox(&model, "a"), [(Contact, true, 3)]);
}

#[test]
fn more_urgent_rings_again_when_revised_and_not_when_it_stands() {
    let mut model = visits(&[("x", "s", 60, 50), ("a", "s", 60, 50)]);
    let given = warn("w", "x", Positive);
    assert_eq!(alerted(&mut model, &given, 0), 1);
    log(&mut model, ("x", "s", 5, 3), 0);
    log(&mut model, ("a", "s", 5, 3), 0);
    let alert = model.alerts(b"a", 0)[0];
    assert_eq!((alert.priority, alert.version), (Priority::High, 1));
    assert_eq!(alerted(&mut model, &given, 0), 0);

    let mut model = visits(&[("x", "s", 60, 50), ("a", "s", 60, 50)]);
    assert_eq!(alerted(&mut model, &given, 0), 1);
    let earlier = Warn {
        terms: Question {
            to: AT - 12 * HOUR,
            at: AT - 12 * HOUR,
            ..TERMS
        },
        ..given
    };
    assert_eq!(alerted(&mut model, &earlier, 0), 1);
    let alert = model.alerts(b"a", 0)[0];
    assert_eq!((alert.priority, alert.version), (Priority::High, 2));
}

#[test]
fn only_medium_contacts_of_contacts_are_alerted() {
    let mut model = visits(&[
        ("x", "s", 5, 3),
        ("a", "s", 5, 3),
        ("a", "t", 3, 2),
        ("b", "t", 3, 2),
        ("x", "u", 80, 70),
        ("c", "u", 80, 70),
        ("c", "t", 60, 55),
        ("d", "t", 60, 55),
    ]);
    let mut second = warn("w", "x", Positive);
    second.terms.order = Order::Second;
    assert_eq!(alerted(&mut model, &second, 0), 3);
    assert_eq!(model.alerts(b"b", 0)[0].priority, Priority::Medium);
    assert_eq!(inbox(&model, "d"), [], "low");
    // Later ones follow when the second order is looked at.
    log(&mut model, ("e", "t", 3, 2), 0);
    assert_eq!(inbox(&model, "e"), []);
    assert!(model.stand(b"w", &moment(0)));
    assert_eq!(inbox(&model, "e").len(), 1);
    assert!(!model.stand(b"w", &moment(0)));
}

#[test]
fn alerted_concerns_whom_the_warner_met_after_being_exposed() {
    let mut model = visits(&[
        ("y", "t", 9, 8),
        ("before", "t", 9, 8),
        ("x", "s", 5, 3),
        ("y", "s", 5, 3),
        ("y", "u", 3, 2),
        ("after", "u", 3, 2),
    ]);
    let passed_on = warn("v", "y", Alerted);
    assert_eq!(alerted(&mut model, &passed_on, 0), 0, "not exposed yet");
    assert_eq!(alerted(&mut model, &warn("w", "x", Positive), 0), 1);
    assert_eq!(inbox(&model, "before"), []);
    assert_eq!(inbox(&model, "after"), [(Alerted, true, 1)]);
    // Of the exposure nothing is left: nobody new is found.
    model.retract(b"w", AT);
    log(&mut model, ("too late", "u", 3, 2), 0);
    assert_eq!(inbox(&model, "too late"), []);
    assert_eq!(inbox(&model, "after").len(), 1);
}

#[test]
fn a_place_warns_who_was_there() {
    let mut model = visits(&[("a", "s", 5, 3), ("b", "s", 3, 2), ("c", "t", 5, 3)]);
    let mut place = warn("w", "", Positive);
    place.source = Source::Space(b"s".to_vec());
    place.terms.to = AT - 3 * HOUR;
    assert_eq!(alerted(&mut model, &place, 0), 1);
    log(&mut model, ("c", "s", 4, 3), 0);
    assert_eq!(inbox(&model, "c").len(), 1);
    assert_eq!(
        model.warn(&warn("w", "s", Positive), &moment(0)),
        Err(Taken)
    );
}

#[test]
fn a_held_warning_alerts_nobody_until_it_is_released_and_then_for_ever() {
    let mut model = visits(&[("x", "s", 5, 3), ("a", "s", 5, 3)]);
    let mut held = warn("w", "x", Positive);
    held.hold = Some(1);
    assert_eq!(alerted(&mut model, &held, 0), 1);
    log(&mut model, ("b", "s", 5, 3), 0);
    assert_eq!(model.warnings[&b"w"[..]].state, WarningState::Held);
    assert_eq!(inbox(&model, "b"), []);
    assert_eq!(alerted(&mut model, &held, 0), 0);
    assert_eq!(model.would_warn(&held, &moment(0)), Ok(1));
    assert_eq!(model.would_release(b"w", &moment(0)), Some(1));
    assert_eq!(model.release(b"w", &moment(0)), Some(1));
    log(&mut model, ("c", "s", 5, 3), 0);
    assert_eq!(inbox(&model, "c").len(), 1);
    assert_eq!(model.release(b"w", &moment(0)), None);
}

#[test]
fn a_forgotten_owner_leaves_a_warning_that_can_only_be_retracted() {
    let mut model = visits(&[("x", "s", 5, 3), ("a", "s", 5, 3)]);
    alerted(&mut model, &warn("w", "x", Positive), 0);
    assert_eq!(model.forget(b"x"), 1);
    log(&mut model, ("x", "s", 5, 3), 0);
    log(&mut model, ("b", "s", 5, 3), 0);
    assert_eq!(inbox(&model, "b"), []);
    assert_eq!(
        model.warn(&warn("w", "x", Positive), &moment(0)),
        Err(Taken)
    );
    assert_eq!(model.retract(b"w", AT), Some(1));
    model.forget(b"a");
    assert!(!model.knows(b"a"));
    assert_eq!(model.stats().alerts, 0);
}

#[test]
fn a_purge_ages_alerts_and_takes_warnings_past_their_time() {
    let mut model = visits(&[("x", "s", 5, 3), ("a", "s", 5, 3)]);
    alerted(&mut model, &warn("w", "x", Positive), 1);
    let mut cut = Cut {
        before: AT,
        alerts: AT + HOUR,
        now: AT + 2 * HOUR,
    };
    assert_eq!(model.purge_cut(&cut), 2);
    assert_eq!(model.stats().alerts, 1, "not yet");
    cut.alerts += 1;
    cut.before -= 1;
    model.purge_cut(&cut);
    assert_eq!((model.stats().alerts, model.stats().warnings), (0, 1));
    cut.before += 1;
    model.purge_cut(&cut);
    assert!(model.is_empty());
}
