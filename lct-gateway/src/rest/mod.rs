//! The REST twins of the WebSocket's messages, under `/v1`.
//!
//! Nothing is decided here: a request becomes the same message and command as its twin, so that policies, caps, codes
//! and durability are the same. What HTTP adds is in the files beside this one:
//!
//! | file | responsibility |
//! |---|---|
//! | [`operations`] | the table of what can be asked for |
//! | [`asked`] | a request as it came: its operation, its body |
//! | [`auth`] | who asks |
//! | [`bodies`], [`reply`], [`refusal`] | what is read and said |
//! | [`cors`], [`pace`] | web pages of other origins, and how fast requests may come |
//! | [`openapi`] | the description of all this; that of the WebSocket is `asyncapi.json` |

pub mod asked;
pub mod auth;
pub mod bodies;
pub mod cors;
pub mod openapi;
pub mod operations;
pub mod pace;
pub mod refusal;
pub mod reply;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::Stream;
use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::sync::Mutex;
use uuid::Uuid;
use warp::Filter;
use warp::Rejection;
use warp::hyper::body::Buf;
use warp::reply::Response;

use crate::address::{Census, Network};
use crate::bucket::Rate;
use crate::clock;
use crate::command::{Command, Done, Task};
use crate::connection::Context;
use crate::graphs::{Graph, SANDBOX};
use crate::identity::{Auth, Caller, Role};
use crate::ids::VisitorId;
use crate::metrics::Limit;
use crate::module::{GraphInfo, ModuleError, Visit};
use crate::origin::Origins;
use crate::protocol::{
    AlertReceived, ClientMessage, Code, DeleteVisit, ExposureWarning, Fault, LogVisit, Plain,
    Removed, RetractWarning, UpdateVisit, UserFeedback,
};
use crate::request;
use crate::rest::asked::Asked;
use crate::rest::auth::{Claim, Covered, Proof};
use crate::rest::bodies::{
    Export, Inbox, Info, LoggedVisits, NewFeedback, NewVisit, NewWarning, Received, Times, Way,
};
use crate::rest::operations::{Access, Ask, OPERATIONS, Operation};
use crate::rest::pace::Pace;
use crate::rest::refusal::{Refusal, Word};
use crate::rounded::FEW;
use crate::server::TooMany;
use crate::tokens::{Bearer, Grant};

/// The description of the WebSocket.
const ASYNCAPI: &str = include_str!("asyncapi.json");

/// How long the settings that Redis told are believed, and how long it is not asked again when it told none: LCT.INFO can
/// take a search for the oldest visit, and anybody may ask for `/v1/info`.
const SETTINGS_FRESH: Duration = Duration::from_secs(3600);
const SETTINGS_PAUSE: Duration = Duration::from_secs(60);

/// How many times as fast as one person all behind one address may ask. Each signed request leaves a nonce for minutes,
/// so this is also how much of the memory one address can take.
const TOGETHER: u32 = 10;

/// What answers requests.
pub struct Api {
    context: Arc<Context>,
    origins: Arc<Origins>,
    census: Census,
    networks: Pace<Network>,
    persons: Pace<VisitorId>,
    services: Pace<String>,
    /// What is known of the settings, which a graph tells, and until when.
    settings: Mutex<Option<(Instant, Option<GraphInfo>)>>,
}

/// A request understood: what it asks for, of which graph, and with which body.
struct Request<'a> {
    asked: &'a Asked,
    operation: &'static Operation,
    /// The segment of the path that the operation leaves open.
    value: &'a str,
    /// The graph that was named.
    graph: Option<Graph>,
    body: Vec<u8>,
}

/// The routes under `/v1`: every request there is answered.
pub fn routes(
    api: Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    asked::under_v1().then(move |asked, body| {
        let api = Arc::clone(&api);
        async move { api.answer(asked, body).await }
    })
}

