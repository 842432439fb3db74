//! What a message asks for: its values checked, and turned into a command. WebSockets and REST share it.

use uuid::{Uuid, Variant};

use crate::alerts::AlertId;
use crate::codes::OneTimeCode;
use crate::command::{Command, Done, Task};
use crate::feedback;
use crate::graphs::{Graph, Graphs};
use crate::identity::Caller;
use crate::ids::SpaceId;
use crate::module::Visit;
use crate::node_id::NodeId;
use crate::policy::{self, Reason};
use crate::protocol::{
    Ack, AlertReceived, ClientMessage, Code, DeleteVisit, Deleted, ExposureWarning, Fault,
    LogVisit, Logged, Millis, Nothing, OwnVisit, OwnVisits, ReasonField, Removed, RetractWarning,
    UpdateVisit, UserFeedback, Warned,
};

/// How many visits one `ack` holds at most: with the longest ids about 40 KiB.
const VISITS_A_MESSAGE: usize = 128;

/// The graph a client names, or this one.
///
/// # Errors
/// There is no such graph.
pub fn graph(graphs: &Graphs, name: Option<&str>, default: Graph) -> Result<Graph, Fault> {
    name.map_or(Some(default), |name| graphs.find(name))
        .ok_or_else(|| {
            let known = graphs.name(Graph::Main);
            Fault {
                code: Code::UnknownGraph,
                message: format!("graphName: must be {known} or Sandbox").into(),
                retry_ms: None,
            }
        })
}

/// The command that a message asks for, and the answer once it is done. `default` is the graph of messages that name
/// none, `now` in epoch milliseconds.
///
/// # Errors
/// Which value breaks which rule, or that the caller may not do this.
pub fn command(
    graphs: &Graphs,
    default: Graph,
    caller: &Caller,
    message: &ClientMessage,
    now: u64,
) -> Result<(Command, Ack), Fault> {
    let (name, task, ack) = match message {
        ClientMessage::LogVisit(message) => {
            let visit = log_visit(message)?;
            let ack = logged(&visit);
            (&message.graph_name, Task::Log(vec![visit]), ack)
        }
        ClientMessage::UpdateVisit(message) => {
            let (start, new) = update_visit(message)?;
            let ack = logged(&new);
            (&message.graph_name, Task::Move { start, new }, ack)
        }
        ClientMessage::DeleteVisit(DeleteVisit {
            logged_node_id,
            graph_name,
        }) => {
            let task = Task::Delete(node_id(logged_node_id)?);
            (graph_name, task, Ack::Deleted(Deleted { deleted: true }))
        }
        ClientMessage::ExposureWarning(message) => (
            &message.graph_name,
            warn(message, now)?,
            Ack::Warned(Warned { warned: true }),
        ),
        ClientMessage::RetractWarning(RetractWarning {
            warning,
            graph_name,
        }) => (
            graph_name,
            Task::Retract(secret(*warning)?),
            Ack::Plain(Nothing {}),
        ),
        ClientMessage::AlertReceived(AlertReceived { alerts }) => {
            (&None, Task::Ack(alert_ids(alerts)?), Ack::Plain(Nothing {}))
        }
        ClientMessage::ExportMyData(message) => {
            let visits = Ack::Visits(OwnVisits {
                visits: Vec::new(),
                more: false,
            });
            (&message.graph_name, Task::Export, visits)
        }
        ClientMessage::ForgetMe(message) => (
            &message.graph_name,
            Task::Forget,
            Ack::Removed(Removed { removed: 0 }),
        ),
        ClientMessage::RevokeMe(message) => (
            &message.graph_name,
            Task::Revoke,
            Ack::Removed(Removed { removed: 0 }),
        ),
        ClientMessage::UserFeedback(UserFeedback { text, graph_name }) => {
            let length = text.chars().count();
            // Whoever reads it does so on a terminal, which obeys some of these.
            let plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
            if !(1..=feedback::MAX_TEXT).contains(&length) || !text.chars().all(plain) {
                return Err(Fault::bad_value(
                    "text",
                    "must be 1 to 2000 characters long, line feeds and tabs its only control characters",
                ));
            }
            (
                graph_name,
                Task::Feedback(text.clone()),
                Ack::Plain(Nothing {}),
            )
        }
        ClientMessage::Hello(_) | ClientMessage::Ping | ClientMessage::Pong => {
            return Err(Fault::new(
                Code::UnknownType,
                "type: opens or keeps a session and asks for nothing",
            ));
        }
    };
    let graph = graph(graphs, name.as_deref(), default)?;
    Ok((Command::new(graph, caller, task)?, ack))
}

