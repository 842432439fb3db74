//! LCT for Redis and Valkey: who shared a space with someone who turned out to be infectious.
//!
//! This file is the register: the whole command surface in one place. Each command is a file in `commands`; what a
//! graph is and who is exposed is the business of the crate `lct_graph`; everything `unsafe` is in `ffi`.

#![deny(unsafe_code)]

mod arguments;
mod commands;
mod doorbell;
mod erasure;
mod errands;
mod error;
#[expect(
    unsafe_code,
    reason = "the boundary to the server's C API, and the only place with unsafe code"
)]
mod ffi;
mod limits;
mod metrics;
mod options;
mod reading;
mod resolved;
mod retention;
mod scratch;
mod settings;
mod slice;
mod spec;
mod standing;
mod sweep;
mod value;

use std::time::Duration;

use spec::{Access, Opt, Param, Spec, Speed, Takes};

/// Every command. Each takes the graph's key first, then what `takes` and `options` say. From this the server learns
/// flags, arity, key specs, ACL categories and documentation, and the commands learn which options are theirs.
const COMMANDS: &[Spec] = &[
    Spec {
        name: c"lct.visit",
        run: commands::visit::run,
        access: Access::Grow,
        speed: Speed::Fast,
        takes: Takes::Repeated(&[Param::Visitor, Param::Space, Param::Start, Param::End]),
        options: &[],
        internal: &[Opt::Clock, Opt::Late, Opt::Expired],
        summary: c"Logs visits: who was in which space from when to when",
        complexity: c"O(log N + W) for each visit, N being the visits of its visitor and of its space, and W those of index cases of standing warnings who were there at that time",
    },
    Spec {
        name: c"lct.revisit",
        run: commands::revisit::run,
        access: Access::Grow,
        speed: Speed::Fast,
        takes: Takes::Once(&[Param::Visitor, Param::Space, Param::Start, Param::NewStart, Param::NewEnd]),
        options: &[],
        internal: &[Opt::Clock, Opt::Late, Opt::Expired],
        summary: c"Moves a visit to another time",
        complexity: c"O(log N + W), N being the visits of the visitor and of the space, and W those of index cases of standing warnings who were there at the new time",
    },
    Spec {
        name: c"lct.unvisit",
        run: commands::unvisit::run,
        access: Access::Erase,
        speed: Speed::Fast,
        takes: Takes::Once(&[Param::Visitor, Param::Space, Param::Start]),
        options: &[],
        internal: &[],
        summary: c"Removes a visit",
        complexity: c"O(log N), N being the visits of the visitor and of the space",
    },
    Spec {
        name: c"lct.visits",
        run: commands::visits::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Visitor]),
        options: &[Opt::From, Opt::To],
        internal: &[],
        summary: c"Lists a visitor's visits",
        complexity: c"O(log N + M log M), N being the visitor's visits and M those in the answer",
    },
    Spec {
        name: c"lct.present",
        run: commands::present::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Space, Param::From, Param::To]),
        options: &[Opt::Count],
        internal: &[],
        summary: c"Lists who was in a space in a period",
        complexity: c"O(log N + M log M), N being the visits to the space and M those in the period",
    },
    Spec {
        name: c"lct.density",
        run: commands::density::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::From, Param::To]),
        options: &[Opt::Space, Opt::Count],
        internal: &[],
        summary: c"Tells how much people were together, by space and whole hour",
        complexity: c"O(S + V log V), S being the spaces and V the visits to them in the period; with SPACE only those of the space",
    },
    Spec {
        name: c"lct.exposed",
        run: commands::exposed::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Visitor]),
        options: &[Opt::From, Opt::To, Opt::At, Opt::Order, Opt::MinTime, Opt::Within, Opt::Linger, Opt::MinPriority, Opt::WithTimes, Opt::Count],
        internal: &[],
        summary: c"Tells who shared a space with a visitor at the same time",
        complexity: c"O(V (log N + M)), V being the visits of the visitor (ORDER 2: and of every contact), N the visits to their spaces and M those that overlap; COUNT and WITHTIMES sort the answer",
    },
    Spec {
        name: c"lct.warn",
        run: commands::warn::run,
        access: Access::Grow,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Warning, Param::Visitor, Param::Reason]),
        options: &[Opt::From, Opt::To, Opt::At, Opt::Order, Opt::MinTime, Opt::Within, Opt::Linger, Opt::MinPriority, Opt::Hold, Opt::DryRun],
        internal: &[Opt::Until, Opt::Clock, Opt::Late, Opt::Expired],
        summary: c"Warns whoever shared a space with a visitor at the same time",
        complexity: c"That of LCT.EXPOSED with the same options, and O(A) for A alerts",
    },
    Spec {
        name: c"lct.warnspace",
        run: commands::warnspace::run,
        access: Access::Grow,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Warning, Param::Space, Param::Reason, Param::From, Param::To]),
        options: &[Opt::At, Opt::MinTime, Opt::Within, Opt::DryRun],
        internal: &[Opt::Until, Opt::Clock, Opt::Late, Opt::Expired],
        summary: c"Warns whoever was in a space in a period",
        complexity: c"O(log N + M + A), N being the visits to the space, M those in the period and A the alerts",
    },
    Spec {
        name: c"lct.retract",
        run: commands::retract::run,
        access: Access::Amend,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Warning]),
        options: &[Opt::IfHeld],
        internal: &[Opt::Clock],
        summary: c"Takes a warning back from everyone it has alerted",
        complexity: c"O(A), A being the visitors the warning has alerted",
    },
    Spec {
        name: c"lct.release",
        run: commands::release::run,
        access: Access::Grow,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Warning]),
        options: &[Opt::DryRun],
        internal: &[Opt::Clock, Opt::Late, Opt::Expired],
        summary: c"Lets a held warning alert whomever it concerns",
        complexity: c"That of LCT.EXPOSED with the options of the warning, and O(A) for A alerts",
    },
    Spec {
        name: c"lct.warnings",
        run: commands::warnings::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[]),
        options: &[Opt::State, Opt::Warning, Opt::After, Opt::Count],
        internal: &[],
        summary: c"Lists the warnings of a graph",
        complexity: c"O(W log N), W being the warnings and N how many are answered at most; O(1) with WARNING",
    },
    Spec {
        name: c"lct.alerts",
        run: commands::alerts::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Visitor]),
        options: &[],
        internal: &[],
        summary: c"Lists the alerts in a visitor's inbox",
        complexity: c"O(W + A log A), W being the warnings that ever alerted the visitor and A the alerts in the inbox",
    },
    Spec {
        name: c"lct.ack",
        run: commands::ack::run,
        access: Access::Erase,
        speed: Speed::Fast,
        takes: Takes::Many(&[Param::Visitor], Param::Alert),
        options: &[],
        internal: &[],
        summary: c"Takes alerts out of a visitor's inbox",
        complexity: c"O(W A), W being the warnings that ever alerted the visitor and A the alerts named",
    },
    Spec {
        name: c"lct.forget",
        run: commands::forget::run,
        access: Access::Erase,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Visitor]),
        options: &[],
        internal: &[],
        summary: c"Erases a visitor with all visits and alerts",
        complexity: c"O(V log N), V being the visits of the visitor and N those to their spaces",
    },
    Spec {
        name: c"lct.revoke",
        run: commands::revoke::run,
        access: Access::Erase,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Visitor]),
        options: &[],
        internal: &[Opt::Salt],
        summary: c"Erases a visitor and bars the id from this graph for ever",
        complexity: c"O(V log N), V being the visits of the visitor and N those to their spaces",
    },
    Spec {
        name: c"lct.purge",
        run: commands::purge::run,
        access: Access::Erase,
        speed: Speed::Slow,
        takes: Takes::Once(&[]),
        options: &[Opt::Before, Opt::Alerts],
        internal: &[Opt::Clock],
        summary: c"Removes the visits that have ended by a time, and alerts and warnings that are over",
        complexity: c"O(N), N being the visitors, the spaces, the warnings and the visits that go; done in slices outside of transactions and scripts",
    },
    Spec {
        name: c"lct.info",
        run: commands::info::run,
        access: Access::Read,
        speed: Speed::Slow,
        takes: Takes::Once(&[]),
        options: &[],
        internal: &[],
        summary: c"Tells how much a graph holds",
        complexity: c"O(1); O(N) the first time after the oldest or newest of N visits has gone",
    },
    Spec {
        name: c"lct.load",
        run: commands::load::run,
        access: Access::Grow,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Part]),
        options: &[],
        internal: &[],
        summary: c"Adds a part of a graph while the append-only file is being read; internal",
        complexity: c"O(N log N), N being the visits in the part",
    },
    Spec {
        name: c"lct.stand",
        run: commands::stand::run,
        access: Access::Amend,
        speed: Speed::Slow,
        takes: Takes::Once(&[Param::Warning]),
        options: &[],
        internal: &[Opt::Clock, Opt::Expired],
        summary: c"Brings the second order of a standing warning up to date; internal",
        complexity: c"That of LCT.EXPOSED with the options of the warning",
    },
    #[cfg(feature = "panic-command")]
    Spec {
        name: c"lct.panic",
        run: commands::panic::run,
        access: Access::Grow,
        speed: Speed::Slow,
        takes: Takes::Once(&[]),
        options: &[Opt::Write],
        internal: &[],
        summary: c"Panics, in a question or (WRITE) in the middle of a change; for tests",
        complexity: c"O(1)",
    },
];

/// Starts what the module does by itself. Called once, when the module is loaded.
fn start(context: ffi::Context<'_>) {
    ffi::after::<retention::Retention>(context, Duration::ZERO);
    ffi::after::<erasure::Erasure>(context, Duration::ZERO);
}