impl Api {
    /// What answers for this gateway.
    pub fn new(context: Arc<Context>, origins: Arc<Origins>, census: Census) -> Self {
        let messages = context.messages;
        let together = Rate {
            every: messages.every / TOGETHER,
            burst: messages.burst.saturating_mul(TOGETHER),
        };
        Self {
            context,
            origins,
            census,
            networks: Pace::new(together),
            persons: Pace::new(messages),
            services: Pace::new(messages),
            settings: Mutex::default(),
        }
    }

    async fn answer<B: Buf>(
        &self,
        asked: Asked,
        body: impl Stream<Item = Result<B, warp::Error>> + Send,
    ) -> Response {
        if !self.origins.allow(&asked.headers) {
            let refusal = Refusal::new(
                Word::ForeignOrigin,
                "Origin: this page may not ask; the operator lists those that may with --allow-origin",
            );
            self.context.metrics.request("none", StatusCode::FORBIDDEN);
            return refusal.response();
        }
        let there = asked.there(&OPERATIONS);
        let known = asked.known(&there);
        let mut response = match known {
            Some((operation, value)) => {
                let result = self.carry_out(&asked, operation, value, body).await;
                result.unwrap_or_else(|refusal| self.challenged(operation, refusal).response())
            }
            None => asked::nothing_done(&asked.method, &there),
        };
        let name = known.map_or("none", |(operation, _)| operation.ask.name());
        self.context.metrics.request(name, response.status());
        cors::let_read(&asked.headers, &mut response);
        response
    }

    /// Adds to a refusal how to say who asks, where that is what is wrong.
    fn challenged(&self, operation: &Operation, refusal: Refusal) -> Refusal {
        let unknown = refusal.problem.code.status() == StatusCode::UNAUTHORIZED;
        let services = operation.access == Access::Services;
        Refusal {
            challenge: unknown.then(|| auth::challenge(self.context.auth, services)),
            ..refusal
        }
    }

    async fn carry_out<B: Buf>(
        &self,
        asked: &Asked,
        operation: &'static Operation,
        value: &str,
        body: impl Stream<Item = Result<B, warp::Error>> + Send,
    ) -> Result<Response, Refusal> {
        let network = asked.peer.network;
        let _counted = asked.peer.enter(&self.census).map_err(|TooMany| {
            self.context.metrics.limit(Limit::Network);
            Refusal::too_fast(Duration::from_secs(1))
        })?;
        self.paced(self.networks.take(network, Instant::now()))?;
        let graph = self.graph(operation, &asked.query)?;
        let body = asked::read(operation, &asked.headers, body)
            .await
            .inspect_err(|refusal| {
                if refusal.problem.code == Word::TooLarge {
                    self.context.metrics.limit(Limit::Body);
                }
            })?;
        let request = Request {
            asked,
            operation,
            value,
            graph,
            body,
        };
        match operation.ask {
            Ask::Info => Ok(done(&self.info().await)),
            Ask::OpenApi => Ok(reply::document(&openapi::TEXT)),
            Ask::AsyncApi => Ok(reply::document(ASYNCAPI)),
            _ => match auth::read(&asked.headers, self.context.auth)? {
                Claim::Service(bearer) => self.serve(&request, &bearer).await,
                Claim::Person(proof) => {
                    let graph = graph.unwrap_or(Graph::Main);
                    let caller = self.caller(&request, graph, proof).await?;
                    asked.peer.settle();
                    self.person(&request, graph, &caller).await
                }
            },
        }
    }

    /// The graph that the query names, if it names one.
    fn graph(&self, operation: &Operation, query: &str) -> Result<Option<Graph>, Refusal> {
        if query.is_empty() {
            return Ok(None);
        }
        let name = query
            .strip_prefix("graphName=")
            .filter(|name| operation.access != Access::Public && !name.contains('&'))
            .ok_or_else(|| match operation.access {
                Access::Public => Refusal::new(Word::BadValue, "query: this takes none"),
                _ => Refusal::new(Word::BadValue, "query: must be graphName=… or nothing"),
            })?;
        let name = percent_decode_str(name).decode_utf8_lossy();
        let graphs = &self.context.graphs;
        Ok(Some(request::graph(graphs, Some(&name), Graph::Main)?))
    }

