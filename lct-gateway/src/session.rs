//! What a client may say, and what it is answered: a state machine without I/O.
//!
//! Messages, results and inboxes go in, [`Action`]s come out; the connection carries them out. Commands of one session
//! run one after the other, so a visit logged before a warning counts in it, and answers come in the order asked.
//! Inboxes are read beside them: after the hello, when the doorbell rings, and again where that failed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::address::Network;
use crate::alerts::{Alert, AlertId};
use crate::command::{Command, Done, Task};
use crate::graphs::{Graph, Graphs};
use crate::identity::{self, Caller, Challenge};
use crate::ids::VisitorId;
use crate::protocol::{Ack, ClientMessage, Code, Fault, Hello, Incoming, RequestId, ServerMessage};
use crate::request;
use crate::socket::End;

/// How many messages may wait behind a running command before the session stops reading.
const MAX_WAITING: usize = 16;

/// How many alerts one message holds at most: about 20 KiB.
const ALERTS_A_MESSAGE: usize = 128;

/// What the connection is to do, in this order.
pub enum Action {
    /// Send this to the client.
    Send(ServerMessage),
    /// From now on, pass on what this visitor's connections are told.
    Register(Graph, VisitorId),
    /// Carry this out and report with [`Session::on_result`].
    Run(Command),
    /// Read this visitor's inbox and report with [`Session::on_inbox`].
    Read(Graph, VisitorId),
    /// After a pause, call [`Session::on_told`].
    ReadLater,
    /// End the connection, once what was to be sent before is sent.
    Close(End),
}

/// One client's session.
pub struct Session {
    graphs: Arc<Graphs>,
    /// Key mode: what the hello must sign. Taken by the first signature, good or bad.
    challenge: Option<Challenge>,
    /// Whether clients prove who they are.
    keys: bool,
    network: Network,
    open: Option<Open>,
    running: Option<Pending>,
    waiting: VecDeque<Incoming>,
    inbox: Inbox,
}

/// What the hello fixed.
struct Open {
    caller: Caller,
    graph: Graph,
    /// The `session` message owed once the inbox was read: the hello's id.
    owed: Option<Option<RequestId>>,
}

/// The answer to give when the running command succeeds.
struct Pending {
    id: Option<RequestId>,
    ack: Ack,
    last: bool,
}

/// What is known of the visitor's inbox.
#[derive(Default)]
struct Inbox {
    /// A reading is under way.
    reading: bool,
    /// Something was heard since it began, so it must be followed by another.
    again: bool,
    /// What the last reading found, all of it sent.
    sent: Vec<AlertId>,
}

/// A message understood: answered at once, or after a command.
enum Step {
    Answer(ServerMessage),
    Open(Open),
    Run(Command, Ack),
    Nothing,
}

