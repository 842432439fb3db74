//! What each command does and answers, by small examples. Hard questions are for `data.rs` and `model.rs`.

use lct_tests::{Client, Server};

const HOUR: u64 = 3_600_000;

fn start() -> (Server, Client) {
    let server = Server::start();
    let client = server.client();
    (server, client)
}

#[test]
fn visit_counts_what_it_adds() {
    let (_server, mut c) = start();
    c.expect("LCT.VISIT g alice cafe 100 200", "1");
    c.expect("LCT.VISIT g alice cafe 100 200", "0");
    c.expect(
        "LCT.VISIT g alice cafe 300 400 bob cafe 100 200 alice cafe 100 200",
        "2",
    );
    c.expect("LCT.VISITS g alice", "[[cafe 100 200] [cafe 300 400]]");
}

#[test]
fn visit_moves_the_end_of_a_known_visit() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 100 200");
    c.expect("LCT.VISIT g alice cafe 100 250", "0");
    c.expect("LCT.VISITS g alice", "[[cafe 100 250]]");
    c.expect("LCT.VISIT g alice cafe 100 150", "0");
    c.expect("LCT.PRESENT g cafe 0 1000", "[[alice 100 150]]");
    // From left to right: the last one wins.
    c.expect("LCT.VISIT g bob cafe 0 5 bob cafe 0 9 bob cafe 0 7", "1");
    c.expect("LCT.VISITS g bob", "[[cafe 0 7]]");
}

#[test]
fn visit_takes_every_time_and_id_there_is() {
    let (_server, mut c) = start();
    let long = "x".repeat(128);
    c.expect("LCT.VISIT g alice cafe 0 9007199254740991", "1");
    c.expect(
        "LCT.VISIT g alice cafe 9007199254740990 9007199254740991",
        "1",
    );
    c.expect(&format!("LCT.VISIT g {long} {long} 0 1"), "1");
    c.expect("LCT.VISIT g Žofie kavárna\u{a0}☕ 0 1", "1");
    c.expect(
        "LCT.VISITS g alice",
        "[[cafe 0 9007199254740991] [cafe 9007199254740990 9007199254740991]]",
    );
    c.expect(
        &format!("LCT.PRESENT g {long} 0 1"),
        &format!("[[{long} 0 1]]"),
    );
}

#[test]
fn revisit_moves_a_visit() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 100 200 alice cafe 300 400 bob cafe 100 200");
    c.expect("LCT.REVISIT g alice cafe 100 110 190", "1");
    c.expect("LCT.VISITS g alice", "[[cafe 110 190] [cafe 300 400]]");
    c.expect("LCT.REVISIT g alice cafe 110 300 350", "1"); // replaces the one at 300
    c.expect("LCT.VISITS g alice", "[[cafe 300 350]]");
    c.expect("LCT.REVISIT g alice cafe 300 300 360", "1"); // moves the end alone
    c.expect("LCT.REVISIT g alice cafe 300 300 360", "1"); // moves nothing
    c.expect(
        "LCT.PRESENT g cafe 0 1000",
        "[[bob 100 200] [alice 300 360]]",
    );
    c.expect("LCT.REVISIT g alice cafe 301 0 5", "0");
    c.expect("LCT.REVISIT g carol cafe 300 0 5", "0");
    c.expect("LCT.REVISIT g alice bar 300 0 5", "0");
    c.expect("LCT.REVISIT missing alice cafe 300 0 5", "0");
    c.expect("EXISTS missing", "0");
}

#[test]
fn unvisit_removes_one_visit() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 100 200 alice cafe 300 400");
    c.expect("LCT.UNVISIT g alice cafe 101", "0");
    c.expect("LCT.UNVISIT g alice bar 100", "0");
    c.expect("LCT.UNVISIT g bob cafe 100", "0");
    c.expect("LCT.UNVISIT missing alice cafe 100", "0");
    c.expect("LCT.UNVISIT g alice cafe 100", "1");
    c.expect("LCT.VISITS g alice", "[[cafe 300 400]]");
    c.expect("LCT.UNVISIT g alice cafe 300", "1");
    c.expect("EXISTS g", "0");
}

