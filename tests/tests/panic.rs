//! A panic in a command is an error reply, never a dead server. Needs the module built with `--features panic-command`.

use lct_tests::{Builder, Client, Server, Stop, digests, panic_module};

fn start() -> Option<(Server, Client)> {
    let Some(module) = panic_module() else {
        println!("SKIPPED: LCT_PANIC_MODULE names no module built with --features panic-command");
        return None;
    };
    let server = Builder::default()
        .module(&module)
        .conf("appendonly yes")
        .conf("appendfsync always")
        .start();
    let mut client = server.client();
    client.expect("LCT.VISIT g alice cafe 100 200 bob cafe 150 300", "2");
    Some((server, client))
}

const INTERNAL: &str = "-ERR internal error; nothing was changed";
const DAMAGED: &str =
    "-ERR the graph was damaged by an internal error; restart the server to load it again";

#[test]
fn a_panic_that_changed_nothing_is_an_error() {
    let Some((mut server, mut c)) = start() else {
        return;
    };
    let before = digests(&mut c, &["g"]);
    for _ in 0..100 {
        c.expect("LCT.PANIC g", INTERNAL);
    }
    c.expect("MULTI", "OK");
    c.run("LCT.PANIC g");
    c.run("LCT.VISITS g alice");
    c.expect("EXEC", &format!("[{INTERNAL} [[cafe 100 200]]]"));
    assert!(
        c.call(&["EVAL", "return redis.call('LCT.PANIC', KEYS[1])", "1", "g"])
            .is_error()
    );
    c.expect("LCT.EXPOSED g alice AT 1000", "[bob]");
    assert_eq!(digests(&mut c, &["g"]), before);
    assert!(server.is_alive());
}

#[test]
fn a_graph_damaged_in_mid_write_is_neither_used_nor_saved() {
    let Some((mut server, mut c)) = start() else {
        return;
    };
    c.expect("LCT.VISIT other alice cafe 100 200", "1");
    let before = digests(&mut c, &["g", "other"]);
    c.expect("LCT.PANIC g WRITE", DAMAGED);
    for line in [
        "LCT.VISIT g carol cafe 100 200",
        "LCT.VISITS g alice",
        "LCT.EXPOSED g alice",
        "LCT.FORGET g alice",
        "LCT.PURGE g BEFORE 5",
        "LCT.INFO g",
    ] {
        c.expect(line, DAMAGED);
    }
    c.expect("LCT.VISITS other alice", "[[cafe 100 200]]");
    c.expect("LCT.VISIT other bob cafe 100 200", "1");
    c.expect("LCT.UNVISIT other bob cafe 100", "1");
    // A rewrite must not replace the good history by the damaged graph.
    c.run("BGREWRITEAOF");
    lct_tests::eventually(
        "the rewrite has ended",
        std::time::Duration::from_secs(20),
        || server.info("aof_rewrite_in_progress") == "0",
    );
    assert!(server.is_alive());
    server.restart(Stop::Kill);
    let mut c = server.client();
    assert_eq!(
        digests(&mut c, &["g", "other"]),
        before,
        "what the append-only file gives back"
    );
}

#[test]
fn a_damaged_graph_can_be_deleted() {
    let Some((_server, mut c)) = start() else {
        return;
    };
    c.expect("LCT.PANIC g WRITE", DAMAGED);
    c.expect("DEL g", "1");
    c.expect("LCT.VISIT g alice cafe 100 200", "1");
}
