//! `LCT.EXPOSED graph visitor [FROM ms] [TO ms] [AT ms] [ORDER 1|2] [MINTIME ms] [WITHIN ms] [LINGER ms]
//! [MINPRIORITY high|medium|low] [WITHTIMES] [COUNT n]`
//!
//! Who shared a space with the visitor at the same time. FROM and TO clip the visitor's visits, AT is the moment the
//! question is asked for. Visits older than `lct.retention` count no more.
//!
//! Reply: array of contacts, a set in no order. With COUNT or WITHTIMES they are sorted: most urgent first, then by
//! order, longest total, id. WITHTIMES makes each a row `[contact, order, priority, first, last, total]`.
//!
//! Complexity: O(V (log N + M)), V being the visits of the visitor (ORDER 2: and of every contact), N the visits to
//! their spaces and M those that overlap; sorting comes on top.
//!
//! Errors: an id, time or option that is none; FROM not before TO; WITHIN without MINTIME; AT too far ahead.

use lct_graph::{Exposure, Graph, Question, Scratch};

use crate::error::Result;
use crate::ffi::{Call, Context, Mode};
use crate::options::word;
use crate::{metrics, scratch};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let options = call.options(&mut arguments)?;
    let question = call.limits().question(&options)?;

    let mut key = call.open(Mode::Read);
    let value = key.value()?;
    scratch::with(|scratch| match (value, question) {
        (Some(value), Some(question)) if options.with_times || options.count.is_some() => {
            let count = options.count.unwrap_or(usize::MAX);
            let exposures = value.graph().exposures(visitor, &question, scratch, count);
            reply_exposures(call.context, &exposures, options.with_times);
        }
        (Some(value), Some(question)) => {
            let contacts = contacts(value.graph(), visitor, &question, scratch);
            call.context.reply_array(contacts.len());
            contacts
                .iter()
                .for_each(|contact| call.context.reply_bytes(contact));
        }
        _ => call.context.reply_array(0),
    });
    metrics::QUESTIONS_ANSWERED.add(1);
    Ok(())
}

/// Every contact. They are collected before the reply begins, so that its length is known and no panic can leave half
/// of it behind; two words each are cheap beside the reply itself.
fn contacts<'g>(
    graph: &'g Graph,
    visitor: &[u8],
    question: &Question,
    scratch: &mut Scratch,
) -> Vec<&'g [u8]> {
    let mut contacts = Vec::new();
    graph.exposed(visitor, question, scratch, |contact| contacts.push(contact));
    contacts
}

fn reply_exposures(context: Context<'_>, exposures: &[Exposure<'_>], with_times: bool) {
    context.reply_array(exposures.len());
    for exposure in exposures {
        if with_times {
            context.reply_array(6);
        }
        context.reply_bytes(exposure.contact);
        if with_times {
            context.reply_integer(exposure.order as u64);
            context.reply_bytes(word(exposure.priority).as_bytes());
            context.reply_integer(exposure.first);
            context.reply_integer(exposure.last);
            context.reply_integer(exposure.total);
        }
    }
}