#[test]
fn visits_are_a_persons_own_by_start_then_space() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice gym 50 60 alice cafe 100 200 alice bar 100 150 alice bar 300 400 bob bar 0 1000");
    c.expect(
        "LCT.VISITS g alice",
        "[[gym 50 60] [bar 100 150] [cafe 100 200] [bar 300 400]]",
    );
    c.expect(
        "LCT.VISITS g alice FROM 150",
        "[[cafe 100 200] [bar 300 400]]",
    );
    c.expect("LCT.VISITS g alice TO 100", "[[gym 50 60]]");
    c.expect(
        "LCT.VISITS g alice to 301 from 149",
        "[[bar 100 150] [cafe 100 200] [bar 300 400]]",
    );
    c.expect("LCT.VISITS g alice FROM 200 TO 300", "[]");
    c.expect("LCT.VISITS g nobody", "[]");
    c.expect("LCT.VISITS missing alice", "[]");
}

#[test]
fn present_tells_who_was_there_by_start_then_visitor() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g bob cafe 100 200 alice cafe 100 300 carol cafe 50 101 dave cafe 200 250 eve bar 100 200 carol cafe 250 260");
    c.expect(
        "LCT.PRESENT g cafe 100 200",
        "[[carol 50 101] [alice 100 300] [bob 100 200]]",
    );
    c.expect(
        "LCT.PRESENT g cafe 101 200",
        "[[alice 100 300] [bob 100 200]]",
    ); // touching is not being there
    c.expect(
        "LCT.PRESENT g cafe 0 1000 COUNT 2",
        "[[carol 50 101] [alice 100 300]]",
    );
    c.expect(
        "LCT.PRESENT g cafe 0 1000 count 9007199254740991",
        "[[carol 50 101] [alice 100 300] [bob 100 200] [dave 200 250] [carol 250 260]]",
    );
    c.expect("LCT.PRESENT g nowhere 0 1000", "[]");
    c.expect("LCT.PRESENT missing cafe 0 1000", "[]");
}

/// At hour 1000: y met x in the last 48 hours, w in the last 96, v long ago; z met y after y had met x, early before that.
fn meetings(c: &mut Client) {
    let visits = [
        ("x cafe", 990, 992),
        ("y cafe", 991, 993),
        ("y bar", 995, 997),
        ("z bar", 995, 996),
        ("y park", 980, 982),
        ("early park", 980, 982),
        ("x gym", 930, 931),
        ("w gym", 930, 931),
        ("x pool", 800, 801),
        ("v pool", 800, 801),
        ("next cafe", 992, 994),
    ];
    for (who_where, start, end) in visits {
        c.expect(
            &format!("LCT.VISIT g {who_where} {} {}", start * HOUR, end * HOUR),
            "1",
        );
    }
}

#[test]
fn exposed_answers_a_set_of_contacts() {
    let (_server, mut c) = start();
    meetings(&mut c);
    let at = 1000 * HOUR;
    c.expect_set(&format!("LCT.EXPOSED g x AT {at}"), &["v", "w", "y"]);
    c.expect_set(
        &format!("LCT.EXPOSED g x AT {at} ORDER 1"),
        &["v", "w", "y"],
    );
    c.expect_set(
        &format!("LCT.EXPOSED g x AT {at} ORDER 2"),
        &["next", "v", "w", "y", "z"],
    );
    c.expect_set(
        &format!("LCT.EXPOSED g x AT {at} ORDER 2 MINPRIORITY medium"),
        &["next", "w", "y", "z"],
    );
    c.expect_set(&format!("LCT.EXPOSED g x AT {at} MINPRIORITY HIGH"), &["y"]);
    c.expect_set(
        &format!(
            "LCT.EXPOSED g x AT {at} FROM {} TO {}",
            900 * HOUR,
            991 * HOUR
        ),
        &["w"],
    );
    c.expect_set("LCT.EXPOSED g x", &["v", "w", "y"]); // AT is now
    c.expect("LCT.EXPOSED g nobody", "[]");
    c.expect("LCT.EXPOSED missing x", "[]");
    c.expect("EXISTS missing", "0");
}

