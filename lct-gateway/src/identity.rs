//! Who a client is.
//!
//! `--auth open` believes the `userID` of the hello: for development and for clients that know nothing else, which is
//! why the gateway offers it on loopback only unless told otherwise. Whatever the way, the visitor is fixed by the
//! hello and comes from the session ever after, never from a later message.

use crate::ids::VisitorId;
use crate::protocol::{Fault, Hello};

/// The visitor a hello names in open mode.
///
/// # Errors
/// A fault that says what is missing or wrong.
pub fn open(hello: &Hello) -> Result<VisitorId, Fault> {
    let Some(user_id) = &hello.user_id else {
        return Err(Fault::bad_value(
            "userID",
            "is needed by this gateway (--auth open)",
        ));
    };
    VisitorId::new(user_id).map_err(|rule| Fault::bad_value("userID", rule))
}
