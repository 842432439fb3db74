//! The documents' examples and tables, taken out so that tests can hold them against a server.

use crate::root;
use std::fs;
use std::path::PathBuf;

/// One block of commands with the replies that should follow, as `redis-cli --no-raw` prints them.
#[derive(Debug, Clone)]
pub struct Example {
    /// Number of the block's first line in its file.
    pub line: usize,
    /// Each command with the lines of its reply.
    pub steps: Vec<(String, String)>,
}

/// Every document of a command: its name in capitals and its text.
pub fn commands() -> Vec<(String, String)> {
    let folder = root().join("docs/commands");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("docs/commands")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| {
        path.extension().is_some_and(|extension| extension == "md")
            && path
                .file_stem()
                .is_some_and(|stem| stem.to_string_lossy().starts_with("lct."))
    });
    files.sort();
    let read = |path: PathBuf| {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .to_uppercase();
        (
            name,
            fs::read_to_string(&path).expect("a readable document"),
        )
    };
    files.into_iter().map(read).collect()
}

/// The blocks fenced as ```` ```redis ```` in a document.
pub fn examples(text: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut open: Option<Example> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut open {
            None if line.trim_end() == "```redis" => {
                open = Some(Example {
                    line: index + 2,
                    steps: Vec::new(),
                })
            }
            None => {}
            Some(_) if line.trim_end() == "```" => examples.extend(open.take()),
            Some(example) => match line.strip_prefix("> ") {
                Some(command) => example.steps.push((command.to_string(), String::new())),
                None => {
                    let (_, reply) = example
                        .steps
                        .last_mut()
                        .unwrap_or_else(|| panic!("line {}: a reply before a command", index + 1));
                    reply.push_str(line);
                    reply.push('\n');
                }
            },
        }
    }
    assert!(open.is_none(), "a block is not closed");
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_blocks_commands_and_replies() {
        let text =
            "```sh\n> no\n```\n\n```redis\n> LCT.VISITS g a\n1) x\n2) y\n> PING\nPONG\n```\n";
        let examples = examples(text);
        assert_eq!(examples.len(), 1);
        assert_eq!(examples[0].line, 6);
        let steps = [("LCT.VISITS g a", "1) x\n2) y\n"), ("PING", "PONG\n")];
        let steps = steps.map(|(command, reply)| (command.to_string(), reply.to_string()));
        assert_eq!(examples[0].steps, steps);
    }
}
