//! The synthetic town of scripts/demo: it fills the playground and nothing else, and leaves alone what is not its own.

use std::process::{Command, Output};

use lct_tests::{Builder, Client, Server, args, binary};
use tempfile::TempDir;

struct Demo {
    server: Server,
    folder: TempDir,
}

impl Demo {
    fn new() -> Self {
        Self {
            server: Builder::default().default_limits().start(),
            folder: TempDir::new().expect("a folder"),
        }
    }

    fn run_at(&self, redis: &str, args: &[&str]) -> Output {
        Command::new(binary("lct-demo"))
            .args(["--redis", redis])
            .args(args)
            .arg("--places")
            .arg(self.folder.path().join("places.txt"))
            .output()
            .expect("lct-demo runs")
    }

    /// Fills the playground; what it says then.
    #[track_caller]
    fn fill(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_at(&format!("redis://127.0.0.1:{}", self.server.port()), args)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn visits(client: &mut Client) -> i64 {
    client.run("LCT.INFO Sandbox").get("visits").int()
}

#[test]
fn the_playground_is_filled_and_nothing_else() {
    let demo = Demo::new();
    let said = demo.fill(&["--seed", "3"]);
    assert!(said.contains("(seed 3)"), "{said}");
    let mut client = demo.server.client();
    let keys = client.run("KEYS *");
    let mut keys: Vec<String> = keys.items().iter().map(lct_tests::Value::text).collect();
    keys.sort();
    let expected = [
        "Sandbox",
        "lct:demo:Sandbox",
        "lct:feedback-status:Sandbox",
        "lct:feedback:Sandbox",
    ];
    assert_eq!(keys, expected);
    assert!(visits(&mut client) > 10_000);
    let warnings = client.run("LCT.WARNINGS Sandbox");
    let state = |row: &lct_tests::Value| row.items()[3].text();
    let mut states: Vec<String> = warnings.items().iter().map(state).collect();
    states.sort();
    assert_eq!(states[..5], ["active"; 5]);
    assert_eq!(states[5..], ["held", "retracted"]);
    // Each alerts somebody, on whatever day of the week.
    for row in warnings.items() {
        let (state, alerts) = (row.items()[3].text(), row.items()[5].int());
        assert!(state == "held" || alerts > 0, "{row}");
    }
    assert_eq!(client.run("XLEN lct:feedback:Sandbox").int(), 6);
    let list = std::fs::read_to_string(demo.folder.path().join("places.txt")).expect("a list");
    assert!(
        list.lines().count() > 40
            && list
                .lines()
                .all(|line| line.starts_with("http://127.0.0.1:8787/c?practice#"))
    );
}

#[test]
fn its_own_town_is_replaced() {
    let demo = Demo::new();
    let mut client = demo.server.client();
    demo.fill(&[]);
    let first = visits(&mut client);
    demo.fill(&["--seed", "2"]);
    assert_ne!(visits(&mut client), first);
    assert_eq!(client.run("LCT.INFO Sandbox").get("warnings").int(), 7);
    assert_eq!(client.run("XLEN lct:feedback:Sandbox").int(), 6);
}

#[test]
fn what_it_did_not_make_is_left_alone() {
    let demo = Demo::new();
    let mut client = demo.server.client();
    let now = lct_tests::now();
    let practice = |client: &mut Client| {
        let visit = args!["LCT.VISIT", "Sandbox", "anna", "cafe", now, now + 60_000];
        assert_eq!(client.call(&visit).int(), 1);
    };
    #[track_caller]
    fn refused(output: &Output) {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let line = text(&output.stderr);
        assert!(
            line.contains("did not make") && line.contains("--anew"),
            "{line}"
        );
    }
    practice(&mut client);
    refused(&demo.run(&[]));
    assert_eq!(visits(&mut client), 1);
    // Nor once its own town is there: somebody practised in it.
    client.run("DEL Sandbox");
    demo.fill(&[]);
    practice(&mut client);
    let all = visits(&mut client);
    refused(&demo.run(&[]));
    assert_eq!(visits(&mut client), all);
    // Texts, too, are somebody's.
    client.run("DEL Sandbox lct:feedback:Sandbox lct:demo:Sandbox");
    client.run("XADD lct:feedback:Sandbox * text hello");
    refused(&demo.run(&[]));
    // Unless one says that nobody needs it.
    demo.fill(&["--anew"]);
    assert_eq!(client.run("XLEN lct:feedback:Sandbox").int(), 6);
}

#[test]
fn where_nothing_runs_it_says_so() {
    let demo = Demo::new();
    let output = demo.run_at("redis://127.0.0.1:1", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Start scripts/run"));
    let bare = Builder::default().without_module().start();
    let output = demo.run_at(&format!("redis://127.0.0.1:{}", bare.port()), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no LCT module"), "{output:?}");
}
