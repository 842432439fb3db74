//! `LCT.VISIT graph visitor space start end [visitor space start end …]`
//!
//! Logs visits. A visit is known by visitor, space and start; logged again with another end, it moves its end. All or
//! nothing: if one visit is refused, none is logged. They are taken from left to right.
//!
//! Reply: integer, the visits added (those whose end moved do not count).
//!
//! Where the graph holds warnings, a visit can make somebody a contact, who is alerted at once. Replicas are then told what
//! time it was: `CLOCK ms LATE ms EXPIRED ms` follow the last visit.
//!
//! Complexity: O(log N + W) for each visit, N being the visits of its visitor and of its space, and W those of index cases
//! of standing warnings who were there at that time; and a look at up to 128 others where the visit began before the end
//! of a standing warning's window.
//!
//! Errors: an id or time that is none; end not after start; a visit too long (`lct.max-visit`), too far ahead
//! (`lct.max-ahead`) or expired (`lct.retention`); `REVOKED` for a visitor that was revoked. Each names the visit.

use lct_graph::{Graph, Logged, Moment, Visit};

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::ffi::{Arg, Call, Mode};
use crate::limits::Limits;
use crate::{metrics, scratch};

fn read<'a>(arguments: &mut Arguments<'a, Arg>, limits: &Limits) -> Result<Visit<'a>> {
    let visitor = arguments.id("visitor")?;
    let space = arguments.id("space")?;
    let (start, end) = arguments.interval(("start", "end"))?;
    limits.check_visit(("start", start), ("end", end))?;
    Ok(Visit {
        visitor,
        space,
        start,
        end,
    })
}

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    // Six more words are the moment at which a client logged these.
    let is_told = call.must_obey() && arguments.len() % 4 == 2;
    if !is_told && !arguments.len().is_multiple_of(4) {
        return Err(Error::WrongArity);
    }
    let limits = call.limits();
    let count = (arguments.len() - if is_told { 6 } else { 0 }) / 4;
    let mut read =
        |number| read(&mut arguments, &limits).map_err(|error: Error| error.of_visit(number));
    // Most commands log one visit, which needs no list.
    let one;
    let mut many = Vec::new();
    let visits: &[Visit<'_>] = if count == 1 {
        one = [read(1)?];
        &one
    } else {
        many.reserve_exact(count);
        for number in 1..=count {
            many.push(read(number)?);
        }
        &many
    };
    let options = call.options(&mut arguments)?;

    let mut key = call.open(Mode::Write);
    let value = key.value_or_create()?;
    if let Some(index) = visits
        .iter()
        .position(|visit| value.graph().is_revoked(visit.visitor))
    {
        return Err(Error::Revoked {
            visit: Some(index + 1),
        });
    }
    // Without warnings it does not matter at what moment a visit is logged.
    let moment = value.graph().has_warnings().then(|| call.moment(&options));
    let (mut added, mut moved) = (0, 0);
    value.mutate(|graph| {
        log(graph, visits, moment.as_ref(), |logged| match logged {
            Logged::Added => added += 1,
            Logged::Moved => moved += 1,
            Logged::Unchanged => {}
        });
    });
    if added + moved > 0 {
        match moment {
            None => call.context.replicate_verbatim(),
            Some(moment) => call.replicate(call.resolved().moment(&moment)),
        }
        key.changed(call.event());
        metrics::VISITS_LOGGED.add(added);
    }
    call.context.reply_integer(added);
    Ok(())
}

/// Logs all of them, at `moment` if that matters, and tells what became of each.
fn log(
    graph: &mut Graph,
    visits: &[Visit<'_>],
    moment: Option<&Moment>,
    mut tell: impl FnMut(Logged),
) {
    match moment {
        None => graph.visit_all(visits, tell),
        Some(moment) => scratch::with(|scratch| {
            for visit in visits {
                tell(graph.visit_at(
                    visit.visitor,
                    visit.space,
                    visit.start,
                    visit.end,
                    moment,
                    scratch,
                ));
            }
        }),
    }
}
