//! Both versions of the protocol say the same, in their own forms.

use lct_tests::{Client, Server, Value, args};

fn start() -> (Server, Client, Client) {
    let server = Server::start();
    let mut two = server.client();
    two.expect("LCT.VISIT g alice cafe 100 200 bob cafe 150 300", "2");
    two.expect("LCT.WARN g w alice positive", "1");
    let mut three = server.client();
    assert_eq!(three.run("HELLO 3").get("proto").int(), 3);
    (server, two, three)
}

#[test]
fn rows_are_arrays_of_strings_and_integers_in_both() {
    let (_server, mut two, mut three) = start();
    for n in 0..6 {
        two.expect(&format!("LCT.VISIT g singer{n} hall 0 3600000"), "1");
    }
    for question in [
        "LCT.VISITS g alice",
        "LCT.VISITS g nobody",
        "LCT.PRESENT g cafe 0 1000",
        "LCT.DENSITY g 0 3600000",
        "LCT.DENSITY g 0 7200000 SPACE hall",
        "LCT.DENSITY g 0 3600000 SPACE nowhere",
        "LCT.DENSITY missing 0 3600000",
        "LCT.EXPOSED g alice AT 1000 WITHTIMES",
        "LCT.EXPOSED g alice AT 1000 COUNT 5",
        "LCT.EXPOSED missing alice WITHTIMES",
        "LCT.VISIT g alice cafe 100 200",
        "LCT.UNVISIT g alice cafe 5",
        "LCT.PURGE g BEFORE 5",
        "LCT.VISIT g alice cafe 5 5",
        "LCT.VISIT g alice cafe",
        "LCT.INFO missing",
        "LCT.WARN g w alice positive",
        "LCT.WARN g w alice positive DRYRUN",
        "LCT.WARN g w bob positive",
        "LCT.WARNSPACE g s cafe contact 0 5 DRYRUN",
        "LCT.WARNINGS g",
        "LCT.WARNINGS g COUNT 1",
        "LCT.WARNINGS g STATE active WARNING w",
        "LCT.WARNINGS g STATE held WARNING w",
        "LCT.ALERTS g bob",
        "LCT.ALERTS g nobody",
        "LCT.ACK g bob 0123456789abcdef0123456789abcdef.1",
        "LCT.ACK g bob x",
        "LCT.RETRACT g unknown",
        "LCT.RETRACT g w IFHELD",
        "LCT.WARN g held bob positive HOLD 0",
        "LCT.DENSITY g 0 7200000 COUNT 1",
        "LCT.RELEASE g w",
    ] {
        assert_eq!(two.run(question), three.run(question), "{question}");
    }
    for (question, numbers) in [("LCT.WARNINGS g", &[4, 5][..]), ("LCT.ALERTS g bob", &[4])] {
        let reply = three.run(question);
        for (index, field) in reply.items()[0].items().iter().enumerate() {
            let is_number = matches!(field, Value::Int(_));
            assert!(
                is_number == numbers.contains(&index)
                    && (is_number || matches!(field, Value::Bulk(_))),
                "{question}: {reply}"
            );
        }
    }
    let row = three.run("LCT.DENSITY g 0 3600000");
    let [Value::Bulk(_), figures @ ..] = row.items()[0].items() else {
        panic!("{row}")
    };
    assert_eq!(figures, [0, 300, 5].map(Value::Int));
    let row = three.run("LCT.EXPOSED g alice AT 1000 WITHTIMES");
    let [contact, order, priority, first, last, total] = row.items()[0].items() else {
        panic!("{row}")
    };
    assert!(
        matches!(
            (contact, priority),
            (Value::Bulk(_), Value::Bulk(_) | Value::Simple(_))
        ),
        "{row}"
    );
    assert!(
        [order, first, last, total]
            .iter()
            .all(|number| matches!(number, Value::Int(_))),
        "{row}"
    );
}

#[test]
fn a_set_of_contacts_has_the_same_members_in_both() {
    let (_server, mut two, mut three) = start();
    two.run("LCT.VISIT g carol cafe 150 300");
    two.expect_set("LCT.EXPOSED g alice AT 1000", &["bob", "carol"]);
    three.expect_set("LCT.EXPOSED g alice AT 1000", &["bob", "carol"]);
}

#[test]
fn info_is_a_map_in_resp3_and_flat_in_resp2_in_the_same_order() {
    let (_server, mut two, mut three) = start();
    let (flat, map) = (two.run("LCT.INFO g"), three.run("LCT.INFO g"));
    assert!(
        matches!(flat, Value::Array(_)) && matches!(map, Value::Map(_)),
        "{flat} {map}"
    );
    let names = |reply: &Value| {
        reply
            .pairs()
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&flat), names(&map));
    assert_eq!(flat.get("visits"), map.get("visits"));
}

#[test]
fn scripts_see_replies_of_the_version_they_chose() {
    let (_server, mut two, _) = start();
    let script = "redis.setresp(3) return redis.call('LCT.INFO', KEYS[1])['map']['visits']";
    assert_eq!(two.call(&args!["EVAL", script, 1, "g"]), Value::Int(2));
}
