//! Every example in the documents is run, in order, and must print what the document says, as `redis-cli --no-raw` prints it.

use lct_tests::{Server, docs, root};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn the_examples_of_the_commands_are_true() {
    let mut steps = 0;
    for (command, text) in docs::commands() {
        let count = run_examples(
            &format!("docs/commands/{}.md", command.to_lowercase()),
            &text,
        );
        assert!(count > 0, "the document of {command} has no example");
        assert!(
            text.contains(&format!("> {command} ")),
            "the example of {command} does not use it"
        );
        steps += count;
    }
    println!("{steps} commands of examples");
}

#[test]
fn the_examples_of_the_readme_are_true() {
    let text = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(
        run_examples("README.md", &text) > 0,
        "the README has no example"
    );
}

/// Runs the blocks of a document on a fresh server without limits; the number of commands.
fn run_examples(file: &str, text: &str) -> usize {
    let server = Server::start();
    let mut steps = 0;
    for example in docs::examples(text) {
        for (command, reply) in example.steps {
            assert_eq!(
                redis_cli(server.port(), &command),
                reply,
                "{file}, block at line {}: {command}",
                example.line
            );
            steps += 1;
        }
    }
    steps
}

/// What redis-cli prints about a line, without the empty lines at the end.
fn redis_cli(port: u16, line: &str) -> String {
    let mut cli = Command::new("redis-cli")
        .args(["--no-raw", "-p", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli");
    cli.stdin
        .take()
        .expect("its input")
        .write_all(format!("{line}\n").as_bytes())
        .expect("a line");
    let output = cli.wait_with_output().expect("its output");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    format!("{}\n", text.trim_end_matches('\n'))
}
