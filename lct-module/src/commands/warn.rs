//! `LCT.WARN graph warning visitor reason [FROM ms] [TO ms] [AT ms] [ORDER 1|2] [MINTIME ms] [WITHIN ms] [LINGER ms]
//! [MINPRIORITY high|medium|low] [HOLD n] [DRYRUN]`
//!
//! The visitor warns whoever shared a space with them. Each gets an alert into the inbox, once; who becomes a contact by a
//! visit logged later gets it then. The same warning given again by the same visitor replaces its terms. HOLD keeps a
//! warning that would alert more than n visitors until LCT.RELEASE. DRYRUN only counts.
//!
//! Reply: integer, the visitors newly or differently alerted; null where HOLD keeps it.
//!
//! Complexity: that of LCT.EXPOSED with the same options, and O(A) for A alerts.
//!
//! Errors: an id, reason, time or option that is none; those of LCT.EXPOSED; ORDER 2 with the reason alerted; a warning of
//! somebody else; `REVOKED` for a visitor that was revoked.

use lct_graph::{Graph, Moment, Order, Reason, Source, Warn};

use crate::arguments::Arguments;
use crate::error::{Error, Result, Rule};
use crate::ffi::{Arg, Call, Mode};
use crate::options::word;
use crate::resolved::Resolved;
use crate::spec::Opt;
use crate::{metrics, scratch};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let visitor = arguments.id("visitor")?;
    let reason = read_reason(&mut arguments)?.ok_or(Rule::Reason.broken_by("reason"))?;
    let options = call.options(&mut arguments)?;
    let limits = call.limits();
    let terms = limits.terms(&options)?;
    if reason == Reason::Alerted && terms.order == Order::Second {
        return Err(Rule::FirstOrder.broken_by(Opt::Order.name()));
    }
    let moment = call.moment(&options);
    let warn = Warn {
        warning,
        source: Source::Visitor(visitor),
        reason,
        terms,
        stands_until: options
            .until
            .unwrap_or_else(|| limits.stands_until(terms.at)),
        hold: options.hold,
    };
    if options.dry_run {
        return count(call, &warn, &moment);
    }

    let graph = call.graph.bytes();
    let mut resolved = Resolved::new([graph, warning, visitor, reason.word().as_bytes()]);
    resolved.time(Opt::From, terms.from).time(Opt::At, terms.at);
    if terms.to < terms.at {
        // Else it is the default, also where the window is empty: FROM before TO would be asked for.
        resolved.time(Opt::To, terms.to);
    }
    resolved
        .time(Opt::Order, terms.order as u64)
        .maybe(Opt::MinTime, terms.min_time)
        .maybe(Opt::Within, terms.within)
        .time(Opt::Linger, terms.linger)
        .option(Opt::MinPriority, word(terms.min_priority).as_bytes())
        .maybe(Opt::Hold, warn.hold);
    give(call, &warn, &moment, resolved)
}

/// The next argument as a reason; `None` if it is no such word.
pub(super) fn read_reason(arguments: &mut Arguments<'_, Arg>) -> Result<Option<Reason>> {
    let text = arguments.bytes()?;
    Ok(Reason::ALL
        .into_iter()
        .find(|reason| reason.word().as_bytes().eq_ignore_ascii_case(text)))
}

/// Gives a warning and answers. `resolved` is the command as replicas get it, but for the moment.
pub(super) fn give(
    call: &Call<'_>,
    warn: &Warn<'_>,
    moment: &Moment,
    mut resolved: Resolved<'_>,
) -> Result<()> {
    let mut key = call.open(Mode::Write);
    let value = key.value_or_create()?;
    check_source(value.graph(), warn)?;
    let warned = scratch::with(|scratch| value.mutate(|graph| graph.warn(warn, moment, scratch)))?;
    if warned.changed {
        resolved.time(Opt::Until, warn.stands_until).moment(moment);
        call.replicate(&resolved);
        key.changed(call.event());
        metrics::WARNINGS_GIVEN.add(1);
        metrics::ALERTS_GIVEN.add(warned.alerted);
    }
    if warned.held {
        call.context.reply_null();
    } else {
        call.context.reply_integer(warned.alerted);
    }
    Ok(())
}

/// Answers how many a warning would alert.
pub(super) fn count(call: &Call<'_>, warn: &Warn<'_>, moment: &Moment) -> Result<()> {
    let mut key = call.open(Mode::Read);
    let alerted = match key.value()? {
        None => 0,
        Some(value) => {
            check_source(value.graph(), warn)?;
            scratch::with(|scratch| value.graph().would_warn(warn, moment, scratch))?
        }
    };
    call.context.reply_integer(alerted);
    Ok(())
}

fn check_source(graph: &Graph, warn: &Warn<'_>) -> Result<()> {
    match warn.source {
        Source::Visitor(visitor) if graph.is_revoked(visitor) => {
            Err(Error::Revoked { visit: None })
        }
        _ => Ok(()),
    }
}
