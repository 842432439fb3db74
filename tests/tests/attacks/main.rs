//! The table of attacks: each tried for real against gateways with `--auth key` over the server as shipped, and each with the answer it
//! must get. `cargo test -p lct-tests --test attacks -- --nocapture` prints it.
//!
//! All of them happen in one world, one after the other. At its end nobody was refused by the ACL, and nothing that any of them sent is in
//! a log, a metric, the name of a channel or a key, or whatever else operators see.

mod codes;
mod identity;
mod injection;
mod limits;
mod others;
mod world;

use codes::*;
use identity::*;
use injection::*;
use limits::*;
use others::*;
use std::fs;
use world::World;

/// Declares the attacks that are tried here, in this order: what is tried, the answer, and the function that tries it and tells the answer.
macro_rules! attacks {
    ($($what:literal => $answer:literal, $attack:ident;)*) => {
        async fn try_all(world: &World) -> Vec<[String; 3]> {
            let mut tried = Vec::new();
            $(
                println!("… {}", $what);
                tried.push([$what.to_string(), $answer.to_string(), $attack(world).await]);
            )*
            tried
        }
    };
}

attacks! {
    "messages before the hello" => "hello_first", messages_before_the_hello;
    "a hello captured on another connection, and sent again on its own" => "bad_signature, then 4401; already_open", a_replayed_hello;
    "a signature for another graph, origin, nonce, key or text; one altered" => "bad_signature, then 4401", wrong_signatures;
    "low-order, malformed and equal keys" => "bad_value", bad_keys;
    "the code key logs, changes, deletes, warns, retracts, acknowledges, exports, writes" => "not_allowed; what it may do: ack", the_code_key;
    "another visitor named in every message" => "ack, about the session's own visitor", a_forged_visitor;
    "a loggedNodeId of another visitor" => "as for an unknown one: unknown_visit, ack", foreign_visits;
    "an alert id of another visitor" => "as for an unknown one: ack", foreign_alerts;
    "a warning id of another visitor, sent" => "bad_value", a_foreign_warning;
    "a warning that one did not send, retracted by what its alert tells" => "ack; the alert stands", a_guessed_retraction;
    "a visit planted into a warned space" => "late: no alert; moved there late: no alert; within lct.late: alert; long, and within it: alert", planted_visits;
    "a warning to nobody, to a thousand, and one that is held" => "ack, byte for byte the same", the_size_of_a_warning;
    "more visits than a day has" => "20 times ack, then limited, on any gateway", too_many_visits;
    "more warnings than a day, a fortnight and an address have" => "5, 10 and 3 times ack, then limited; the same again: ack", too_many_warnings;
    "a warning toggled, where one a day is allowed" => "20 times ack, then limited", a_toggled_warning;
    "more feedback than a day has" => "10 times ack, then limited", too_much_feedback;
    "more exports than a day has" => "20 times ack, then limited", too_many_exports;
    "more revocations than an address has" => "100 times ack, then limited; forgetMe: ack", too_many_revocations;
    "guessing codes" => "10 times bad_code, then limited, with the right one too; 100 times from an address; from elsewhere: ack", guessed_codes;
    "no code, a mistyped one, a used one, one that has expired" => "bad_code", other_codes;
    "a code somebody else used, with their warning's id" => "bad_value", a_stolen_code;
    "a false warning, then forgetMe" => "alert; ack; withdrawn, once an operator retracts it", a_false_warning_and_away;
    "a visitor who was revoked comes back" => "4403 on every gateway; session; revoked, then 4403", a_revoked_visitor;
    "junk in every field of every message" => "bad_code, bad_message, bad_value, unknown_graph, unknown_type; as text where any is taken: ack", junk_in_every_field;
    "junk in the hello" => "bad_message, bad_value, unknown_graph", junk_in_the_hello;
    "a message of a megabyte" => "1009", a_megabyte;
    "the server's memory filled up" => "logging, warning, writing: unavailable; taking back, acknowledging, exporting, erasing: ack", a_full_memory;
    "junk on the doorbell and between gateways" => "nothing; alerts come once", junk_on_the_doorbell;
    "a hello half a minute after its challenge" => "bad_signature, then 4401", a_late_hello;
}

