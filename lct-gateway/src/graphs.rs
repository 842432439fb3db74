//! The graphs a client may name. Nothing a client sends ever becomes a key or a channel.

/// The playground every gateway offers beside its main graph.
pub const SANDBOX: &str = "Sandbox";

/// Which of the two graphs a session or a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Graph {
    /// The graph of `--graph`.
    Main,
    /// The playground.
    Sandbox,
}

/// The names behind [`Graph`], fixed at start.
#[derive(Debug, Clone)]
pub struct Graphs {
    main: String,
}

impl Graphs {
    /// Both graphs.
    pub const ALL: [Graph; 2] = [Graph::Main, Graph::Sandbox];

    /// Takes the main graph's name: 1 to 64 of letters, digits and `:_-.{}`, and not the playground's.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn new(main: &str) -> Result<Self, &'static str> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b":_-.{}".contains(&b);
        if main.is_empty() || main.len() > 64 || !main.bytes().all(fits) {
            Err("must be 1 to 64 letters, digits or any of : _ - . { }")
        } else if main == SANDBOX {
            Err("must not be Sandbox, which is the name of the playground")
        } else {
            Ok(Self { main: main.into() })
        }
    }

    /// The graph a client names, if there is one.
    pub fn find(&self, name: &str) -> Option<Graph> {
        Self::ALL
            .into_iter()
            .find(|&graph| self.name(graph) == name)
    }

    /// The name, which is also the key in Redis.
    pub fn name(&self, graph: Graph) -> &str {
        match graph {
            Graph::Main => &self.main,
            Graph::Sandbox => SANDBOX,
        }
    }

    /// The channel on which alerts of this graph are rung.
    pub fn channel(&self, graph: Graph) -> String {
        format!("lct:alerts:{}", self.name(graph))
    }

    /// The channel on which gateways tell each other what concerns connections of this graph.
    pub fn control(&self, graph: Graph) -> String {
        format!("lct:control:{}", self.name(graph))
    }

    /// A key beside this graph, for one of the gateways' own books: `lct:<book>:<graph>`.
    pub fn key(&self, book: &str, graph: Graph) -> String {
        format!("lct:{book}:{}", self.name(graph))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_graphs_are_found() {
        let graphs = Graphs::new("lct").unwrap();
        assert_eq!(graphs.find("lct"), Some(Graph::Main));
        assert_eq!(graphs.find("Sandbox"), Some(Graph::Sandbox));
        for other in ["", "LCT", "sandbox", "lct:alerts:lct", "lct\r\nFLUSHALL"] {
            assert_eq!(graphs.find(other), None);
        }
        assert_eq!(graphs.channel(Graph::Main), "lct:alerts:lct");
    }

    #[test]
    fn the_main_graph_has_a_plain_name_of_its_own() {
        assert!(Graphs::new("lct:{es-08}").is_ok());
        for bad in ["", "Sandbox", "a b", "a*", "a\n", &"x".repeat(65)] {
            assert!(Graphs::new(bad).is_err());
        }
    }
}