    /// The person who asks, proven (or, in open mode, believed), whose request is new and does not come too soon.
    async fn caller(
        &self,
        request: &Request<'_>,
        graph: Graph,
        proof: Proof,
    ) -> Result<Caller, Refusal> {
        let (visitor, role, nonce) = match proof {
            Proof::Signed(signed) => {
                let covered = Covered {
                    graph: self.context.graphs.name(graph),
                    method: request.asked.method.as_str(),
                    target: &request.asked.target(),
                    body: &request.body,
                    origin: request.asked.origin(),
                };
                let (visitor, role) = signed.verify(covered, clock::now())?;
                (visitor, role, Some(signed.nonce))
            }
            Proof::Open(visitor) => (visitor, Role::Open, None),
        };
        self.paced(self.persons.take(visitor.clone(), Instant::now()))?;
        if let Some(nonce) = nonce
            && !self
                .is_new(request.operation, graph, &visitor, &nonce)
                .await?
        {
            return Err(Refusal::new(
                Word::BadSignature,
                "nonce: was used before; sign each request with a new one",
            ));
        }
        Ok(Caller {
            visitor,
            role,
            network: request.asked.peer.network,
        })
    }

    /// Whether a nonce was not used before; it is now.
    async fn is_new(
        &self,
        operation: &Operation,
        graph: Graph,
        visitor: &VisitorId,
        nonce: &str,
    ) -> Result<bool, ModuleError> {
        let taken = self.context.services.nonces.take(graph, visitor, nonce);
        match taken.await {
            // A full memory must not keep anyone from erasing; doing that twice does what once does.
            Err(ModuleError::Full) if operation.ask.erases() => Ok(true),
            taken => taken,
        }
    }

    /// Carries out what a person asks.
    async fn person(
        &self,
        request: &Request<'_>,
        graph: Graph,
        caller: &Caller,
    ) -> Result<Response, Refusal> {
        let Context {
            services, graphs, ..
        } = &*self.context;
        let message = match request.operation.ask {
            Ask::LogVisits => {
                let visits = bodies::read_visits(&request.body, own_visit)?;
                let names = visits.iter().map(request::logged_node_id).collect();
                let command = Command::new(graph, caller, Task::Log(visits))?;
                services.run(command).await?;
                return Ok(done(&logged(names)));
            }
            Ask::Alerts => {
                let alerts = services.inbox(graph, &caller.visitor).await?;
                alerts
                    .iter()
                    .for_each(|alert| self.context.metrics.alert(alert));
                return Ok(done(&Inbox { alerts }));
            }
            _ => message(request)?,
        };
        let (command, ack) = request::command(graphs, graph, caller, &message, clock::now())?;
        Ok(match services.run(command).await? {
            Done::Plain => done(&ack),
            Done::Removed(removed) => done(&Removed { removed }),
            Done::Visits(visits) => done(&Export {
                visits: visits.iter().map(request::own_visit).collect(),
            }),
        })
    }