#[test]
fn exposed_with_times_is_sorted_and_complete() {
    let (_server, mut c) = start();
    meetings(&mut c);
    let rows = [
        ("y", 1, "high", 991, 992, 1),
        ("w", 1, "medium", 930, 931, 1),
        ("next", 2, "medium", 992, 993, 1),
        ("z", 2, "medium", 995, 996, 1),
        ("v", 1, "low", 800, 801, 1),
    ];
    let rows = rows.map(|(id, order, priority, first, last, total)| {
        format!(
            "[{id} {order} {priority} {} {} {}]",
            first * HOUR,
            last * HOUR,
            total * HOUR
        )
    });
    let question = format!("LCT.EXPOSED g x AT {} ORDER 2", 1000 * HOUR);
    c.expect(
        &format!("{question} WITHTIMES"),
        &format!("[{}]", rows.join(" ")),
    );
    c.expect(
        &format!("{question} COUNT 2 WITHTIMES"),
        &format!("[{}]", rows[..2].join(" ")),
    );
    c.expect(&format!("{question} COUNT 3"), "[y w next]");
}

#[test]
fn exposed_counts_shared_time_once_and_knows_mintime_within_and_lingering() {
    let (_server, mut c) = start();
    // x and y share two spaces at once, and meet again later for ten milliseconds.
    c.run("LCT.VISIT g x a 0 100 x b 50 150 y a 20 90 y b 60 120 x a 1000 1010 y a 1000 1010 late a 1010 1030");
    c.expect(
        "LCT.EXPOSED g x AT 2000 WITHTIMES",
        "[[y 1 high 20 1010 110]]",
    );
    c.expect("LCT.EXPOSED g x AT 2000 MINTIME 110", "[y]");
    c.expect("LCT.EXPOSED g x AT 2000 MINTIME 111", "[]");
    c.expect("LCT.EXPOSED g x AT 2000 MINTIME 100 WITHIN 100", "[y]");
    c.expect("LCT.EXPOSED g x AT 2000 MINTIME 101 WITHIN 500", "[]");
    c.expect(
        "LCT.EXPOSED g x AT 2000 LINGER 5 WITHTIMES",
        "[[y 1 high 20 1010 110] [late 1 high 1010 1015 5]]",
    );
    c.expect(
        "LCT.EXPOSED g x AT 1012 LINGER 50 WITHTIMES FROM 1000",
        "[[y 1 high 1000 1010 10] [late 1 high 1010 1012 2]]",
    );
    c.expect("LCT.EXPOSED g x AT 0", "[]");
    c.expect("LCT.EXPOSED g x FROM 3000 AT 2000", "[]");
}

#[test]
fn nobody_is_their_own_contact() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g x a 0 100 x a 50 150 y a 40 60");
    c.expect("LCT.EXPOSED g x AT 1000 ORDER 2", "[y]");
    c.expect(
        "LCT.EXPOSED g y AT 1000 ORDER 2 WITHTIMES",
        "[[x 1 high 40 60 20]]",
    );
}

#[test]
fn purge_removes_what_ended_by_then() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 0 100 alice bar 50 101 bob cafe 90 200 carol gym 10 20");
    c.expect("LCT.PURGE g BEFORE 100", "2");
    c.expect("LCT.VISITS g alice", "[[bar 50 101]]");
    c.expect("LCT.PRESENT g cafe 0 1000", "[[bob 90 200]]");
    let info = c.run("LCT.INFO g");
    assert_eq!(
        (
            info.get("visitors").int(),
            info.get("spaces").int(),
            info.get("visits").int()
        ),
        (2, 2, 2),
        "carol and the gym are gone"
    );
    c.expect("LCT.PURGE g BEFORE 100", "0");
    c.expect("LCT.PURGE g", "0"); // retention 0: nothing is ever too old
    c.expect("LCT.PURGE g ALERTS 5 before 200", "2");
    c.expect("EXISTS g", "0");
    c.expect("LCT.PURGE g BEFORE 200", "0");
}

