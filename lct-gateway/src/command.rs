//! What a client wants done, and the doing. WebSockets and REST both end here.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::alerts::{Alert, AlertId};
use crate::audit::Audit;
use crate::books::Books;
use crate::caps::Caps;
use crate::clock;
use crate::codes::{Codes, OneTimeCode};
use crate::feedback::Feedback;
use crate::gone;
use crate::graphs::{Graph, Graphs};
use crate::identity::{Caller, Right};
use crate::ids::VisitorId;
use crate::metrics::Metrics;
use crate::module::{Module, ModuleError, Visit, Warning};
use crate::node_id::NodeId;
use crate::nonces::Nonces;
use crate::policy::{Policy, Reason};
use crate::protocol::{Code, Fault};
use crate::redis_link::RedisLink;
use crate::registry::Place;
use crate::rules::Rules;
use crate::situation::Situations;
use crate::tokens::Tokens;

/// Warnings and retractions are answered at multiples of this time: alerting a thousand takes longer than alerting
/// nobody, and the answer must not tell.
const GRID: Duration = Duration::from_millis(200);

/// How long to wait for one's turn to read an inbox.
const TURN: Duration = Duration::from_secs(3);

/// How many inboxes are read at once.
const READS: usize = 256;

/// What a client wants done, and may: it cannot be made without the right. The visitor is always the caller.
#[derive(Debug)]
pub struct Command {
    graph: Graph,
    caller: Caller,
    task: Task,
}

impl Command {
    /// Checks that the caller may do this.
    ///
    /// # Errors
    /// The caller may not.
    pub fn new(graph: Graph, caller: &Caller, task: Task) -> Result<Self, Fault> {
        if caller.role.may(task.right()) {
            Ok(Self {
                graph,
                caller: caller.clone(),
                task,
            })
        } else {
            Err(caller.role.refusal())
        }
    }

    /// The graph it is about.
    pub const fn graph(&self) -> Graph {
        self.graph
    }

    /// What is to be done.
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// What is to be done, alone.
    pub fn into_task(self) -> Task {
        self.task
    }
}

/// What can be done.
#[derive(Debug)]
pub enum Task {
    /// Add visits, or move the ends of those that have the same place and start; all or nothing.
    Log(Vec<Visit>),
    /// Give a visit another start and end.
    Move {
        /// Its start so far, in epoch milliseconds.
        start: u64,
        /// The visit as it is to be.
        new: Visit,
    },
    /// Remove a visit.
    Delete(NodeId),
    /// Alert whoever was exposed.
    Warn {
        /// The warning.
        warning: Uuid,
        /// Why.
        reason: Reason,
        /// The day of first symptoms or of the test, in epoch milliseconds.
        since: Option<u64>,
        /// The operator's one-time code.
        code: Option<OneTimeCode>,
    },
    /// Withdraw a warning.
    Retract(Uuid),
    /// Take alerts out of the inbox.
    Ack(Vec<AlertId>),
    /// Read all own visits.
    Export,
    /// Remove everything about the caller.
    Forget,
    /// The same, and for ever.
    Revoke,
    /// Tell the operator something.
    Feedback(String),
}

impl Task {
    const fn right(&self) -> Right {
        match self {
            Self::Log(_) | Self::Move { .. } | Self::Delete(_) => Right::Visits,
            Self::Warn { .. } | Self::Retract(_) => Right::Warn,
            Self::Ack(_) => Right::Ack,
            Self::Export => Right::Export,
            Self::Forget | Self::Revoke => Right::Erase,
            Self::Feedback(_) => Right::Feedback,
        }
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// It was done; there is nothing more to say.
    Plain,
    /// The caller's visits, by start.
    Visits(Vec<Visit>),
    /// So many visits were removed.
    Removed(u64),
}

/// Everything by which commands are carried out.
pub struct Services {
    /// The module.
    pub module: Module,
    /// Caps.
    pub caps: Caps,
    /// One-time codes.
    pub codes: Codes,
    /// Service tokens.
    pub tokens: Tokens,
    /// Who used one.
    pub audit: Audit,
    /// Nonces of signed requests.
    pub nonces: Nonces,
    /// How many warnings there were.
    pub situations: Situations,
    /// Who signs the posters of places: public keys in base64url.
    pub place_keys: Vec<String>,
    codes_required: bool,
    feedback: Feedback,
    policy: Policy,
    hold: u64,
    control: Control,
    reads: Semaphore,
    metrics: Arc<Metrics>,
}

/// Messages from gateway to gateway.
struct Control {
    books: Books,
    graphs: Arc<Graphs>,
}

impl Control {
    /// Tells every gateway to close the connections of a visitor that was revoked.
    async fn revoked(&self, graph: Graph, visitor: &VisitorId) -> Result<(), ModuleError> {
        let place = Place::of(&self.graphs, graph, visitor.as_str());
        // For want of memory it may fail, and must not stand in the way.
        let noted = gone::note(&self.graphs, graph, place);
        let _ = self.books.run::<()>(&noted).await;
        let mut pipe = redis::pipe();
        pipe.cmd("PUBLISH")
            .arg(self.graphs.control(graph))
            .arg(place.to_hex())
            .ignore();
        self.books.run(&pipe).await
    }
}

impl Services {
    /// Prepares everything; connections open at the first command.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(
        link: &RedisLink,
        rules: Rules,
        graphs: Arc<Graphs>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        let module = Module::new(
            link,
            rules.durability,
            Arc::clone(&graphs),
            Arc::clone(&metrics),
        )?;
        let books = Books::new(link)?;
        Ok(Self {
            module,
            caps: Caps::new(
                books.clone(),
                Arc::clone(&graphs),
                rules.limits,
                Arc::clone(&metrics),
            ),
            codes: Codes::new(books.clone(), Arc::clone(&graphs)),
            tokens: Tokens::new(books.clone(), Arc::clone(&graphs)),
            audit: Audit::new(books.clone()),
            nonces: Nonces::new(books.clone(), Arc::clone(&graphs)),
            situations: Situations::new(books.clone(), Arc::clone(&graphs)),
            feedback: Feedback::new(books.clone(), Arc::clone(&graphs)),
            control: Control { books, graphs },
            place_keys: rules.place_keys,
            codes_required: rules.codes_required,
            policy: rules.policy,
            hold: rules.hold,
            reads: Semaphore::new(READS),
            metrics,
        })
    }