    /// Carries out what a service asks. Every use of a token is audited, before anything is written.
    async fn serve(&self, request: &Request<'_>, bearer: &Bearer) -> Result<Response, Refusal> {
        let services = &self.context.services;
        let grant = services.tokens.find(bearer).await?.ok_or_else(|| {
            Refusal::new(
                Word::Unauthorized,
                "token: is unknown, was revoked or has expired",
            )
        })?;
        // Before the audit, which nobody may fill at will.
        self.paced(self.services.take(grant.id.clone(), Instant::now()))?;
        let admitted = self.admit(request, &grant).await;
        let (count, outcome) = match &admitted {
            Ok(visits) => (visits.len(), "accepted".to_owned()),
            Err(refusal) => (0, refusal.problem.code.to_string()),
        };
        services.audit.add(&grant.id, count, &outcome).await?;
        let visits = admitted?;
        let names = visits
            .iter()
            .map(|(_, visit)| request::logged_node_id(visit))
            .collect();
        if let Err(error) = services.module.visit_for(grant.terms.graph, &visits).await {
            let refusal = Refusal::from(error);
            let outcome = refusal.problem.code.to_string();
            services.audit.add(&grant.id, 0, &outcome).await?;
            return Err(refusal);
        }
        request.asked.peer.settle();
        Ok(done(&logged(names)))
    }

    /// The visits that a service wants to log, if its token lets it.
    async fn admit(
        &self,
        request: &Request<'_>,
        grant: &Grant,
    ) -> Result<Vec<(VisitorId, Visit)>, Refusal> {
        let refusal = |line| Refusal::new(Word::NotAllowed, line);
        if grant.is_over() {
            return Err(Refusal::new(
                Word::Unauthorized,
                "token: is unknown, was revoked or has expired",
            ));
        }
        if request.operation.access != Access::Services {
            return Err(refusal(
                "token: a service logs visits and does nothing else",
            ));
        }
        if request
            .graph
            .is_some_and(|graph| graph != grant.terms.graph)
        {
            return Err(refusal("graphName: must be the token's graph"));
        }
        let visits = bodies::read_visits(&request.body, |visit| someones_visit(grant, visit))?;
        let taken = self
            .context
            .services
            .tokens
            .take(grant, visits.len() as u64);
        taken.await?.map_err(|wait| {
            self.context.metrics.limit(Limit::Visits);
            Refusal {
                retry: Some(wait),
                ..Refusal::new(
                    Word::RateLimited,
                    "visits: more than the token allows in a minute",
                )
            }
        })?;
        Ok(visits)
    }

    async fn info(&self) -> Info {
        let Context {
            services,
            graphs,
            auth,
            ..
        } = &*self.context;
        let mut known = self.settings.lock().await;
        let now = Instant::now();
        let settings = match *known {
            Some((until, settings)) if now < until => settings,
            _ => {
                let settings = services.module.any_info().await.unwrap_or_default();
                let fresh = settings.map_or(SETTINGS_PAUSE, |_| SETTINGS_FRESH);
                *known = Some((now + fresh, settings));
                settings
            }
        };
        let k = settings.map_or(FEW, |settings| settings.k);
        Info {
            version: env!("CARGO_PKG_VERSION"),
            auth: match auth {
                Auth::Key => Way::Key,
                Auth::Open => Way::Open,
            },
            graph_name: graphs.name(Graph::Main).to_owned(),
            sandbox: SANDBOX,
            codes_required: services.codes_required(),
            place_keys: services.place_keys.clone(),
            retention: settings.map(|settings| settings.retention),
            situation: services.situations.today(clock::now(), k).await.ok(),
            now: clock::now(),
        }
    }

    fn paced(&self, taken: Result<(), Duration>) -> Result<(), Refusal> {
        taken.map_err(|wait| {
            self.context.metrics.limit(Limit::Messages);
            Refusal::too_fast(wait)
        })
    }
}

fn done(body: &impl Serialize) -> Response {
    reply::json(StatusCode::OK, body)
}

const fn logged(logged_node_ids: Vec<String>) -> LoggedVisits {
    LoggedVisits {
        logged: true,
        logged_node_ids,
    }
}

