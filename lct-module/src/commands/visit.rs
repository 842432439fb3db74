//! `LCT.VISIT graph visitor space start end [visitor space start end …]`
//!
//! Logs visits. A visit is known by visitor, space and start; logged again with another end, it moves its end. All or
//! nothing: if one visit is refused, none is logged. They are taken from left to right.
//!
//! Reply: integer, the visits added (those whose end moved do not count).
//!
//! Complexity: O(log N) for each visit, N being the visits of its visitor and of its space.
//!
//! Errors: an id or time that is none; end not after start; a visit too long (`lct.max-visit`), too far ahead
//! (`lct.max-ahead`) or expired (`lct.retention`); `REVOKED` for a visitor that was revoked. Each names the visit.

use lct_graph::{Logged, Millis};

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::ffi::{Arg, Call, Mode};
use crate::limits::Limits;
use crate::metrics;

/// A visit to be logged.
struct Visit<'a> {
    visitor: &'a [u8],
    space: &'a [u8],
    start: Millis,
    end: Millis,
}

impl<'a> Visit<'a> {
    fn read(arguments: &mut Arguments<'a, Arg>, limits: &Limits) -> Result<Self> {
        let visitor = arguments.id("visitor")?;
        let space = arguments.id("space")?;
        let (start, end) = arguments.interval(("start", "end"))?;
        limits.check_visit(("start", start), ("end", end))?;
        Ok(Self {
            visitor,
            space,
            start,
            end,
        })
    }
}

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    if !arguments.len().is_multiple_of(4) {
        return Err(Error::WrongArity);
    }
    let limits = call.limits();
    let visits = (1..=arguments.len() / 4)
        .map(|number| Visit::read(&mut arguments, &limits).map_err(|error| error.of_visit(number)))
        .collect::<Result<Vec<_>>>()?;

    let mut key = call.open(Mode::Write);
    let value = key.value_or_create()?;
    if let Some(index) = visits
        .iter()
        .position(|visit| value.graph().is_revoked(visit.visitor))
    {
        return Err(Error::Revoked { visit: index + 1 });
    }
    let (mut added, mut moved) = (0, 0);
    value.mutate(|graph| {
        for visit in &visits {
            match graph.visit(visit.visitor, visit.space, visit.start, visit.end) {
                Logged::Added => added += 1,
                Logged::Moved => moved += 1,
                Logged::Unchanged => {}
            }
        }
    });
    if added + moved > 0 {
        call.context.replicate_verbatim();
        key.changed(c"lct.visit");
        metrics::VISITS_LOGGED.add(added);
    }
    call.context.reply_integer(added);
    Ok(())
}