    /// Whether a warning with the reason positive needs a one-time code.
    pub const fn codes_required(&self) -> bool {
        self.codes_required
    }

    /// Reads a visitor's inbox when its turn comes. The order says nothing but what the alerts say themselves: in that of
    /// the module, most urgent first, one could see whose exposure was the more recent.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn inbox(&self, graph: Graph, visitor: &VisitorId) -> Result<Vec<Alert>, Fault> {
        let Ok(turn) = tokio::time::timeout(TURN, self.reads.acquire()).await else {
            return Err(ModuleError::Unavailable.into());
        };
        let _turn = turn.expect("never closed");
        let mut alerts = self.module.alerts(graph, visitor).await?;
        alerts.sort_by_key(|alert| {
            (
                Reverse(alert.issued),
                alert.reason,
                alert.state,
                alert.alert,
            )
        });
        self.metrics.inbox_depth.observe(alerts.len() as f64);
        Ok(alerts)
    }

    /// Carries a command out. Every command can be repeated: done twice, it has the effect of once.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn run(&self, command: Command) -> Result<Done, Fault> {
        let Command {
            graph,
            caller,
            task,
        } = command;
        let (module, visitor) = (&self.module, &caller.visitor);
        match task {
            Task::Log(visits) => {
                self.caps
                    .visits(graph, &caller, visits.len() as u64)
                    .await?;
                module.visit(graph, visitor, &visits).await?;
            }
            Task::Move { start, new } => {
                self.caps.visits(graph, &caller, 1).await?;
                // Not there under its old start: a repeated message finds it moved already.
                if !module.revisit(graph, visitor, start, &new).await?
                    && !module.has_visit(graph, visitor, &new).await?
                {
                    return Err(Fault::new(
                        Code::UnknownVisit,
                        "loggedNodeId: must name a visit that is still there",
                    ));
                }
            }
            // Gone already is as good as removed: a repeated message is answered like the first.
            Task::Delete(visit) => {
                module
                    .unvisit(graph, visitor, &visit.space, visit.start)
                    .await?;
            }
            Task::Warn {
                warning,
                reason,
                since,
                code,
            } => {
                let warn = self.warn(graph, &caller, warning, reason, since, code);
                on_the_grid(warn).await?;
            }
            Task::Retract(warning) => {
                only_if_limited(self.caps.warning_request(graph, &caller).await)?;
                let retract = async {
                    module.retract(graph, warning).await?;
                    self.situations
                        .taken_back(graph, warning, clock::now())
                        .await;
                    Ok::<_, ModuleError>(())
                };
                on_the_grid(retract).await?;
            }
            Task::Ack(alerts) => module.ack(graph, visitor, &alerts).await?,
            Task::Export => {
                only_if_limited(self.caps.export(graph, &caller).await)?;
                return Ok(Done::Visits(module.visits(graph, visitor).await?));
            }
            Task::Forget => return Ok(Done::Removed(module.forget(graph, visitor).await?)),
            Task::Revoke => {
                only_if_limited(self.caps.revocation(graph, &caller).await)?;
                let removed = module.revoke(graph, visitor).await?;
                self.control.revoked(graph, visitor).await?;
                return Ok(Done::Removed(removed));
            }
            Task::Feedback(text) => {
                self.caps.feedback(graph, &caller).await?;
                self.feedback.add(graph, &text).await?;
            }
        }
        Ok(Done::Plain)
    }

    async fn warn(
        &self,
        graph: Graph,
        caller: &Caller,
        warning: Uuid,
        reason: Reason,
        since: Option<u64>,
        code: Option<OneTimeCode>,
    ) -> Result<(), Fault> {
        self.caps.warning_request(graph, caller).await?;
        let mut since = since;
        if self.codes_required && graph == Graph::Main && reason == Reason::Positive {
            let code = code.ok_or_else(|| {
                Fault::new(
                    Code::BadCode,
                    "code: is needed with the reason positive; whoever told the result hands one out",
                )
            })?;
            self.caps.guess(graph, caller).await?;
            let spent = self.codes.spend(graph, code, warning).await;
            // What failed for another reason than the code was no guess.
            if !matches!(&spent, Err(fault) if fault.code == Code::BadCode) {
                let refunded = self.caps.guessed_right(graph, caller).await;
                if spent.is_ok() {
                    refunded?;
                }
            }
            since = spent?.since.or(since);
        }
        self.caps
            .warning(graph, caller, warning, reason, since)
            .await?;
        let terms = self.policy.terms(reason);
        let warning = Warning {
            id: warning,
            reason,
            from: terms.from(since, clock::now()),
            terms,
            hold: self.hold,
        };
        let goes_out = self.module.warn(graph, &caller.visitor, &warning).await?;
        let now = clock::now();
        if goes_out {
            self.situations.given(graph, warning.id, now).await;
        } else {
            self.situations.taken_back(graph, warning.id, now).await;
        }
        Ok(())
    }
}