/// The message that a request is the twin of.
fn message(request: &Request<'_>) -> Result<ClientMessage, Fault> {
    let body = &request.body;
    let graph_name = None; // of the request
    Ok(match request.operation.ask {
        Ask::ChangeVisit => {
            let Times { start, end } = bodies::read(
                body,
                "body: start and end must be whole numbers of milliseconds from 0 to 9007199254740991; nothing else",
            )?;
            ClientMessage::UpdateVisit(UpdateVisit {
                logged_node_id: request.value.to_owned(),
                start,
                end,
                graph_name,
            })
        }
        Ask::DeleteVisit => ClientMessage::DeleteVisit(DeleteVisit {
            logged_node_id: request.value.to_owned(),
            graph_name,
        }),
        Ask::Warn => {
            let NewWarning {
                warning,
                reason,
                since,
                code,
            } = bodies::read(
                body,
                "body: warning must be a UUID, reason a number from 0 to 3, a word or a sentence; since, if any, a whole \
                 number of milliseconds from 0 to 9007199254740991; code, if any, a text; nothing else",
            )?;
            ClientMessage::ExposureWarning(ExposureWarning {
                warning,
                reason,
                since,
                code,
                graph_name,
            })
        }
        Ask::Retract => ClientMessage::RetractWarning(RetractWarning {
            warning: Uuid::try_parse(request.value)
                .map_err(|_| Fault::bad_value("warning", "must be a UUID"))?,
            graph_name,
        }),
        Ask::Acknowledge => {
            let Received { alerts } = bodies::read(
                body,
                "body: alerts must be a list of alert ids; nothing else",
            )?;
            ClientMessage::AlertReceived(AlertReceived { alerts })
        }
        Ask::Feedback => {
            let NewFeedback { text } =
                bodies::read(body, "body: text must be a text; nothing else")?;
            ClientMessage::UserFeedback(UserFeedback { text, graph_name })
        }
        Ask::Export => ClientMessage::ExportMyData(Plain { graph_name }),
        Ask::Erase => ClientMessage::ForgetMe(Plain { graph_name }),
        Ask::Revoke => ClientMessage::RevokeMe(Plain { graph_name }),
        Ask::LogVisits | Ask::Alerts | Ask::Info | Ask::OpenApi | Ask::AsyncApi => {
            unreachable!("answered before")
        }
    })
}

/// A visit of the person who asks.
fn own_visit(visit: NewVisit) -> Result<Visit, Fault> {
    if visit.visitor.is_some() {
        return Err(Fault::bad_value(
            "visitor",
            "must be left out: a person's visits are their own",
        ));
    }
    checked(visit)
}

/// A visit of the visitor a service names, in a place it answers for.
fn someones_visit(grant: &Grant, visit: NewVisit) -> Result<(VisitorId, Visit), Fault> {
    let visitor = visit
        .visitor
        .as_deref()
        .ok_or_else(|| Fault::bad_value("visitor", "is needed where a service logs visits"))?;
    let visitor = VisitorId::new(visitor).map_err(|rule| Fault::bad_value("visitor", rule))?;
    let visit = checked(visit)?;
    if grant.covers(&visit.space) {
        Ok((visitor, visit))
    } else {
        Err(Fault::new(
            Code::NotAllowed,
            "place_id: must begin as the token's terms say",
        ))
    }
}

fn checked(visit: NewVisit) -> Result<Visit, Fault> {
    let NewVisit {
        place_id,
        start,
        end,
        ..
    } = visit;
    request::log_visit(&LogVisit {
        place_id,
        start,
        end,
        graph_name: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::State;
    use crate::policy::Reason;
    use serde_json::Value;
    use utoipa::ToSchema;

    #[test]
    fn the_websockets_description_has_the_words_of_the_types() {
        fn words<T: ToSchema>() -> Value {
            serde_json::to_value(T::schema()).expect("JSON")["enum"].clone()
        }
        let description: Value = serde_json::from_str(ASYNCAPI).expect("JSON");
        let described = |pointer: &str| &description["components"]["schemas"][pointer];
        assert_eq!(described("Code")["enum"], words::<Code>());
        assert_eq!(described("Reason")["enum"], words::<Reason>());
        let state = &described("Alert")["properties"]["state"];
        assert_eq!(state["enum"], words::<State>());
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