impl Session {
    /// A session that waits for its hello: signed over this challenge, or without one believed.
    pub const fn new(graphs: Arc<Graphs>, challenge: Option<Challenge>, network: Network) -> Self {
        Self {
            graphs,
            keys: challenge.is_some(),
            challenge,
            network,
            open: None,
            running: None,
            waiting: VecDeque::new(),
            inbox: Inbox {
                reading: false,
                again: false,
                sent: Vec::new(),
            },
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

    /// Whether an answer is still owed to a message that was understood.
    pub fn is_busy(&self) -> bool {
        self.running.is_some() || self.is_opening()
    }

    fn is_opening(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.owed.is_some())
    }

    /// The connection stands. Comes before everything else.
    pub fn on_start(&self, actions: &mut Vec<Action>) {
        if let Some(Challenge { nonce, .. }) = &self.challenge {
            let nonce = nonce.clone();
            actions.push(Action::Send(ServerMessage::Challenge { nonce }));
        }
    }

    /// The client sent this. `now` is in epoch milliseconds, here and below.
    pub fn on_message(&mut self, message: Incoming, now: u64, actions: &mut Vec<Action>) {
        self.waiting.push_back(message);
        self.advance(now, actions);
    }

    /// The command of the last [`Action::Run`] ended.
    pub fn on_result(&mut self, result: Result<Done, Fault>, now: u64, actions: &mut Vec<Action>) {
        let Pending { id, ack, last } = self
            .running
            .take()
            .expect("a result follows Action::Run, once");
        let revoked = match result {
            Ok(done) => {
                for body in request::answers(ack, done) {
                    let id = id.clone();
                    actions.push(Action::Send(ServerMessage::Ack { id, body }));
                }
                last
            }
            Err(fault) => {
                let revoked = fault.code == Code::Revoked;
                actions.push(Action::Send(ServerMessage::error(id, fault)));
                revoked
            }
        };
        if revoked {
            actions.push(Action::Close(End::Revoked));
        } else {
            self.advance(now, actions);
        }
    }

    /// There may be something new in the inbox.
    pub fn on_told(&mut self, actions: &mut Vec<Action>) {
        let Some(open) = &self.open else { return };
        if self.inbox.reading {
            self.inbox.again = true;
        } else {
            self.inbox.reading = true;
            actions.push(Action::Read(open.graph, open.caller.visitor.clone()));
        }
    }

    /// The inbox of the last [`Action::Read`]. An alert (id and version) that was sent before is not sent again.
    pub fn on_inbox(
        &mut self,
        result: Result<Vec<Alert>, Fault>,
        now: u64,
        actions: &mut Vec<Action>,
    ) {
        self.inbox.reading = false;
        let complete = result.is_ok();
        match result {
            Ok(alerts) => {
                let ids = alerts.iter().map(|alert| alert.alert).collect();
                let sent = std::mem::replace(&mut self.inbox.sent, ids);
                let new: Vec<Alert> = alerts
                    .into_iter()
                    .filter(|alert| !sent.contains(&alert.alert))
                    .collect();
                for alerts in new.chunks(ALERTS_A_MESSAGE) {
                    let alerts = alerts.to_vec();
                    actions.push(Action::Send(ServerMessage::ExposureAlert { alerts }));
                }
                if std::mem::take(&mut self.inbox.again) {
                    self.on_told(actions);
                }
            }
            Err(_) => actions.push(Action::ReadLater),
        }
        if let Some(open) = &mut self.open
            && let Some(id) = open.owed.take()
        {
            actions.push(Action::Send(ServerMessage::Session {
                id,
                user_id: open.caller.visitor.as_str().to_owned(),
                graph_name: self.graphs.name(open.graph).to_owned(),
                complete,
            }));
            self.advance(now, actions);
        }
    }

    /// Takes waiting messages until one needs a command.
    fn advance(&mut self, now: u64, actions: &mut Vec<Action>) {
        while !self.is_busy() {
            let Some(Incoming { id, message }) = self.waiting.pop_front() else {
                return;
            };
            match message.and_then(|message| self.step(&id, &message, now)) {
                Ok(Step::Nothing) => {}
                Ok(Step::Answer(message)) => actions.push(Action::Send(message)),
                Ok(Step::Run(command, ack)) => {
                    let last = matches!(command.task(), Task::Revoke)
                        && self
                            .open
                            .as_ref()
                            .is_some_and(|open| open.graph == command.graph());
                    self.running = Some(Pending { id, ack, last });
                    actions.push(Action::Run(command));
                }
                Ok(Step::Open(open)) => {
                    // Registered before the inbox is read, so that no alert falls between.
                    let visitor = open.caller.visitor.clone();
                    actions.push(Action::Register(open.graph, visitor));
                    self.open = Some(open);
                    self.on_told(actions);
                }
                Err(fault) => {
                    let end = match fault.code {
                        Code::BadSignature => Some(End::Unauthorised),
                        _ => None,
                    };
                    actions.push(Action::Send(ServerMessage::error(id, fault)));
                    if let Some(end) = end {
                        actions.push(Action::Close(end));
                        return;
                    }
                }
            }
        }
    }

    fn step(
        &mut self,
        id: &Option<RequestId>,
        message: &ClientMessage,
        now: u64,
    ) -> Result<Step, Fault> {
        match (message, &self.open) {
            (ClientMessage::Ping, _) => Ok(Step::Answer(ServerMessage::Pong { id: id.clone() })),
            (ClientMessage::Pong, _) => Ok(Step::Nothing),
            (ClientMessage::Hello(_), Some(_)) => Err(Fault::new(
                Code::AlreadyOpen,
                "hello: this session is open; use another connection for another visitor or graph",
            )),
            (ClientMessage::Hello(hello), None) => self.hello(id, hello, now),
            (_, None) => Err(Fault::new(
                Code::HelloFirst,
                "message: the first one must be hello",
            )),
            (message, Some(open)) => {
                let (command, ack) =
                    request::command(&self.graphs, open.graph, &open.caller, message, now)?;
                Ok(Step::Run(command, ack))
            }
        }
    }

    fn hello(&mut self, id: &Option<RequestId>, hello: &Hello, now: u64) -> Result<Step, Fault> {
        let graph = request::graph(&self.graphs, hello.graph_name.as_deref(), Graph::Main)?;
        let (visitor, role) = if self.keys {
            let signed = identity::signed(hello)?;
            let challenge = self
                .challenge
                .take()
                .filter(|challenge| now <= challenge.until);
            let challenge = challenge.ok_or(Fault::new(
                Code::BadSignature,
                "signature: came too late; connect again for a new nonce",
            ))?;
            signed.verify(&challenge.text(self.graphs.name(graph)))?
        } else {
            identity::open(hello)?
        };
        Ok(Step::Open(Open {
            caller: Caller {
                visitor,
                role,
                network: self.network,
            },
            graph,
            owed: Some(id.clone()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::State;
    use crate::policy::{self, Priority, Reason};
    use crate::protocol::read;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::{Value, json};

    /// When everything here happens.
    const NOW: u64 = 1_621_018_800_000;

    /// A version 4 UUID.
    const WARNING: &str = "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e";

    /// A session whose texts and answers are JSON values.
    struct Client {
        session: Session,
    }

    #[derive(Debug)]
    enum Seen {
        Sent(Value),
        Registered(Graph, String),
        Ran(Command),
        Read(Graph, String),
        ReadLater,
        Closed(End),
    }

    impl Client {
        fn with(challenge: Option<Challenge>) -> Self {
            let graphs = Arc::new(Graphs::new("lct").unwrap());
            let network = Network::of([127, 0, 0, 1].into());
            Self {
                session: Session::new(graphs, challenge, network),
            }
        }

        fn new() -> Self {
            Self::with(None)
        }

        fn open() -> Self {
            let mut client = Self::new();
            client.says(json!({"type": "hello", "userID": "u1"}));
            client.inbox(Ok(Vec::new()));
            client
        }

        fn says_at(&mut self, message: &Value, now: u64) -> Vec<Seen> {
            let mut actions = Vec::new();
            let message = read(&message.to_string());
            self.session.on_message(message, now, &mut actions);
            seen(actions)
        }

        fn says(&mut self, message: Value) -> Vec<Seen> {
            self.says_at(&message, NOW)
        }

        fn result(&mut self, result: Result<Done, Fault>) -> Vec<Seen> {
            let mut actions = Vec::new();
            self.session.on_result(result, NOW, &mut actions);
            seen(actions)
        }

        fn told(&mut self) -> Vec<Seen> {
            let mut actions = Vec::new();
            self.session.on_told(&mut actions);
            seen(actions)
        }

        fn inbox(&mut self, result: Result<Vec<Alert>, Fault>) -> Vec<Seen> {
            let mut actions = Vec::new();
            self.session.on_inbox(result, NOW, &mut actions);
            seen(actions)
        }

        /// Says it and expects one answer at once.
        fn answer(&mut self, message: Value) -> Value {
            match self.says(message).pop() {
                Some(Seen::Sent(value)) => value,
                other => panic!("no answer: {other:?}"),
            }
        }

        /// Says it and expects one command.
        fn command(&mut self, message: Value) -> Command {
            match self.says(message).pop() {
                Some(Seen::Ran(command)) => command,
                other => panic!("no command: {other:?}"),
            }
        }

        /// Says it, lets its command succeed, and returns the answer.
        fn done(&mut self, message: Value) -> Value {
            self.command(message);
            match self.result(Ok(Done::Plain)).pop() {
                Some(Seen::Sent(value)) => value,
                other => panic!("no answer: {other:?}"),
            }
        }
    }

    fn seen(actions: Vec<Action>) -> Vec<Seen> {
        let see = |action| match action {
            Action::Send(message) => Seen::Sent(serde_json::from_str(&message.to_frame()).unwrap()),
            Action::Register(graph, visitor) => Seen::Registered(graph, visitor.as_str().into()),
            Action::Run(command) => Seen::Ran(command),
            Action::Read(graph, visitor) => Seen::Read(graph, visitor.as_str().into()),
            Action::ReadLater => Seen::ReadLater,
            Action::Close(end) => Seen::Closed(end),
        };
        actions.into_iter().map(see).collect()
    }

    fn log(id: u64, place: &str, start: u64, end: u64) -> Value {
        json!({"type": "logVisit", "id": id, "place_id": place, "start": start, "end": end})
    }

    fn alert(version: u32) -> Alert {
        Alert {
            alert: format!("00112233445566778899aabbccddeeff.{version}")
                .parse()
                .unwrap(),
            reason: Reason::Positive,
            state: State::Active,
            issued: 0,
            priority: Priority::High,
        }
    }

    fn unavailable() -> Fault {
        Fault::new(Code::Unavailable, "later")
    }

    #[test]
    fn hello_registers_reads_the_inbox_and_then_opens() {
        let mut client = Client::new();
        let seen = client.says(json!({"type": "hello", "id": "h", "userID": "u1"}));
        let [
            Seen::Registered(Graph::Main, visitor),
            Seen::Read(Graph::Main, reader),
        ] = &seen[..]
        else {
            panic!("not registered, then read: {seen:?}");
        };
        assert_eq!((visitor.as_str(), reader.as_str()), ("u1", "u1"));
        // What follows the hello waits for the session.
        assert!(client.says(log(1, "x", 1, 2)).is_empty());
        let seen = client.inbox(Ok(vec![alert(1)]));
        let [Seen::Sent(alerts), Seen::Sent(session), Seen::Ran(_)] = &seen[..] else {
            panic!("not alerts, session, command: {seen:?}");
        };
        assert_eq!(alerts["type"], "exposureAlert");
        assert_eq!(
            *session,
            json!({"type": "session", "id": "h", "userID": "u1", "graphName": "lct", "complete": true})
        );
        client.result(Ok(Done::Plain));
        assert_eq!(
            client.answer(json!({"type": "hello", "userID": "u2"}))["code"],
            "already_open"
        );
    }

    #[test]
    fn an_inbox_that_cannot_be_read_is_said_so_and_read_later() {
        let mut client = Client::new();
        client.says(json!({"type": "hello", "userID": "u1"}));
        let seen = client.inbox(Err(unavailable()));
        let [Seen::ReadLater, Seen::Sent(session)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!(session["complete"], false);
        assert!(matches!(client.told()[..], [Seen::Read(..)]));
        assert!(matches!(
            client.inbox(Err(unavailable()))[..],
            [Seen::ReadLater]
        ));
        client.told();
        let seen = client.inbox(Ok(vec![alert(1)]));
        assert!(matches!(&seen[..], [Seen::Sent(alerts)] if alerts["type"] == "exposureAlert"));
    }

    #[test]
    fn the_same_alert_is_sent_once_and_its_change_again() {
        let mut client = Client::open();
        client.told();
        let seen = client.inbox(Ok(vec![alert(1)]));
        let [Seen::Sent(one)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!(
            *one,
            json!({"type": "exposureAlert", "alerts": [{
                "alert": "00112233445566778899aabbccddeeff.1",
                "reason": "positive", "state": "active", "issued": 0
            }]})
        );
        client.told();
        assert!(client.inbox(Ok(vec![alert(1)])).is_empty());
        client.told();
        let seen = client.inbox(Ok(vec![alert(2)]));
        assert!(
            matches!(&seen[..], [Seen::Sent(two)] if two["alerts"][0]["alert"]
            == "00112233445566778899aabbccddeeff.2")
        );
        let Task::Ack(ids) = client
            .command(json!({"type": "alertReceived", "alerts": [one["alerts"][0]["alert"]]}))
            .into_task()
        else {
            panic!("not Ack");
        };
        assert_eq!(ids, [alert(1).alert]);
    }

    #[test]
    fn a_ring_during_a_reading_is_followed_by_another() {
        let mut client = Client::open();
        assert!(matches!(client.told()[..], [Seen::Read(..)]));
        assert!(client.told().is_empty());
        assert!(client.told().is_empty());
        assert!(matches!(client.inbox(Ok(Vec::new()))[..], [Seen::Read(..)]));
        assert!(client.inbox(Ok(Vec::new())).is_empty());
    }

    #[test]
    fn many_alerts_and_many_visits_come_in_several_messages() {
        let mut client = Client::open();
        client.told();
        let seen = client.inbox(Ok((1..=300).map(alert).collect()));
        assert_eq!(seen.len(), 3);

        client.open_as_device();
        client.command(json!({"type": "exportMyData", "id": 5}));
        let visits = (0..300)
            .map(|n| crate::module::Visit {
                space: crate::ids::SpaceId::new(&"\"".repeat(128)).unwrap(),
                start: n,
                end: n + 1,
            })
            .collect();
        let seen = client.result(Ok(Done::Visits(visits)));
        let more: Vec<_> = seen
            .iter()
            .map(|seen| match seen {
                Seen::Sent(ack) => {
                    assert!(ack.to_string().len() < 60_000);
                    (ack["id"] == 5, ack["more"].as_bool().unwrap())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(more, [(true, true), (true, true), (true, false)]);
        client.command(json!({"type": "exportMyData"}));
        let seen = client.result(Ok(Done::Visits(Vec::new())));
        assert!(
            matches!(&seen[..], [Seen::Sent(ack)] if *ack == json!({"type": "ack", "visits": [], "more": false}))
        );
    }

    impl Client {
        fn open_as_device(&mut self) {
            self.session.open.as_mut().unwrap().caller.role = identity::Role::Device;
        }

        fn open_as_code(&mut self) {
            self.session.open.as_mut().unwrap().caller.role = identity::Role::Code;
        }
    }

    /// A hello of key mode, signed over this text.
    fn signed_hello(text: &str) -> Value {
        let (device, code) = (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        );
        json!({
            "type": "hello", "key": "device",
            "devicePublicKey": URL_SAFE_NO_PAD.encode(device.verifying_key().as_bytes()),
            "codePublicKey": URL_SAFE_NO_PAD.encode(code.verifying_key().as_bytes()),
            "signature": URL_SAFE_NO_PAD.encode(device.sign(text.as_bytes()).to_bytes()),
        })
    }

    #[test]
    fn with_keys_the_challenge_comes_first_and_its_signature_opens() {
        let challenge = Challenge::new("https://lct.example".into(), NOW);
        let mut client = Client::with(Some(challenge.clone()));
        let mut actions = Vec::new();
        client.session.on_start(&mut actions);
        assert!(
            matches!(&seen(actions)[..], [Seen::Sent(first)] if *first == json!({"type": "challenge", "nonce": challenge.nonce}))
        );
        // A hello that is no proof at all takes nothing away; its words say what is missing.
        let fault = client.answer(json!({"type": "hello", "userID": "u1"}));
        assert_eq!(fault["code"], "bad_value");
        assert!(matches!(
            client.says(signed_hello(&challenge.text("lct")))[..],
            [Seen::Registered(..), Seen::Read(..)]
        ));
    }

    #[test]
    fn a_wrong_signature_ends_the_connection_and_a_late_one_too() {
        let challenge = Challenge::new(String::new(), NOW);
        for (text, now, line) in [
            (challenge.text("Sandbox"), NOW, "does not fit"),
            (challenge.text("lct"), NOW + 30_001, "came too late"),
        ] {
            let mut client = Client::with(Some(challenge.clone()));
            let seen = client.says_at(&signed_hello(&text), now);
            let [Seen::Sent(fault), Seen::Closed(End::Unauthorised)] = &seen[..] else {
                panic!("{seen:?}");
            };
            assert_eq!(fault["code"], "bad_signature");
            assert!(fault["message"].as_str().unwrap().contains(line), "{fault}");
            // Nothing was gained: the nonce is spent even for a good signature.
            let seen = client.says(signed_hello(&challenge.text("lct")));
            assert!(matches!(seen[..], [Seen::Sent(_), Seen::Closed(_)]));
        }
    }

    #[test]
    fn a_code_key_reads_alerts_and_erases_and_nothing_else() {
        let mut client = Client::open();
        client.open_as_code();
        for message in [
            log(1, "x", 1, 2),
            json!({"type": "exposureWarning", "warning": WARNING, "reason": 0}),
            json!({"type": "retractWarning", "warning": WARNING}),
            json!({"type": "alertReceived", "alerts": []}),
            json!({"type": "exportMyData"}),
            json!({"type": "userFeedback", "text": "hello"}),
        ] {
            assert_eq!(client.answer(message)["code"], "not_allowed");
        }
        client.told();
        assert_eq!(client.inbox(Ok(vec![alert(1)])).len(), 1);
        client.command(json!({"type": "forgetMe", "id": 1}));
        let seen = client.result(Ok(Done::Removed(3)));
        assert!(
            matches!(&seen[..], [Seen::Sent(ack)] if *ack == json!({"type": "ack", "id": 1, "removed": 3}))
        );
    }

    #[test]
    fn after_a_revocation_the_answer_comes_and_then_the_end() {
        let mut client = Client::open();
        client.open_as_device();
        client.command(json!({"type": "revokeMe", "id": 1}));
        client.says(log(2, "x", 1, 2));
        let seen = client.result(Ok(Done::Removed(3)));
        assert!(
            matches!(&seen[..], [Seen::Sent(ack), Seen::Closed(End::Revoked)] if ack["removed"] == 3)
        );
        // A session that did not hear of it ends when the module tells it.
        let mut other = Client::open();
        other.command(log(1, "x", 1, 2));
        let seen = other.result(Err(Fault::new(Code::Revoked, "userID: was revoked")));
        assert!(
            matches!(&seen[..], [Seen::Sent(error), Seen::Closed(End::Revoked)] if error["code"] == "revoked")
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
        let command = client.command(log(1, "plaza", 10, 20));
        assert_eq!(command.graph(), Graph::Main);
        let Task::Log(visits) = command.into_task() else {
            panic!("not Log");
        };
        assert_eq!(
            (visits[0].space.as_str(), visits[0].start, visits[0].end),
            ("plaza", 10, 20)
        );
        let Some(Seen::Sent(first)) = client.result(Ok(Done::Plain)).pop() else {
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
        let update = json!({"type": "updateVisit", "loggedNodeId": id, "start": 11, "end": 21});
        let Task::Move { start, new } = client.command(update).into_task() else {
            panic!("not Move");
        };
        assert_eq!(
            (start, new.space.as_str(), new.start, new.end),
            (10, "plaza", 11, 21)
        );
        let Some(Seen::Sent(updated)) = client.result(Ok(Done::Plain)).pop() else {
            panic!("no answer");
        };
        assert_ne!(updated["loggedNodeId"], id);
        let delete = json!({"type": "deleteVisit", "loggedNodeId": updated["loggedNodeId"]});
        let Task::Delete(visit) = client.command(delete).into_task() else {
            panic!("not Delete");
        };
        assert_eq!((visit.space.as_str(), visit.start), ("plaza", 11));
    }

    #[test]
    fn the_graph_is_the_sessions_or_the_messages() {
        let mut client = Client::open();
        let mut message = log(1, "x", 1, 2);
        message["graphName"] = "Sandbox".into();
        assert_eq!(client.command(message).graph(), Graph::Sandbox);
        client.result(Ok(Done::Plain));
        assert_eq!(client.command(log(2, "x", 1, 2)).graph(), Graph::Main);
        client.result(Ok(Done::Plain));
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
        for reason in [
            json!(2),
            json!("symptoms"),
            json!("I present COVID symptoms"),
        ] {
            let message = json!({"type": "exposureWarning", "warning": WARNING, "reason": reason, "since": 7});
            let Task::Warn {
                warning,
                reason,
                since,
                code: None,
            } = client.command(message).into_task()
            else {
                panic!("not Warn");
            };
            assert_eq!(
                (warning.to_string().as_str(), reason, since),
                (WARNING, Reason::Symptoms, Some(7))
            );
            client.result(Ok(Done::Plain));
        }
        for (field, value) in [
            ("warning", json!("00000000-0000-0000-0000-000000000000")),
            ("warning", json!("0d9a5e4c-6c1e-1f0a-9d6b-3f0a5e4c6c1e")),
            ("reason", json!(4)),
            ("reason", json!("bored")),
        ] {
            let mut message = json!({"type": "exposureWarning", "warning": WARNING, "reason": 0});
            message[field] = value;
            let answer = client.answer(message);
            assert_eq!(answer["code"], "bad_value");
            assert!(answer["message"].as_str().unwrap().starts_with(field));
        }
        let message =
            json!({"type": "exposureWarning", "warning": WARNING, "reason": 0, "code": "mistyped"});
        assert_eq!(client.answer(message)["code"], "bad_code");
    }

    #[test]
    fn a_warning_since_later_than_today_is_refused() {
        let mut client = Client::open();
        let mut message = json!({"type": "exposureWarning", "warning": WARNING, "reason": 0});
        // Up to a day ahead it is today somewhere on earth. What counts still begins before now, so that such a warning
        // does not silently reach nobody.
        message["since"] = (NOW + policy::SINCE_AHEAD).into();
        let Task::Warn {
            since: Some(since), ..
        } = client.command(message.clone()).into_task()
        else {
            panic!("not Warn with since");
        };
        assert!(since - policy::BEFORE_SINCE < NOW);
        client.result(Ok(Done::Plain));
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
            (
                json!({"type": "userFeedback", "text": "x".repeat(2_001)}),
                "text: must be 1 to 2000 characters long, line feeds and tabs its only control characters",
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
        let seen = client.result(Ok(Done::Plain));
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
        client.result(Ok(Done::Plain));
        assert!(client.session.can_read());
    }
}