/// A cap's answer to what gives or takes back what is one's own: that must work even where counting fails, for want of
/// memory say.
fn only_if_limited(counted: Result<(), Fault>) -> Result<(), Fault> {
    match counted {
        Err(fault) if fault.code == Code::Limited => Err(fault),
        _ => Ok(()),
    }
}

/// Waits until a multiple of [`GRID`] has passed since the call, whatever came of it.
async fn on_the_grid<T, E>(call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let began = Instant::now();
    let result = call.await;
    let steps = began.elapsed().as_millis() / GRID.as_millis() + 1;
    sleep_until(began + GRID * u32::try_from(steps).unwrap_or(u32::MAX)).await;
    result
}

impl From<ModuleError> for Fault {
    fn from(error: ModuleError) -> Self {
        match error {
            ModuleError::Refused {
                visit,
                argument,
                rule,
            } => {
                let field = match argument.as_str() {
                    "visitor" => "userID",
                    "space" => "place_id",
                    "newstart" => "start",
                    "newend" => "end",
                    "FROM" => "since",
                    "alert" => "alerts",
                    same => same,
                };
                match visit {
                    // Of a batch: its number, from 1.
                    Some(number) => Self::bad_value(&format!("visit {number}: {field}"), &rule),
                    None => Self::bad_value(field, &rule),
                }
            }
            ModuleError::Revoked { visit } => {
                const RULE: &str = "was revoked and cannot be used again";
                let message = match visit {
                    Some(number) => format!("visit {number}: visitor: {RULE}"),
                    None => format!("userID: {RULE}"),
                };
                Self {
                    message: message.into(),
                    ..Self::new(Code::Revoked, RULE)
                }
            }
            ModuleError::Full | ModuleError::Unavailable => Self::new(
                Code::Unavailable,
                "the server cannot do this now; send the same message again later",
            ),
            ModuleError::Denied | ModuleError::Internal => Self::new(
                Code::Internal,
                "the server failed; the message was in order",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Network;
    use crate::identity::Role;

    #[test]
    fn a_refusal_names_the_field_the_client_sent() {
        let fault = |visit| {
            Fault::from(ModuleError::Refused {
                visit,
                argument: "newstart".into(),
                rule: "further ahead than lct.max-ahead allows".into(),
            })
        };
        assert_eq!(fault(None).code, Code::BadValue);
        assert_eq!(
            fault(None).message,
            "start: further ahead than lct.max-ahead allows"
        );
        assert_eq!(
            fault(Some(3)).message,
            "visit 3: start: further ahead than lct.max-ahead allows"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn answers_do_not_tell_how_long_the_work_took() {
        for (work, answer) in [(0, 200), (1, 200), (199, 200), (201, 400), (1_000, 1_200)] {
            let began = Instant::now();
            let call = async {
                tokio::time::sleep(Duration::from_millis(work)).await;
                Err::<(), _>("refused")
            };
            assert_eq!(on_the_grid(call).await, Err("refused"));
            let took = began.elapsed().as_millis();
            assert!((answer..answer + 5).contains(&took), "{work}: {took}");
        }
    }

    #[test]
    fn no_command_is_made_without_the_right_to_it() {
        let caller = |role| Caller {
            visitor: VisitorId::new("a").unwrap(),
            role,
            network: Network::of([127, 0, 0, 1].into()),
        };
        let made = |role, task| Command::new(Graph::Main, &caller(role), task).is_ok();
        assert!(made(Role::Device, Task::Export));
        assert!(!made(Role::Code, Task::Export));
        assert!(!made(Role::Code, Task::Ack(Vec::new())));
        assert!(made(Role::Code, Task::Revoke));
        assert!(!made(Role::Open, Task::Revoke));
        assert!(made(Role::Open, Task::Retract(Uuid::nil())));
    }
}
