//! The replication stream: what a replica is told, word by word.

use crate::{Client, Server, Value};
use std::time::Duration;

/// A connection that the server takes for a replica. It reads the commands and acknowledges nothing.
pub struct Stream {
    client: Client,
    marker: u64,
}

impl Stream {
    /// Joins as a replica of `server` and throws the snapshot away.
    #[track_caller]
    pub fn of(server: &Server) -> Self {
        let mut client = server.client();
        client.send(&["SYNC"]).expect("SYNC");
        // Line feeds keep the connection alive until the snapshot is ready; then come its length and its bytes, without a line end.
        let length = loop {
            let line = client.receive_line().expect("the snapshot's length");
            if let Some(length) = line.strip_prefix('$') {
                break length.parse().expect("a length");
            }
            assert!(line.is_empty(), "SYNC was answered: {line}");
        };
        client.receive_bytes(length).expect("the snapshot");
        client.set_timeout(Duration::from_secs(10));
        Stream { client, marker: 0 }
    }

    /// Every command replicated since the last call, as words joined by spaces; without SELECT, PING and the marker by which this
    /// knows that the stream has nothing more.
    #[track_caller]
    pub fn commands(&mut self, server: &Server) -> Vec<String> {
        self.marker += 1;
        let marker = format!("SET stream-marker {}", self.marker);
        assert_eq!(server.client().run(&marker).to_string(), "OK");
        let mut commands = Vec::new();
        loop {
            let words = self.client.receive().expect("the next replicated command");
            let command = words
                .items()
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
                .join(" ");
            if command == marker {
                return commands;
            }
            if !command.starts_with("SELECT ")
                && command != "PING"
                && !command.starts_with("REPLCONF ")
            {
                commands.push(command);
            }
        }
    }
}
