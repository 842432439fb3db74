//! The recorded visits, loaded as an operator would load them: every answer must be exact.

use lct_model::data::{self, Set};
use lct_model::{Exposure, Millis, Order};
use lct_tests::{Client, Server, args, binary};
use std::collections::BTreeMap;
use std::process::Command;

/// Each contact with total, first and last.
type Contacts = BTreeMap<Vec<u8>, (Millis, Millis, Millis)>;

#[test]
fn every_window_is_answered_exactly() {
    with_loaded_sets(|set, client| {
        for query in &set.windows {
            let window = args![
                "FROM",
                query.from,
                "TO",
                query.to,
                "AT",
                query.to,
                "ORDER",
                2,
                "WITHTIMES"
            ];
            let rows = exposed(client, &query.visitor, &window);
            let contacts = |order| rows.iter().filter(move |row| row.order == order);
            let mut first: Vec<_> = contacts(Order::First)
                .map(|row| (row.contact.clone(), row.total, row.first))
                .collect();
            let mut second: Vec<_> = contacts(Order::Second)
                .map(|row| (row.contact.clone(), row.first))
                .collect();
            first.sort();
            second.sort();
            assert_eq!(
                (&first, &second),
                (&query.first, &query.second),
                "{}: {query:?}",
                set.name
            );
        }
    });
}

#[test]
fn every_question_with_options_is_answered_exactly() {
    with_loaded_sets(|set, client| {
        for query in &set.options {
            let mut options: Vec<Vec<u8>> = query.args[1..]
                .iter()
                .map(|arg| arg.clone().into_bytes())
                .collect();
            options.push(b"WITHTIMES".to_vec());
            assert_eq!(
                exposed(client, query.args[0].as_bytes(), &options),
                query.rows,
                "{}: {:?}",
                set.name,
                query.args
            );
        }
    });
}

#[test]
fn every_contact_list_is_reproduced() {
    with_loaded_sets(|set, client| {
        let mut expected: BTreeMap<&[u8], Contacts> = BTreeMap::new();
        for pair in &set.contacts {
            let times = (pair.total, pair.first, pair.last);
            expected
                .entry(&pair.a)
                .or_default()
                .insert(pair.b.clone(), times);
            expected
                .entry(&pair.b)
                .or_default()
                .insert(pair.a.clone(), times);
        }
        for visit in &set.visits {
            expected.entry(&visit.visitor).or_default();
        }
        for (visitor, contacts) in expected {
            let rows = exposed(client, visitor, &args!["WITHTIMES"]);
            let got: Contacts = rows
                .into_iter()
                .map(|row| (row.contact, (row.total, row.first, row.last)))
                .collect();
            assert_eq!(
                got,
                contacts,
                "{}: contacts of {}",
                set.name,
                visitor.escape_ascii()
            );
            // The plain answer is the same set without times.
            let plain = client.call(&args!["LCT.EXPOSED", "g", visitor]);
            let mut plain: Vec<&[u8]> = plain
                .items()
                .iter()
                .map(|contact| contact.bytes())
                .collect();
            plain.sort();
            assert_eq!(plain, contacts.keys().collect::<Vec<_>>());
        }
    });
}

/// Loads each set into a server of its own with lct-load, checks that it is whole, and hands it over.
fn with_loaded_sets(check: impl Fn(&Set, &mut Client)) {
    for set in data::sets() {
        let server = Server::start();
        let url = format!("redis://127.0.0.1:{}", server.port());
        let file = data::folder().join(set.name).join("visits.csv.gz");
        let load = Command::new(binary("lct-load"))
            .arg(&file)
            .args(["--graph", "g", "--redis", &url])
            .output()
            .expect("lct-load runs");
        assert!(
            load.status.success(),
            "lct-load: {}",
            String::from_utf8_lossy(&load.stderr)
        );
        let mut client = server.client();
        assert_eq!(
            client.run("LCT.INFO g").get("visits").int(),
            set.visits.len() as i64
        );
        check(&set, &mut client);
    }
}

fn exposed(client: &mut Client, visitor: &[u8], options: &[Vec<u8>]) -> Vec<Exposure> {
    let command = [&args!["LCT.EXPOSED", "g", visitor], options].concat();
    let reply = client.call(&command);
    reply.items().iter().map(lct_tests::exposure).collect()
}
