//! What the server knows about each command: arity, flags, keys, documentation.

use lct_tests::{Client, Server, Value, docs};

struct Expected {
    name: &'static str,
    arity: i64,
    access: Access,
    /// Takes an id, so that its arguments belong in no log.
    personal: bool,
    example: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Read,
    Grow,
    /// Grows, but is never refused for want of memory.
    Amend,
    Erase,
}

const fn command(
    name: &'static str,
    arity: i64,
    access: Access,
    personal: bool,
    example: &'static str,
) -> Expected {
    Expected {
        name,
        arity,
        access,
        personal,
        example,
    }
}

const COMMANDS: [Expected; 18] = [
    command("lct.visit", -6, Access::Grow, true, "g v s 0 1"),
    command("lct.revisit", -7, Access::Grow, true, "g v s 0 1 2"),
    command("lct.unvisit", 5, Access::Erase, true, "g v s 0"),
    command("lct.visits", -3, Access::Read, true, "g v"),
    command("lct.present", -5, Access::Read, true, "g s 0 1"),
    command("lct.exposed", -3, Access::Read, true, "g v"),
    command("lct.density", -4, Access::Read, true, "g 0 1"),
    command("lct.warn", -5, Access::Grow, true, "g w v positive"),
    command("lct.warnspace", -7, Access::Grow, true, "g w s contact 0 1"),
    command("lct.retract", -3, Access::Amend, true, "g w"),
    command("lct.release", -3, Access::Grow, true, "g w"),
    command("lct.warnings", -2, Access::Read, true, "g"),
    command("lct.alerts", 3, Access::Read, true, "g v"),
    command("lct.ack", -4, Access::Erase, true, "g v a"),
    command("lct.purge", -2, Access::Erase, false, "g"),
    command("lct.forget", 3, Access::Erase, true, "g v"),
    command("lct.revoke", -3, Access::Erase, true, "g v"),
    command("lct.info", 2, Access::Read, false, "g"),
];

fn start() -> (Server, Client) {
    let server = Server::start();
    let client = server.client();
    (server, client)
}

