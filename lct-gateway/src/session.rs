//! What a client may say, and what it is answered: a state machine without I/O.
//!
//! Messages, results and alerts go in, [`Action`]s come out; the connection carries them out. Commands of one session
//! run one after the other, so a visit logged before a warning counts in it, and answers come in the order asked.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use uuid::{Uuid, Variant};

use crate::alerts::{Alert, AlertId};
use crate::command::Command;
use crate::graphs::{Graph, Graphs};
use crate::identity;
use crate::ids::{SpaceId, VisitorId};
use crate::module::Visit;
use crate::node_id::NodeId;
use crate::policy;
use crate::protocol::{
    Ack, ClientMessage, Code, DeleteVisit, ExposureWarning, Fault, Hello, Incoming, LogVisit,
    Millis, RequestId, ServerMessage, UpdateVisit,
};

/// How many messages may wait behind a running command before the session stops reading.
const MAX_WAITING: usize = 16;

/// What the connection is to do, in this order.
pub enum Action {
    /// Send this to the client.
    Send(ServerMessage),
    /// From now on, pass alerts for this visitor to the session.
    Register(Graph, VisitorId),
    /// Carry this out and report with [`Session::on_result`].
    Run(Command),
}

/// One client's session.
pub struct Session {
    graphs: Arc<Graphs>,
    open: Option<Open>,
    running: Option<Pending>,
    waiting: VecDeque<Incoming>,
    delivered: HashSet<AlertId>,
}

/// What the hello fixed.
struct Open {
    visitor: VisitorId,
    graph: Graph,
}

/// The answer to give when the running command succeeds.
struct Pending {
    id: Option<RequestId>,
    ack: Ack,
}

/// A message understood: answered at once, or after a command.
enum Step {
    Answer(ServerMessage),
    Open(Open),
    Run(Command, Ack),
    Nothing,
}

impl Session {
    /// A session that waits for its hello.
    pub fn new(graphs: Arc<Graphs>) -> Self {
        Self {
            graphs,
            open: None,
            running: None,
            waiting: VecDeque::new(),
            delivered: HashSet::new(),
        }
    }

