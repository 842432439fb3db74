//! `LCT.EXPOSED graph visitor [FROM ms] [TO ms] [AT ms] [ORDER 1|2] [MINTIME ms] [WITHIN ms] [LINGER ms]
//! [MINPRIORITY high|medium|low] [WITHTIMES] [COUNT n]`
//!
//! Who shared a space with the visitor at the same time. FROM and TO clip the visitor's visits, AT is the moment the
//! question is asked for. Visits older than `lct.retention` count no more.
//!
//! Reply: array of contacts, a set in no order. With COUNT or WITHTIMES they are sorted: most urgent first, then by
//! order, longest total, id. WITHTIMES makes each a row `[contact, order, priority, first, last, total]`.
//!
//! What takes long is answered in slices while others are served; inside MULTI and scripts in one piece.
//!
//! Complexity: O(V (log N + M)), V being the visits of the visitor (ORDER 2: and of every contact), N the visits to
//! their spaces and M those that overlap; sorting comes on top.
//!
//! Errors: an id, time or option that is none; FROM not before TO; WITHIN without MINTIME; AT too far ahead.

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::metrics;
use crate::reading::{self, Asked};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let options = call.options(&mut arguments)?;
    let visitor = visitor.to_vec();
    match call.limits().question(&options)? {
        Some(question) => {
            let asked = if options.with_times || options.count.is_some() {
                Asked::Exposures {
                    visitor,
                    question,
                    count: options.count.unwrap_or(usize::MAX),
                    with_times: options.with_times,
                }
            } else {
                Asked::Contacts { visitor, question }
            };
            reading::answer(call, asked)?;
        }
        // A key of another type is an error all the same.
        None => {
            call.open(Mode::Read).value()?;
            call.context.reply_array(0);
        }
    }
    metrics::QUESTIONS_ANSWERED.add(1);
    Ok(())
}