#[test]
fn the_module_registers_these_commands() {
    let (_server, mut c) = start();
    let mut listed: Vec<String> = c
        .run("COMMAND LIST FILTERBY MODULE lct")
        .items()
        .iter()
        .map(|name| name.text())
        .collect();
    listed.sort();
    let mut expected: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    expected.extend(["lct.load", "lct.stand"]); // internal
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[test]
fn command_info_has_arity_flags_and_keys() {
    let (_server, mut c) = start();
    for expected in COMMANDS {
        let name = expected.name;
        let info = c.run(&format!("COMMAND INFO {name}"));
        let info = info.items()[0].items();
        assert_eq!(info[0].text(), name);
        assert_eq!(info[1].int(), expected.arity, "{name}");
        let flags: Vec<String> = info[2].items().iter().map(|flag| flag.text()).collect();
        let has = |flag: &str| flags.iter().any(|have| have == flag);
        assert_eq!(
            has("readonly"),
            expected.access == Access::Read,
            "{name}: {flags:?}"
        );
        assert_eq!(
            has("write"),
            expected.access != Access::Read,
            "{name}: {flags:?}"
        );
        assert_eq!(
            has("denyoom"),
            expected.access == Access::Grow,
            "{name}: {flags:?}"
        );
        assert_eq!(has("skip_monitor"), expected.personal, "{name}: {flags:?}");
        // Valkey calls the slow log one of its command logs.
        let skips_log = has("skip_slowlog") || has("skip_commandlog");
        assert_eq!(skips_log, expected.personal, "{name}: {flags:?}");
        assert!(
            !has("noscript") && !has("admin") && !has("movablekeys"),
            "{name}: {flags:?}"
        );
        assert_eq!(
            [info[3].int(), info[4].int(), info[5].int()],
            [1, 1, 1],
            "{name}: first key, last key, step"
        );
        let keys = info[8].items();
        assert_eq!(keys.len(), 1, "{name}");
        let access: Vec<String> = keys[0]
            .get("flags")
            .items()
            .iter()
            .map(|flag| flag.text())
            .collect();
        let has = |flag: &str| access.iter().any(|have| have == flag);
        assert_eq!(
            has("RO"),
            expected.access == Access::Read,
            "{name}: {access:?}"
        );
        assert_eq!(
            has("update"),
            matches!(expected.access, Access::Grow | Access::Amend),
            "{name}: {access:?}"
        );
        assert_eq!(
            has("RW"),
            expected.access != Access::Read,
            "{name}: {access:?}"
        );
        // Where the server lets modules have categories.
        let categories: Vec<String> = info[6]
            .items()
            .iter()
            .map(|category| category.text())
            .collect();
        if categories.iter().any(|category| category == "@lct") {
            let read = categories.iter().any(|category| category == "@read");
            assert_eq!(
                read,
                expected.access == Access::Read,
                "{name}: {categories:?}"
            );
        }
        c.expect(
            &format!("COMMAND GETKEYS {name} {}", expected.example),
            "[g]",
        );
    }
}

#[test]
fn command_docs_say_what_the_documents_say() {
    let (_server, mut c) = start();
    let documents = docs::commands();
    for Expected { name, .. } in COMMANDS {
        let reply = c.run(&format!("COMMAND DOCS {name}"));
        let docs = reply.get(name);
        let (summary, complexity) = (docs.get("summary").text(), docs.get("complexity").text());
        assert!(!summary.is_empty() && !complexity.is_empty(), "{name}");
        assert_eq!(docs.get("group").text(), "module");
        let syntax = format!(
            "{} {}",
            name.to_uppercase(),
            syntax(docs.get("arguments").items())
        );
        let (_, document) = documents
            .iter()
            .find(|(title, _)| title.eq_ignore_ascii_case(name))
            .unwrap_or_else(|| panic!("no document of {name}"));
        let words = document.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [&summary, &complexity, &syntax] {
            assert!(
                words.contains(said.as_str()),
                "docs/commands/{name}.md does not say: {said}"
            );
        }
    }
    let undocumented: Vec<&str> = documents
        .iter()
        .map(|(title, _)| title.as_str())
        .filter(|title| {
            !COMMANDS
                .iter()
                .any(|command| command.name.eq_ignore_ascii_case(title))
        })
        .collect();
    assert!(
        undocumented.is_empty(),
        "documents of no command: {undocumented:?}"
    );
}

#[test]
fn the_readme_lists_every_command() {
    let readme = std::fs::read_to_string(lct_tests::root().join("README.md")).expect("README.md");
    for Expected { name, .. } in COMMANDS {
        let row = readme
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&name.to_uppercase()));
        assert!(
            row.is_some(),
            "the README's table of commands has no row of {}",
            name.to_uppercase()
        );
    }
}

/// Arguments of COMMAND DOCS as the documents write them: `graph visitor [FROM ms] [ORDER 1|2] [WITHTIMES] [COUNT n]`.
fn syntax(arguments: &[Value]) -> String {
    let one = |argument: &Value| {
        let has = |key: &str| {
            argument
                .pairs()
                .into_iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
        };
        let flags: Vec<String> = has("flags")
            .map(|flags| flags.items().iter().map(|flag| flag.text()).collect())
            .unwrap_or_default();
        let flagged = |flag: &str| flags.iter().any(|have| have == flag);
        let kind = argument.get("type").text();
        let token = has("token").map(|token| token.text());
        let value = match kind.as_str() {
            "pure-token" => None,
            "oneof" => Some(
                has("arguments")
                    .expect("choices")
                    .items()
                    .iter()
                    .map(|choice| choice.get("token").text())
                    .collect::<Vec<_>>()
                    .join("|"),
            ),
            "block" => Some(syntax(has("arguments").expect("a block").items())),
            "unix-time" if token.is_some() => Some("ms".into()),
            "integer" if token.is_some() => Some(
                if ["count", "hold"].contains(&argument.get("name").text().as_str()) {
                    "n"
                } else {
                    "ms"
                }
                .into(),
            ),
            _ => Some(argument.get("name").text()),
        };
        let mut text = [token, value]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ");
        if flagged("multiple") {
            text = format!("{text} [{text} ...]");
        }
        if flagged("optional") {
            format!("[{text}]")
        } else {
            text
        }
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(" ")
}
