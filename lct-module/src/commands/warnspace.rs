//! `LCT.WARNSPACE graph warning space reason from to [AT ms] [MINTIME ms] [WITHIN ms] [DRYRUN]`
//!
//! An authority warns whoever was in a space in the half-open period from `from` to `to`, or, where both are the same, at
//! that instant. It is a warning like any other: it stands, is revised and retracted.
//!
//! Reply: integer, the visitors newly or differently alerted.
//!
//! Complexity: O(log N + M), N being the visits to the space and M those in the period, and O(A) for A alerts.
//!
//! Errors: an id, reason, time or option that is none; the reason alerted; to before from; WITHIN without MINTIME; AT too far
//! ahead; a warning of a visitor or of another space.

use lct_graph::{Reason, Source, Warn};

use super::warn::{count, give, read_reason};
use crate::error::{Result, Rule};
use crate::ffi::Call;
use crate::limits::period_end;
use crate::options::Options;
use crate::resolved::Resolved;
use crate::spec::Opt;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let space = arguments.id("space")?;
    let reason = read_reason(&mut arguments)?
        .filter(|&reason| reason != Reason::Alerted) // a place was not
        .ok_or(Rule::SpaceReason.broken_by("reason"))?;
    let (from, to) = (arguments.millis("from")?, arguments.millis("to")?);
    if to < from {
        return Err(Rule::NotBefore("from").broken_by("to"));
    }
    let options = call.options(&mut arguments)?;
    let limits = call.limits();
    let terms = limits.terms(&Options {
        from: Some(from),
        to: Some(period_end(from, to)),
        ..options.clone()
    })?;
    let moment = call.moment(&options);
    let warn = Warn {
        warning,
        source: Source::Space(space),
        reason,
        terms,
        stands_until: options
            .until
            .unwrap_or_else(|| limits.stands_until(terms.at)),
        hold: None,
    };
    if options.dry_run {
        return count(call, &warn, &moment);
    }

    let graph = call.graph.bytes();
    let mut resolved = Resolved::new([graph, warning, space, reason.word().as_bytes()]);
    // An empty period is one at AT, which the clipping at AT makes empty again.
    resolved
        .number(terms.from)
        .number(terms.to)
        .time(Opt::At, terms.at)
        .maybe(Opt::MinTime, terms.min_time)
        .maybe(Opt::Within, terms.within);
    give(call, &warn, &moment, resolved)
}
