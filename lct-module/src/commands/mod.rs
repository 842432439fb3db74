//! The commands, one file each: read the arguments, ask the graph, write the reply.

pub(crate) mod ack;
pub(crate) mod alerts;
pub(crate) mod density;
pub(crate) mod exposed;
pub(crate) mod forget;
pub(crate) mod info;
pub(crate) mod load;
#[cfg(feature = "panic-command")]
pub(crate) mod panic;
pub(crate) mod present;
pub(crate) mod purge;
pub(crate) mod release;
pub(crate) mod retract;
pub(crate) mod revisit;
pub(crate) mod revoke;
pub(crate) mod stand;
pub(crate) mod unvisit;
pub(crate) mod visit;
pub(crate) mod visits;
pub(crate) mod warn;
pub(crate) mod warnings;
pub(crate) mod warnspace;