/// The answers to a message whose command was done: one, or several where there is much to say.
pub fn answers(ack: Ack, done: Done) -> Vec<Ack> {
    match done {
        Done::Plain => vec![ack],
        Done::Removed(removed) => vec![Ack::Removed(Removed { removed })],
        Done::Visits(visits) => {
            let mut parts: Vec<Ack> = visits
                .chunks(VISITS_A_MESSAGE)
                .map(|visits| {
                    let visits = visits.iter().map(own_visit).collect();
                    Ack::Visits(OwnVisits { visits, more: true })
                })
                .collect();
            match parts.last_mut() {
                Some(Ack::Visits(visits)) => visits.more = false,
                _ => parts.push(ack),
            }
            parts
        }
    }
}

/// A visit to log.
///
/// # Errors
/// Which value breaks which rule.
pub fn log_visit(message: &LogVisit) -> Result<Visit, Fault> {
    let space =
        SpaceId::new(&message.place_id).map_err(|rule| Fault::bad_value("place_id", rule))?;
    visit(space, message.start, message.end)
}

/// What names a visit from now on.
pub fn logged_node_id(visit: &Visit) -> String {
    let id = NodeId {
        space: visit.space.clone(),
        start: visit.start,
    };
    id.encode()
}

fn logged(visit: &Visit) -> Ack {
    Ack::Logged(Logged {
        logged: true,
        logged_node_id: logged_node_id(visit),
    })
}

fn update_visit(message: &UpdateVisit) -> Result<(u64, Visit), Fault> {
    let old = node_id(&message.logged_node_id)?;
    Ok((old.start, visit(old.space, message.start, message.end)?))
}

fn warn(message: &ExposureWarning, now: u64) -> Result<Task, Fault> {
    let warning = secret(message.warning)?;
    let reason = reason(&message.reason)?;
    let since = message.since.map(|Millis(ms)| ms);
    if since.is_some_and(|since| since > now.saturating_add(policy::SINCE_AHEAD)) {
        return Err(Fault::bad_value(
            "since",
            "must not be more than 24 hours ahead of now",
        ));
    }
    let code = message
        .code
        .as_deref()
        .map(OneTimeCode::decode)
        .transpose()
        .map_err(|rule| Fault {
            code: Code::BadCode,
            message: format!("code: {rule}").into(),
            retry_ms: None,
        })?;
    Ok(Task::Warn {
        warning,
        reason,
        since,
        code,
    })
}

fn reason(field: &ReasonField) -> Result<Reason, Fault> {
    field.reason().ok_or_else(|| {
        Fault::bad_value(
            "reason",
            "must be 0 to 3, or positive, contact, symptoms or alerted, or the sentence of the client's list",
        )
    })
}

fn visit(space: SpaceId, Millis(start): Millis, Millis(end): Millis) -> Result<Visit, Fault> {
    if start < end {
        Ok(Visit { space, start, end })
    } else {
        Err(Fault::bad_value("end", "must be after start"))
    }
}

/// A visit as its own visitor gets it.
pub fn own_visit(visit: &Visit) -> OwnVisit {
    OwnVisit {
        place_id: visit.space.as_str().to_owned(),
        start: visit.start,
        end: visit.end,
    }
}

fn node_id(text: &str) -> Result<NodeId, Fault> {
    NodeId::decode(text).ok_or_else(|| {
        Fault::bad_value(
            "loggedNodeId",
            "must be one that logVisit or updateVisit gave",
        )
    })
}

fn alert_ids(texts: &[String]) -> Result<Vec<AlertId>, Fault> {
    let ids: Result<Vec<AlertId>, _> = texts.iter().map(|text| text.parse()).collect();
    ids.map_err(|_| Fault::bad_value("alerts", "must be ids as exposureAlert gave them"))
}

/// A warning's id is what its alerts could be linked by, and what retracts it: it must be past guessing.
fn secret(warning: Uuid) -> Result<Uuid, Fault> {
    if warning.get_variant() == Variant::RFC4122 && warning.get_version_num() == 4 {
        Ok(warning)
    } else {
        Err(Fault::bad_value(
            "warning",
            "must be a random UUID (version 4), which nobody can guess",
        ))
    }
}