#[test]
fn forget_erases_a_person() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 0 100 alice bar 50 101 bob cafe 90 200");
    c.expect("LCT.FORGET g nobody", "0");
    c.expect("LCT.FORGET g alice", "2");
    c.expect("LCT.VISITS g alice", "[]");
    c.expect("LCT.PRESENT g cafe 0 1000", "[[bob 90 200]]");
    c.expect("LCT.EXPOSED g bob AT 1000", "[]");
    c.expect("LCT.FORGET g alice", "0");
    c.expect("LCT.VISIT g alice cafe 0 100", "1"); // forgotten, not barred
    c.run("LCT.FORGET g alice");
    c.expect("LCT.FORGET g bob", "1");
    c.expect("EXISTS g", "0");
    c.expect("LCT.FORGET missing alice", "0");
    c.expect("EXISTS missing", "0");
}

#[test]
fn revoke_erases_and_bars_for_ever() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 0 100 bob cafe 50 200");
    c.expect("LCT.REVOKE g alice", "1");
    c.expect("LCT.REVOKE g alice", "0");
    c.expect("LCT.VISITS g alice", "[]");
    c.expect("LCT.EXPOSED g alice AT 1000", "[]");
    c.expect("LCT.EXPOSED g bob AT 1000", "[]");
    c.expect("LCT.FORGET g alice", "0"); // no way out
    c.expect("LCT.UNVISIT g alice cafe 0", "0");
    c.expect("LCT.REVISIT g alice cafe 0 5 9", "0");
    c.expect(
        "LCT.VISIT g alice cafe 0 100",
        "-REVOKED visit 1: visitor: this id was revoked and cannot be used again",
    );
    c.expect(
        "LCT.VISIT g carol cafe 0 9 alice cafe 0 100",
        "-REVOKED visit 2: visitor: this id was revoked and cannot be used again",
    );
    c.expect("LCT.VISITS g carol", "[]"); // all or nothing
    c.expect("LCT.VISIT g carol alice 0 9", "1"); // a space may be called so
    assert_eq!(c.run("LCT.INFO g").get("revoked").int(), 1);
}

#[test]
fn revoke_creates_the_graph_and_keeps_it() {
    let (_server, mut c) = start();
    c.expect("LCT.REVOKE g alice", "0");
    c.expect("TYPE g", "lct-graph");
    c.run("LCT.VISIT g bob cafe 0 100");
    c.run("LCT.FORGET g bob");
    c.expect("EXISTS g", "1");
    c.expect("LCT.PURGE g BEFORE 1000", "0");
    c.expect(
        "LCT.VISIT g alice cafe 0 100",
        "-REVOKED visit 1: visitor: this id was revoked and cannot be used again",
    );
}

#[test]
fn info_tells_what_is_stored() {
    let (_server, mut c) = start();
    c.expect("LCT.INFO g", "-ERR no such key");
    c.run("LCT.VISIT g alice cafe 100 200 bob cafe 150 300 bob bar 400 500");
    c.run("LCT.REVOKE g mallory");
    let info = c.run("LCT.INFO g");
    let fields: Vec<String> = info.pairs().into_iter().map(|(field, _)| field).collect();
    let expected = "visitors spaces visits oldest newest warnings alerts revoked memory bytes-per-visit retention last-purge \
                    warnings-held density-k";
    assert_eq!(fields.join(" "), expected);
    let counts = [
        "visitors",
        "spaces",
        "visits",
        "oldest",
        "newest",
        "warnings",
        "alerts",
        "revoked",
        "retention",
    ];
    assert_eq!(
        counts.map(|field| info.get(field).int()),
        [2, 2, 3, 100, 500, 0, 0, 1, 0]
    );
    assert!(info.get("memory").int() > 0);
}

#[test]
fn graphs_are_apart_by_key_and_database() {
    let (_server, mut c) = start();
    c.run("LCT.VISIT g alice cafe 0 100");
    c.run("LCT.VISIT other bob cafe 0 100");
    c.expect("LCT.EXPOSED g alice AT 1000", "[]");
    c.run("SELECT 1");
    c.expect("LCT.VISITS g alice", "[]");
    c.expect("LCT.VISIT g carol cafe 0 100", "1");
    c.expect("LCT.EXPOSED g carol AT 1000", "[]");
}