    /// Whether the hello was accepted.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the session takes another message now; if not, leave it on the wire.
    pub fn can_read(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Whether a command runs whose answer is still owed.
    pub const fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// The client sent this. `now` is in epoch milliseconds, here and below.
    pub fn on_message(&mut self, message: Incoming, now: u64, actions: &mut Vec<Action>) {
        self.waiting.push_back(message);
        self.advance(now, actions);
    }

    /// The command of the last [`Action::Run`] ended.
    pub fn on_result(&mut self, result: Result<(), Fault>, now: u64, actions: &mut Vec<Action>) {
        let Pending { id, ack } = self
            .running
            .take()
            .expect("a result follows Action::Run, once");
        actions.push(Action::Send(match result {
            Ok(()) => ServerMessage::Ack { id, body: ack },
            Err(fault) => ServerMessage::error(id, fault),
        }));
        self.advance(now, actions);
    }

    /// An alert for this session's visitor. The same alert (id and version) is sent once.
    pub fn on_alert(&mut self, alert: &Alert, actions: &mut Vec<Action>) {
        if self.delivered.insert(alert.alert) {
            actions.push(Action::Send(ServerMessage::ExposureAlert {
                alerts: vec![alert.clone()],
            }));
        }
    }

    /// Takes waiting messages until one needs a command.
    fn advance(&mut self, now: u64, actions: &mut Vec<Action>) {
        while self.running.is_none() {
            let Some(Incoming { id, message }) = self.waiting.pop_front() else {
                return;
            };
            match message.and_then(|message| self.step(&id, message, now)) {
                Ok(Step::Nothing) => {}
                Ok(Step::Answer(message)) => actions.push(Action::Send(message)),
                Ok(Step::Run(command, ack)) => {
                    self.running = Some(Pending { id, ack });
                    actions.push(Action::Run(command));
                }
                Ok(Step::Open(open)) => {
                    // Registered before it is told so, so that no alert falls between.
                    actions.push(Action::Register(open.graph, open.visitor.clone()));
                    actions.push(Action::Send(ServerMessage::Session {
                        id,
                        user_id: open.visitor.as_str().to_owned(),
                        graph_name: self.graphs.name(open.graph).to_owned(),
                        // Alerts are not kept for absent clients yet, so none waits.
                        complete: true,
                    }));
                    self.open = Some(open);
                }
                Err(fault) => actions.push(Action::Send(ServerMessage::error(id, fault))),
            }
        }
    }

    fn step(
        &self,
        id: &Option<RequestId>,
        message: ClientMessage,
        now: u64,
    ) -> Result<Step, Fault> {
        match (message, &self.open) {
            (ClientMessage::Ping, _) => Ok(Step::Answer(ServerMessage::Pong { id: id.clone() })),
            (ClientMessage::Pong, _) => Ok(Step::Nothing),
            (ClientMessage::Hello(_), Some(_)) => Err(Fault::new(
                Code::AlreadyOpen,
                "hello: this session is open; use another connection for another visitor or graph",
            )),
            (ClientMessage::Hello(hello), None) => self.hello(&hello),
            (_, None) => Err(Fault::new(
                Code::HelloFirst,
                "message: the first one must be hello",
            )),
            (ClientMessage::LogVisit(message), Some(open)) => self.log_visit(open, &message),
            (ClientMessage::UpdateVisit(message), Some(open)) => self.update_visit(open, &message),
            (ClientMessage::DeleteVisit(message), Some(open)) => self.delete_visit(open, &message),
            (ClientMessage::ExposureWarning(message), Some(open)) => self.warn(open, &message, now),
            (ClientMessage::AlertReceived(message), Some(_)) => {
                if message
                    .alerts
                    .iter()
                    .any(|id| id.parse::<AlertId>().is_err())
                {
                    return Err(Fault::bad_value(
                        "alerts",
                        "must be ids as exposureAlert gave them",
                    ));
                }
                // Nothing is kept that could be taken out yet.
                Ok(Step::Answer(ServerMessage::Ack {
                    id: id.clone(),
                    body: Ack::Received {},
                }))
            }
        }
    }

    fn hello(&self, hello: &Hello) -> Result<Step, Fault> {
        let graph = self.graph(hello.graph_name.as_deref(), Graph::Main)?;
        let visitor = identity::open(hello)?;
        Ok(Step::Open(Open { visitor, graph }))
    }

    fn log_visit(&self, open: &Open, message: &LogVisit) -> Result<Step, Fault> {
        let graph = self.graph(message.graph_name.as_deref(), open.graph)?;
        let space =
            SpaceId::new(&message.place_id).map_err(|rule| Fault::bad_value("place_id", rule))?;
        let visit = visit(space, message.start, message.end)?;
        let ack = logged(&visit);
        let visitor = open.visitor.clone();
        Ok(Step::Run(
            Command::Log {
                graph,
                visitor,
                visit,
            },
            ack,
        ))
    }

    fn update_visit(&self, open: &Open, message: &UpdateVisit) -> Result<Step, Fault> {
        let graph = self.graph(message.graph_name.as_deref(), open.graph)?;
        let old = node_id(&message.logged_node_id)?;
        let new = visit(old.space, message.start, message.end)?;
        let ack = logged(&new);
        let command = Command::Move {
            graph,
            visitor: open.visitor.clone(),
            start: old.start,
            new,
        };
        Ok(Step::Run(command, ack))
    }

    fn delete_visit(&self, open: &Open, message: &DeleteVisit) -> Result<Step, Fault> {
        let command = Command::Delete {
            graph: self.graph(message.graph_name.as_deref(), open.graph)?,
            visitor: open.visitor.clone(),
            visit: node_id(&message.logged_node_id)?,
        };
        Ok(Step::Run(command, Ack::Deleted { deleted: true }))
    }

    fn warn(&self, open: &Open, message: &ExposureWarning, now: u64) -> Result<Step, Fault> {
        let graph = self.graph(message.graph_name.as_deref(), open.graph)?;
        if !is_random(message.warning) {
            return Err(Fault::bad_value(
                "warning",
                "must be a random UUID (version 4), which nobody can guess",
            ));
        }
        let reason = message.reason.reason().ok_or_else(|| {
            Fault::bad_value(
                "reason",
                "must be 0 to 3, or positive, contact, symptoms or alerted, or the sentence of the client's list",
            )
        })?;
        let since = message.since.map(|Millis(ms)| ms);
        if since.is_some_and(|since| since > now.saturating_add(policy::SINCE_AHEAD)) {
            return Err(Fault::bad_value(
                "since",
                "must not be more than 24 hours ahead of now",
            ));
        }
        let command = Command::Warn {
            graph,
            visitor: open.visitor.clone(),
            warning: message.warning,
            reason,
            since,
        };
        Ok(Step::Run(command, Ack::Warned { warned: true }))
    }

    fn graph(&self, name: Option<&str>, default: Graph) -> Result<Graph, Fault> {
        name.map_or(Some(default), |name| self.graphs.find(name))
            .ok_or_else(|| {
                let known = self.graphs.name(Graph::Main);
                Fault {
                    code: Code::UnknownGraph,
                    message: format!("graphName: must be {known} or Sandbox").into(),
                    retry_ms: None,
                }
            })
    }
}

fn visit(space: SpaceId, Millis(start): Millis, Millis(end): Millis) -> Result<Visit, Fault> {
    if start < end {
        Ok(Visit { space, start, end })
    } else {
        Err(Fault::bad_value("end", "must be after start"))
    }
}

fn logged(visit: &Visit) -> Ack {
    let id = NodeId {
        space: visit.space.clone(),
        start: visit.start,
    };
    Ack::Logged {
        logged: true,
        logged_node_id: id.encode(),
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

fn is_random(uuid: Uuid) -> bool {
    uuid.get_variant() == Variant::RFC4122 && uuid.get_version_num() == 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Reason;
    use crate::protocol::read;
    use serde_json::{Value, json};

    /// When everything here happens.
    const NOW: u64 = 1_621_018_800_000;

    /// A session whose texts and answers are JSON values.
    struct Client {
        session: Session,
    }

    enum Seen {
        Sent(Value),
        Registered(Graph, String),
        Ran(Command),
    }

    impl Client {
        fn new() -> Self {
            let graphs = Arc::new(Graphs::new("lct").unwrap());
            Self {
                session: Session::new(graphs),
            }
        }

        fn open() -> Self {
            let mut client = Self::new();
            client.says(json!({"type": "hello", "userID": "u1"}));
            client
        }

        fn says(&mut self, message: Value) -> Vec<Seen> {
            let mut actions = Vec::new();
            self.session
                .on_message(read(&message.to_string()), NOW, &mut actions);
            seen(actions)
        }

        fn result(&mut self, result: Result<(), Fault>) -> Vec<Seen> {
            let mut actions = Vec::new();
            self.session.on_result(result, NOW, &mut actions);
            seen(actions)
        }

        /// Says it and expects one answer at once.
        fn answer(&mut self, message: Value) -> Value {
            match self.says(message).pop() {
                Some(Seen::Sent(value)) => value,
                _ => panic!("no answer"),
            }
        }

        /// Says it and expects one command.
        fn command(&mut self, message: Value) -> Command {
            match self.says(message).pop() {
                Some(Seen::Ran(command)) => command,
                Some(Seen::Sent(value)) => panic!("answered at once: {value}"),
                _ => panic!("no command"),
            }
        }

        /// Says it, lets its command succeed, and returns the answer.
        fn done(&mut self, message: Value) -> Value {
            self.command(message);
            match self.result(Ok(())).pop() {
                Some(Seen::Sent(value)) => value,
                _ => panic!("no answer"),
            }
        }
    }

    fn seen(actions: Vec<Action>) -> Vec<Seen> {
        let see = |action| match action {
            Action::Send(message) => Seen::Sent(serde_json::from_str(&message.to_frame()).unwrap()),
            Action::Register(graph, visitor) => Seen::Registered(graph, visitor.as_str().into()),
            Action::Run(command) => Seen::Ran(command),
        };
        actions.into_iter().map(see).collect()
    }

    fn log(id: u64, place: &str, start: u64, end: u64) -> Value {
        json!({"type": "logVisit", "id": id, "place_id": place, "start": start, "end": end})
    }

    #[test]
    fn hello_registers_and_then_opens() {
        let mut client = Client::new();
        let seen = client.says(json!({"type": "hello", "id": "h", "userID": "u1"}));
        let [Seen::Registered(Graph::Main, visitor), Seen::Sent(session)] = &seen[..] else {
            panic!("not registered, then answered");
        };
        assert_eq!(visitor, "u1");
        assert_eq!(
            *session,
            json!({"type": "session", "id": "h", "userID": "u1", "graphName": "lct", "complete": true})
        );
        assert_eq!(
            client.answer(json!({"type": "hello", "userID": "u2"}))["code"],
            "already_open"
        );
    }

    #[test]
    fn nothing_but_ping_comes_before_hello() {
        let mut client = Client::new();
        assert_eq!(client.answer(log(1, "x", 1, 2))["code"], "hello_first");
        assert_eq!(
            client.answer(json!({"type": "ping", "id": 3})),
            json!({"type": "pong", "id": 3})
        );
        assert_eq!(
            client.answer(json!({"type": "hello"}))["message"],
            "userID: is needed by this gateway (--auth open)"
        );
        assert_eq!(
            client.answer(json!({"type": "hello", "userID": "u", "graphName": "other"}))["code"],
            "unknown_graph"
        );
        assert!(!client.session.is_open());
    }

    #[test]
    fn a_visit_is_acknowledged_when_it_is_done_and_named_alike_each_time() {
        let mut client = Client::open();
        let Command::Log {
            graph,
            visitor,
            visit,
        } = client.command(log(1, "plaza", 10, 20))
        else {
            panic!("not Log");
        };
        assert_eq!((graph, visitor.as_str()), (Graph::Main, "u1"));
        assert_eq!(
            (visit.space.as_str(), visit.start, visit.end),
            ("plaza", 10, 20)
        );
        let Some(Seen::Sent(first)) = client.result(Ok(())).pop() else {
            panic!("no answer");
        };
        assert_eq!(first["logged"], true);
        let again = client.done(log(1, "plaza", 10, 20));
        assert_eq!(first, again);
    }

    #[test]
    fn a_visit_is_updated_and_deleted_by_its_name() {
        let mut client = Client::open();
        let id = client.done(log(1, "plaza", 10, 20))["loggedNodeId"].clone();
        let Command::Move { start, new, .. } = client
            .command(json!({"type": "updateVisit", "loggedNodeId": id, "start": 11, "end": 21}))
        else {
            panic!("not Move");
        };
        assert_eq!(
            (start, new.space.as_str(), new.start, new.end),
            (10, "plaza", 11, 21)
        );
        let Some(Seen::Sent(updated)) = client.result(Ok(())).pop() else {
            panic!("no answer");
        };
        assert_ne!(updated["loggedNodeId"], id);
        let Command::Delete { visit, .. } =
            client.command(json!({"type": "deleteVisit", "loggedNodeId": updated["loggedNodeId"]}))
        else {
            panic!("not Delete");
        };
        assert_eq!((visit.space.as_str(), visit.start), ("plaza", 11));
    }

    #[test]
    fn the_graph_is_the_sessions_or_the_messages() {
        let mut client = Client::open();
        let mut message = log(1, "x", 1, 2);
        message["graphName"] = "Sandbox".into();
        assert!(matches!(
            client.command(message),
            Command::Log {
                graph: Graph::Sandbox,
                ..
            }
        ));
        client.result(Ok(()));
        assert!(matches!(
            client.command(log(2, "x", 1, 2)),
            Command::Log {
                graph: Graph::Main,
                ..
            }
        ));
        client.result(Ok(()));
        let mut message = log(3, "x", 1, 2);
        message["graphName"] = "lct:alerts:lct".into();
        assert_eq!(
            client.answer(message)["message"],
            "graphName: must be lct or Sandbox"
        );
    }

    #[test]
    fn a_warning_holds_reason_and_since() {
        let mut client = Client::open();
        let uuid = "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e";
        for reason in [
            json!(2),
            json!("symptoms"),
            json!("I present COVID symptoms"),
        ] {
            let Command::Warn {
                warning,
                reason,
                since,
                ..
            } = client.command(
                json!({"type": "exposureWarning", "warning": uuid, "reason": reason, "since": 7}),
            )
            else {
                panic!("not Warn");
            };
            assert_eq!(
                (warning.to_string().as_str(), reason, since),
                (uuid, Reason::Symptoms, Some(7))
            );
            client.result(Ok(()));
        }
        for (field, value) in [
            ("warning", json!("00000000-0000-0000-0000-000000000000")),
            ("warning", json!("0d9a5e4c-6c1e-1f0a-9d6b-3f0a5e4c6c1e")),
            ("reason", json!(4)),
            ("reason", json!("bored")),
        ] {
            let mut message = json!({"type": "exposureWarning", "warning": uuid, "reason": 0});
            message[field] = value;
            let answer = client.answer(message);
            assert_eq!(answer["code"], "bad_value");
            assert!(answer["message"].as_str().unwrap().starts_with(field));
        }
    }

    #[test]
    fn a_warning_since_later_than_today_is_refused() {
        let mut client = Client::open();
        let mut message = json!({
            "type": "exposureWarning", "warning": "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e", "reason": 0
        });
        // Up to a day ahead it is today somewhere on earth. What counts still begins before now, so that such a warning
        // does not silently reach nobody.
        message["since"] = (NOW + policy::SINCE_AHEAD).into();
        let Command::Warn {
            since: Some(since), ..
        } = client.command(message.clone())
        else {
            panic!("not Warn with since");
        };
        assert!(since - policy::BEFORE_SINCE < NOW);
        client.result(Ok(()));
        message["since"] = (NOW + policy::SINCE_AHEAD + 1).into();
        let answer = client.answer(message);
        assert_eq!(
            (&answer["code"], &answer["message"]),
            (
                &json!("bad_value"),
                &json!("since: must not be more than 24 hours ahead of now")
            )
        );
    }

    #[test]
    fn wrong_values_are_named() {
        let mut client = Client::open();
        for (message, line) in [
            (log(1, "", 1, 2), "place_id: must be 1 to 128 bytes long"),
            (
                log(1, "a\u{7}", 1, 2),
                "place_id: must not hold control characters",
            ),
            (log(1, "x", 2, 2), "end: must be after start"),
            (
                json!({"type": "deleteVisit", "loggedNodeId": "7"}),
                "loggedNodeId: must be one that logVisit or updateVisit gave",
            ),
            (
                json!({"type": "alertReceived", "alerts": ["7"]}),
                "alerts: must be ids as exposureAlert gave them",
            ),
        ] {
            let answer = client.answer(message);
            assert_eq!(
                (&answer["code"], &answer["message"]),
                (&json!("bad_value"), &json!(line))
            );
        }
    }

    #[test]
    fn commands_run_one_after_the_other_and_answers_keep_the_order() {
        let mut client = Client::open();
        client.command(log(1, "x", 1, 2));
        assert!(client.says(log(2, "x", 3, 4)).is_empty());
        assert!(client.says(json!({"type": "ping", "id": 3})).is_empty());
        let seen = client.result(Ok(()));
        assert!(matches!(&seen[..], [Seen::Sent(ack), Seen::Ran(_)] if ack["id"] == 1));
        let refused = Fault::bad_value("start", "too far ahead");
        let seen = client.result(Err(refused));
        assert!(matches!(
            &seen[..],
            [Seen::Sent(error), Seen::Sent(pong)] if error["id"] == 2 && error["type"] == "error" && pong["id"] == 3
        ));
        assert!(!client.session.is_busy());
    }

    #[test]
    fn a_client_that_talks_faster_than_it_is_served_is_not_read() {
        let mut client = Client::open();
        client.command(log(0, "x", 1, 2));
        for id in 1..=16 {
            assert!(client.session.can_read());
            client.says(log(id, "x", 1, 2));
        }
        assert!(!client.session.can_read());
        client.result(Ok(()));
        assert!(client.session.can_read());
    }

    #[test]
    fn the_same_alert_is_sent_once_and_its_change_again() {
        let mut client = Client::open();
        let alert = |id: &str| Alert {
            alert: id.parse().unwrap(),
            reason: Reason::Positive,
            state: crate::alerts::State::Active,
            issued: 0,
        };
        let (first, changed) = (
            alert("00112233445566778899aabbccddeeff.1"),
            alert("00112233445566778899aabbccddeeff.2"),
        );
        let mut actions = Vec::new();
        for alert in [&first, &first, &changed, &first] {
            client.session.on_alert(alert, &mut actions);
        }
        let sent = seen(actions);
        let [Seen::Sent(one), Seen::Sent(two)] = &sent[..] else {
            panic!("not two alerts");
        };
        assert_eq!(
            *one,
            json!({"type": "exposureAlert", "alerts": [{
                "alert": "00112233445566778899aabbccddeeff.1",
                "reason": "positive", "state": "active", "issued": 0
            }]})
        );
        assert_eq!(
            two["alerts"][0]["alert"],
            "00112233445566778899aabbccddeeff.2"
        );
        let ids = [&one["alerts"][0]["alert"]];
        assert_eq!(
            client.answer(json!({"type": "alertReceived", "id": 9, "alerts": ids})),
            json!({"type": "ack", "id": 9})
        );
    }
}