/// What other tests try: attack, answer, file and function.
const ELSEWHERE: [[&str; 4]; 18] = [
    [
        "a page of a foreign origin",
        "403",
        "edge",
        "foreign_pages_are_refused",
    ],
    [
        "requests that smuggle, tunnel or upgrade elsewhere",
        "404, 405, 426, 400, 413",
        "edge",
        "every_answer_has_its_headers_and_only_ws_upgrades",
    ],
    [
        "oversize and fragmented frames, invalid UTF-8",
        "1009, 1002, 1003, 1007",
        "edge",
        "bad_frames_get_the_code_of_their_fault",
    ],
    [
        "fragments without end",
        "4013",
        "edge",
        "fragments_are_put_together_and_have_an_end",
    ],
    [
        "a flood of pings",
        "4013",
        "edge",
        "a_flood_of_pings_or_pongs_is_closed",
    ],
    [
        "a flood of messages",
        "rate_limited, then 4013",
        "edge",
        "messages_over_the_rate_are_refused_then_taken_then_closed",
    ],
    [
        "ten thousand idle sockets from one address",
        "all but 100 closed; others are served",
        "edge",
        "ten_thousand_idle_sockets_from_one_address_leave_room_for_others",
    ],
    [
        "sockets that never say hello",
        "closed beyond their cap",
        "edge",
        "those_without_a_session_have_a_cap_of_their_own",
    ],
    [
        "slowloris; no hello; half a TLS handshake",
        "closed; 4002; closed",
        "edge",
        "the_slow_are_let_go_and_the_quick_do_not_notice",
    ],
    [
        "a reader that does not read",
        "4008",
        "edge",
        "who_does_not_read_is_given_up",
    ],
    [
        "a forged X-Forwarded-For",
        "429; not believed",
        "edge",
        "a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does",
    ],
    [
        "a signed request replayed, altered, late, or for another path, graph or origin",
        "401 bad_signature, on every gateway",
        "rest",
        "a_signed_request_is_good_once_and_for_itself_only",
    ],
    [
        "the code key exports, logs or warns by REST",
        "403 not_allowed",
        "rest",
        "the_code_key_reads_alerts_and_erases_and_nothing_else",
    ],
    [
        "a service's token outside its places, rate, graph or time",
        "403 not_allowed, 429 rate_limited, 401 unauthorized",
        "rest",
        "a_service_logs_visits_within_its_terms_and_does_nothing_else",
    ],
    [
        "the server's memory filled up, erasing by REST",
        "200",
        "rest",
        "a_full_memory_keeps_nobody_from_erasing",
    ],
    [
        "the gateway's user asks who met whom",
        "NOPERM",
        "shipped_config",
        "each_user_may_do_their_job_and_nothing_else",
    ],
    [
        "forged dumps and files",
        "refused",
        "hostile_restore",
        "forged_payloads_neither_kill_nor_hang_nor_bloat_the_server",
    ],
    [
        "looking at ids with MONITOR and SLOWLOG",
        "not there",
        "citizen",
        "nobody_sees_ids_in_monitor_or_slowlog",
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_gets_its_answer() {
    let world = World::new().await;
    let tried = try_all(&world).await;
    println!("\n| attack | answer | test |\n|---|---|---|");
    for [what, answer, _] in &tried {
        println!("| {what} | {answer} | |");
    }
    for [what, answer, file, test] in ELSEWHERE {
        println!("| {what} | {answer} | {file}: {test} |");
        let path = lct_tests::root().join(format!("tests/tests/{file}.rs"));
        let source = fs::read_to_string(path).expect("a file of tests");
        assert!(source.contains(&format!("fn {test}(")), "{file}: no {test}");
    }
    for [what, answer, got] in tried {
        assert_eq!(got, answer, "the answer to: {what}");
    }
    world.nothing_leaked();
}
