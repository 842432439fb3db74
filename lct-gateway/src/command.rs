//! What a session wants done, and the doing: commands of the module, and the doorbell for those exposed.

use uuid::Uuid;

use crate::alerts::{AlertId, State};
use crate::doorbell::{self, Ring};
use crate::graphs::Graph;
use crate::ids::VisitorId;
use crate::module::{Module, ModuleError, Visit};
use crate::node_id::NodeId;
use crate::policy::{self, Reason};
use crate::protocol::{Code, Fault};

/// What a session wants done. The visitor is always the session's.
#[derive(Debug)]
pub enum Command {
    /// Add a visit, or move its end.
    Log {
        /// Where it is kept.
        graph: Graph,
        /// Whose it is.
        visitor: VisitorId,
        /// The visit.
        visit: Visit,
    },
    /// Give a visit another start and end.
    Move {
        /// Where it is kept.
        graph: Graph,
        /// Whose it is.
        visitor: VisitorId,
        /// Its start so far, in epoch milliseconds.
        start: u64,
        /// The visit as it is to be.
        new: Visit,
    },
    /// Remove a visit.
    Delete {
        /// Where it is kept.
        graph: Graph,
        /// Whose it is.
        visitor: VisitorId,
        /// The visit.
        visit: NodeId,
    },
    /// Alert whoever was exposed to this visitor.
    Warn {
        /// Whose visits count.
        graph: Graph,
        /// Who warns.
        visitor: VisitorId,
        /// The warning.
        warning: Uuid,
        /// Why.
        reason: Reason,
        /// The day of first symptoms or of the test, in epoch milliseconds.
        since: Option<u64>,
    },
}

/// Carries a command out. Every command can be repeated: done twice, it has the effect of once.
///
/// # Errors
/// What to tell the client.
pub async fn run(module: &Module, command: Command) -> Result<(), Fault> {
    match command {
        Command::Log {
            graph,
            visitor,
            visit,
        } => Ok(module.visit(graph, &visitor, &visit).await?),
        Command::Move {
            graph,
            visitor,
            start,
            new,
        } => {
            // Not there under its old start: a repeated message finds it moved already.
            if module.revisit(graph, &visitor, start, &new).await?
                || module.has_visit(graph, &visitor, &new).await?
            {
                Ok(())
            } else {
                Err(Fault::new(
                    Code::UnknownVisit,
                    "loggedNodeId: must name a visit that is still there",
                ))
            }
        }
        Command::Delete {
            graph,
            visitor,
            visit,
        } => {
            // Gone already is as good as removed: a repeated message is answered like the first.
            module
                .unvisit(graph, &visitor, &visit.space, visit.start)
                .await?;
            Ok(())
        }
        Command::Warn {
            graph,
            visitor,
            warning,
            reason,
            since,
        } => warn(module, graph, &visitor, warning, reason, since).await,
    }
}

/// Asks who was exposed and rings the doorbell for them.
///
/// For now the warning is not kept: who is not connected when the bell rings hears nothing, and a warning repeated
/// rings again (each connection passes the same alert on once).
async fn warn(
    module: &Module,
    graph: Graph,
    visitor: &VisitorId,
    warning: Uuid,
    reason: Reason,
    since: Option<u64>,
) -> Result<(), Fault> {
    let Some(order) = policy::order(reason) else {
        return Ok(());
    };
    let from = since.map(|since| since.saturating_sub(policy::BEFORE_SINCE));
    let exposed = module.exposed(graph, visitor, from, order).await?;
    let rings = exposed.iter().map(|contact| Ring {
        visitor: contact.as_str().into(),
        alert: AlertId::first(warning, contact),
        state: State::Active,
        reason,
    });
    for payload in doorbell::payloads(rings) {
        module.ring(graph, &payload).await?;
    }
    Ok(())
}

impl From<ModuleError> for Fault {
    fn from(error: ModuleError) -> Self {
        match error {
            ModuleError::Refused { argument, rule } => {
                let field = match argument.as_str() {
                    "visitor" => "userID",
                    "space" => "place_id",
                    "newstart" => "start",
                    "newend" => "end",
                    "FROM" => "since",
                    same => same,
                };
                Self::bad_value(field, &rule)
            }
            ModuleError::Revoked => Self::new(
                Code::Revoked,
                "userID: was revoked and cannot be used again",
            ),
            ModuleError::Unavailable => Self::new(
                Code::Unavailable,
                "the server cannot do this now; send the same message again later",
            ),
            ModuleError::Internal => Self::new(
                Code::Internal,
                "the server failed; the message was in order",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_field_the_client_sent() {
        let fault: Fault = ModuleError::Refused {
            argument: "newstart".into(),
            rule: "further ahead than lct.max-ahead allows".into(),
        }
        .into();
        assert_eq!(fault.code, Code::BadValue);
        assert_eq!(
            fault.message,
            "start: further ahead than lct.max-ahead allows"
        );
    }
}
