//! A server as redis.conf ships it, and its operator.

use crate::{Builder, Server, binary};
use std::process::Command;

/// The server of redis.conf with a password for the users of gateways and operators, who are all that talk to it beside the test.
pub struct Shipped {
    /// The server. The tests' own connections are those of the default user, who may do everything.
    pub server: Server,
}

impl Shipped {
    /// Starts it.
    #[track_caller]
    pub fn start() -> Self {
        // For DEBUG DIGEST-VALUE, by the tests.
        let server = Builder::shipped()
            .conf("enable-debug-command local")
            .start();
        let mut redis = server.client();
        for user in ["gateway", "operator"] {
            redis.expect(&format!("ACL SETUSER {user} on >secret"), "OK");
        }
        Self { server }
    }

    /// Where that user finds it.
    pub fn url(&self, user: &str) -> String {
        format!("redis://{user}:secret@127.0.0.1:{}", self.server.port())
    }

    /// Runs `lct-gateway` as an operator; what it prints.
    #[track_caller]
    pub fn operator(&self, args: &[&str]) -> String {
        let output = Command::new(binary("lct-gateway"))
            .args(args)
            .args(["--redis", &self.url("operator")])
            .output()
            .expect("lct-gateway runs");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}