#[test]
fn an_instant_has_who_came_then_and_not_who_left_then() {
    let server = Server::start();
    let mut c = server.client();
    c.expect("LCT.VISIT g alice cafe 100 200 bob cafe 200 300", "2");
    c.expect("LCT.PRESENT g cafe 100 100", "[[alice 100 200]]");
    c.expect("LCT.PRESENT g cafe 200 200", "[[bob 200 300]]");
    c.expect("LCT.PRESENT g cafe 300 300", "[]");
    c.expect("LCT.VISITS g alice FROM 100 TO 100", "[[cafe 100 200]]");
    c.expect("LCT.VISITS g alice FROM 200 TO 200", "[]");
}

#[test]
fn density_tells_of_crowds_by_whole_hours() {
    let (_server, mut c) = start();
    for n in 0..5 {
        c.expect(&format!("LCT.VISIT g v{n} hall 3600000 7200000"), "1");
    }
    for n in 0..4 {
        c.expect(&format!("LCT.VISIT g v{n} cafe 3600000 7200000"), "1");
    }
    let hall = "[[hall 3600000 300 5]]";
    for window in ["3600000 7200000", "1 7200001", "0 9007199254740991"] {
        c.expect(&format!("LCT.DENSITY g {window}"), hall);
        c.expect(&format!("LCT.DENSITY g {window} space hall"), hall);
        for space in ["cafe", "nowhere"] {
            c.expect(&format!("LCT.DENSITY g {window} SPACE {space}"), "[]");
        }
        c.expect(&format!("LCT.DENSITY missing {window}"), "[]");
    }
    for window in [
        "3600001 7200000",
        "3600000 7199999",
        "7200000 7200000",
        "0 3600000",
        "7200000 9007199254740991",
    ] {
        c.expect(&format!("LCT.DENSITY g {window}"), "[]");
        c.expect(&format!("LCT.DENSITY g {window} SPACE hall"), "[]");
    }
    // What one person does mostly moves nothing. Who was there twice was there once, and four are too few.
    c.expect("LCT.VISIT g v0 hall 3600000 3600001", "0");
    c.expect("LCT.DENSITY g 0 7200000", hall);
    c.expect(
        "LCT.VISIT g v0 hall 3600001 7200000 v0 hall 5000000 6000000",
        "2",
    );
    c.expect("LCT.DENSITY g 0 7200000", hall);
    c.expect("LCT.FORGET g v1", "2");
    c.expect("LCT.DENSITY g 0 7200000", "[]");
    // Whoever leaves as another comes was not there with them.
    for n in 0..6 {
        let (start, end) = (7_200_000 + n * 600_000, 7_800_000 + n * 600_000);
        c.expect(&format!("LCT.VISIT g v{n} desk {start} {end}"), "1");
    }
    c.expect(
        "LCT.DENSITY g 0 10800000 SPACE desk",
        "[[desk 7200000 0 0]]",
    );
    // With fewer people to a crowd the same visits tell more.
    assert_eq!(c.run("LCT.INFO g").get("density-k").int(), 5);
    c.expect("CONFIG SET lct.density-k 3", "OK");
    assert_eq!(c.run("LCT.INFO g").get("density-k").int(), 3);
    c.expect(
        "LCT.DENSITY g 0 7200000",
        "[[cafe 3600000 180 3] [hall 3600000 180 3]]",
    );
}

#[test]
fn density_of_more_rows_than_the_caller_takes_is_no_answer() {
    let (_server, mut c) = start();
    for n in 0..5 {
        c.expect(
            &format!("LCT.VISIT g v{n} hall 0 7200000 v{n} cafe 0 3600000"),
            "2",
        );
    }
    let rows = "[[cafe 0 300 5] [hall 0 300 5] [hall 3600000 300 5]]";
    for count in ["3", "4", "9007199254740991"] {
        c.expect(&format!("LCT.DENSITY g 0 7200000 COUNT {count}"), rows);
    }
    for count in 1..3 {
        c.expect(
            &format!("LCT.DENSITY g 0 7200000 COUNT {count}"),
            &format!(
                "-ERR to: the answer has more than {count} rows; ask for fewer hours, or for one SPACE"
            ),
        );
    }
    c.expect(
        "LCT.DENSITY g 0 7200000 count 1 space cafe",
        "[[cafe 0 300 5]]",
    );
    c.expect("LCT.DENSITY missing 0 7200000 COUNT 1", "[]");
}
