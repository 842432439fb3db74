//! `LCT.PANIC graph [WRITE]`
//!
//! For tests of this module only (cargo feature `panic-command`): panics in a question, or in the middle of a change.
//!
//! Reply: an error.
//!
//! Complexity: O(1).

use crate::error::{Error, Result};
use crate::ffi::{Call, Mode};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let options = call.options(&mut call.arguments())?;
    let mut key = call.open(Mode::Write);
    let value = key.value()?.ok_or(Error::NoSuchKey)?;
    if options.write {
        value.mutate(|_| panic!("LCT.PANIC WRITE"));
    }
    panic!("LCT.PANIC");
}
