//! The operators' API under `/v1`: every request carries a token, every action is audited.

use std::sync::Arc;
use std::time::Instant;

use futures_util::Stream;
use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;
use uuid::{Builder, Uuid};
use warp::hyper::body::Buf;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::address::Network;
use crate::bucket::Rate;
use crate::clock::{self, DAY};
use crate::codes::{self, OneTimeCode};
use crate::connection::Context;
use crate::feedback::Status;
use crate::graphs::{Graph, Graphs};
use crate::ids::SpaceId;
use crate::metrics::Limit;
use crate::module::{ModuleError, SpaceWarning, WarningRow};
use crate::ops::audit::{self, Audit, Deed};
use crate::ops::bodies::{
    AuditTrail, Codes, Counted, Density, Done, FeedbackEntries, Me, NewCodes, NewStatus,
    PlaceWarned, PlaceWarning, Warning, Warnings, Withdrawn,
};
use crate::ops::desk::Desk;
use crate::ops::operations::{Act, Ask, DESCRIPTION, OPERATIONS, Show};
use crate::ops::query::{Query, is_entry};
use crate::ops::token::Operators;
use crate::ops::watch::Watch;
use crate::policy::Reason;
use crate::rest::asked::{self, Asked};
use crate::rest::operations::Operation;
use crate::rest::pace::Pace;
use crate::rest::refusal::{Refusal, Word};
use crate::rest::{bodies, reply};
use crate::rounded::{FEW, Rounded};

/// The most warnings, entries of the audit, and entries of the feedback in one answer.
const MOST_WARNINGS: u64 = 1_000;
const MOST_ENTRIES: u64 = 1_000;
const MOST_TEXTS: u64 = 100;

/// The longest period for which the density is answered, in milliseconds.
const LONGEST_PERIOD: u64 = 8 * DAY;

/// The most codes made at once.
const MOST_CODES: u64 = 100;

/// What a warning can be.
const HELD: &str = "held";
const RETRACTED: &str = "retracted";
const STATES: [&str; 3] = ["active", HELD, RETRACTED];

/// Whose a warning is that was not declared of a place.
const VISITOR: &str = "visitor";

/// What the audit calls a warning that is not listed.
const UNLISTED: &str = "unknown";

/// How many actions an operator may begin at once, and how many a second after that: each is kept in the audit for a year.
const ACTIONS_AT_ONCE: u32 = 60;
const ACTIONS_A_SECOND: f64 = 1.0;

/// How many wrong tokens may come at once and how many a second after that, of one address and of all together. This is about
/// noise and about being noticed: no pace makes a short secret good, and a right one is let in whatever others tried.
const WRONG_AT_ONCE: u32 = 20;
const WRONG_A_SECOND: f64 = 0.2;
const WRONG_TOGETHER: u32 = 10;

/// What answers operators.
pub struct Api {
    context: Arc<Context>,
    operators: Option<Operators>,
    desk: Arc<Desk>,
    watch: Arc<Watch>,
    audit: Audit,
    /// Where actions run.
    actions: TaskTracker,
    /// By the operators' names.
    pace: Pace<String>,
    /// Of wrong tokens, by address and all together.
    wrong: Pace<Network>,
    all_wrong: Pace<()>,
}

/// A request understood: who asks for what, of which graph.
struct Request {
    who: String,
    graph: Graph,
    /// The segment of the path that the operation leaves open.
    value: String,
    query: Query,
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
    /// What answers operators of this gateway. `actions`: whom to wait for, so that what has begun comes to its end.
    pub fn new(
        context: Arc<Context>,
        operators: Option<Operators>,
        desk: Arc<Desk>,
        watch: Arc<Watch>,
        audit: Audit,
        actions: TaskTracker,
    ) -> Self {
        Self {
            context,
            operators,
            desk,
            watch,
            audit,
            actions,
            pace: Pace::new(Rate::per_second(ACTIONS_A_SECOND, ACTIONS_AT_ONCE)),
            wrong: Pace::new(Rate::per_second(WRONG_A_SECOND, WRONG_AT_ONCE)),
            all_wrong: Pace::new(Rate::per_second(
                WRONG_A_SECOND * f64::from(WRONG_TOGETHER),
                WRONG_AT_ONCE * WRONG_TOGETHER,
            )),
        }
    }

    async fn answer<B: Buf>(
        self: Arc<Self>,
        asked: Asked,
        body: impl Stream<Item = Result<B, warp::Error>> + Send,
    ) -> Response {
        let there = asked.there(&OPERATIONS);
        let known = asked.known(&there);
        let metrics = Arc::clone(&self.context.metrics);
        let response = match (self.who(&asked), known) {
            (Err(refusal), _) => refusal.response(),
            (Ok(_), None) => asked::nothing_done(&asked.method, &there),
            (Ok(who), Some((operation, value))) => {
                let result = self.carry_out(&asked, who, operation, value, body).await;
                result.unwrap_or_else(|refusal| refusal.response())
            }
        };
        let name = known.map_or("none", |(operation, _)| operation.ask.name());
        metrics.request(name, response.status());
        response
    }

    /// Whose token the request carries.
    fn who(&self, asked: &Asked) -> Result<String, Refusal> {
        let Some(operators) = &self.operators else {
            return Err(Refusal::new(
                Word::NotAllowed,
                "token: there is none; start the gateway with --ops-token to let operators in",
            ));
        };
        if let Some(who) = operators.who(&asked.headers) {
            return Ok(who.to_owned());
        }
        let now = Instant::now();
        let of_address = self.wrong.take(asked.peer.network, now);
        of_address
            .and_then(|()| self.all_wrong.take((), now))
            .map_err(|wait| {
                self.context.metrics.limit(Limit::Tokens);
                Refusal {
                    retry: Some(wait),
                    ..Refusal::new(
                        Word::RateLimited,
                        "Authorization: too many wrong tokens; wait as long as Retry-After says",
                    )
                }
            })?;
        Err(Refusal {
            challenge: Some("Bearer"),
            ..Refusal::new(
                Word::Unauthorized,
                "Authorization: must be Bearer and a token of --ops-token",
            )
        })
    }

    async fn carry_out<B: Buf>(
        self: Arc<Self>,
        asked: &Asked,
        who: String,
        operation: &'static Operation<Ask>,
        value: &str,
        body: impl Stream<Item = Result<B, warp::Error>> + Send,
    ) -> Result<Response, Refusal> {
        let query = Query::read(&asked.query, operation.ask.query())?;
        let value = percent_decode_str(value).decode_utf8();
        let request = Request {
            who,
            graph: query.graph(&self.context.graphs)?,
            value: value
                .map_err(|_| bad_value("path", "must be percent-encoded UTF-8"))?
                .into_owned(),
            query,
            body: asked::read(operation, &asked.headers, body).await?,
        };
        let act = match operation.ask {
            Ask::Show(show) => return self.show(show, &request).await,
            Ask::Act(act) => act,
        };
        let paced = self.pace.take(request.who.clone(), Instant::now());
        paced.map_err(|wait| {
            self.context.metrics.limit(Limit::Actions);
            Refusal::too_fast(wait)
        })?;
        // A task of its own: what has begun is done and audited to its end, also when whoever asked is gone.
        let actions = self.actions.clone();
        let action = actions.spawn(async move { self.act(act, &request).await });
        action.await.unwrap_or_else(|_| {
            Err(Refusal::new(
                Word::Internal,
                "the server failed; the request was in order",
            ))
        })
    }

    /// Answers what changes nothing.
    async fn show(&self, show: Show, request: &Request) -> Result<Response, Refusal> {
        let Request { graph, query, .. } = request;
        let (graph, desk, graphs) = (*graph, &self.desk, &self.context.graphs);
        if matches!(show, Show::Density | Show::Warnings | Show::DryRun) {
            desk.reached().await.map_err(refused)?;
        }
        Ok(match show {
            Show::Me => done(&Me {
                name: request.who.clone(),
                graph: graphs.name(graph).to_owned(),
                graphs: Graphs::ALL
                    .map(|graph| graphs.name(graph).to_owned())
                    .into(),
                k: self.k().await,
            }),
            Show::Now => {
                let since = query.millis("since")?;
                done(&self.watch.now(graph, since))
            }
            Show::Density => {
                let (from, to, place) = period(query)?;
                let rows = desk.density(graph, from, to, place.as_ref()).await;
                done(&Density {
                    rows: rows.map_err(refused)?,
                })
            }
            Show::Warnings => {
                let count = query.number("count", 1..=MOST_WARNINGS)?.unwrap_or(100);
                let state = query.text("state");
                if state.is_some_and(|state| !STATES.contains(&state)) {
                    return Err(bad_value("state", "must be active, held or retracted"));
                }
                let before = query.text("before").map(|text| id("before", text));
                let before = before.transpose()?;
                let rows = desk.module.warnings(graph, state, before, count).await;
                let rows = rows.map_err(refused)?;
                let k = self.k().await;
                let warning = |row: WarningRow| Warning {
                    warning: row.warning,
                    kind: row.kind,
                    reason: row.reason,
                    state: row.state,
                    issued: row.issued,
                    alerts: Rounded::of(row.alerts, k),
                };
                done(&Warnings {
                    warnings: rows.into_iter().map(warning).collect(),
                })
            }
            Show::DryRun => {
                let warning = id("warning", &request.value)?;
                held(&self.listed(graph, warning).await?)?;
                let alerted = desk.module.would_release(graph, warning).await;
                let alerted = alerted.map_err(refused)?.ok_or_else(not_held)?;
                done(&Counted {
                    alerted: self.rounded(alerted).await,
                })
            }
            Show::ReadFeedback => {
                let count = query.number("count", 1..=MOST_TEXTS)?.unwrap_or(50);
                let before = query.entry("before")?;
                let entries = desk.feedback.newest(graph, before, count).await;
                done(&FeedbackEntries {
                    entries: entries.map_err(refused)?,
                })
            }
            Show::Audit => {
                let count = query.number("count", 1..=MOST_ENTRIES)?.unwrap_or(100);
                let before = query.entry("before")?;
                let entries = audit::read(&desk.books, before, count).await;
                done(&AuditTrail {
                    entries: entries.map_err(refused)?,
                })
            }
            Show::OpenApi => reply::document(&DESCRIPTION),
        })
    }

    /// Does what is asked, audited. What is asked wrongly is refused before anything begins.
    async fn act(&self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let graph = request.graph;
        let deed = |what, about: &str| Deed {
            who: request.who.clone(),
            what,
            graph,
            about: about.to_owned(),
        };
        match act {
            Act::Release => {
                let warning = id("warning", &request.value)?;
                let (about, listed) = self.named(graph, warning).await;
                let alerted = self.audited(deed("release", about), async {
                    let listed = listed?;
                    held(&listed)?;
                    let alerted = self.desk.module.release(graph, warning).await;
                    let alerted = alerted.map_err(unsure)?.ok_or_else(not_held)?;
                    self.now_given(graph, &listed).await;
                    Ok(self.rounded(alerted).await)
                });
                let alerted = alerted.await?;
                Ok(done(&Counted { alerted }))
            }
            Act::Reject => {
                let warning = id("warning", &request.value)?;
                let (about, listed) = self.named(graph, warning).await;
                let withdrawn = self.audited(deed("reject", about), async {
                    held(&listed?)?;
                    let withdrawn = self.desk.module.reject(graph, warning).await;
                    let withdrawn = withdrawn.map_err(unsure)?.ok_or_else(not_held)?;
                    self.taken_back(graph, warning).await;
                    Ok(self.rounded(withdrawn).await)
                });
                let withdrawn = withdrawn.await?;
                Ok(done(&Withdrawn { withdrawn }))
            }
            Act::Withdraw => {
                let warning = id("warning", &request.value)?;
                let (about, listed) = self.named(graph, warning).await;
                let withdrawn = self.audited(deed("retract", about), async {
                    if listed?.state == RETRACTED {
                        return Err(conflict("warning: was retracted already"));
                    }
                    let withdrawn = self.desk.module.retract_any(graph, warning).await;
                    let withdrawn = withdrawn.map_err(unsure)?;
                    self.taken_back(graph, warning).await;
                    Ok(self.rounded(withdrawn).await)
                });
                let withdrawn = withdrawn.await?;
                Ok(done(&Withdrawn { withdrawn }))
            }
            Act::WarnPlace => {
                let (warning, dry_run) = place_warning(&request.body)?;
                let what = if dry_run { "count-place" } else { "warn-place" };
                let alerted = self.audited(deed(what, &warning.id.to_string()), async {
                    let alerted = self.desk.module.warn_space(graph, &warning, dry_run).await;
                    let refusal = if dry_run { refused } else { unsure };
                    Ok(self.rounded(alerted.map_err(refusal)?).await)
                });
                let alerted = alerted.await?;
                Ok(done(&PlaceWarned {
                    warning: warning.id,
                    alerted,
                }))
            }
            Act::MakeCodes => {
                let (count, since) = new_codes(&request.body)?;
                let codes = self.audited_plainly(deed("make-codes", &count.to_string()), async {
                    let expires = clock::now() + codes::LIFE;
                    let made = self.desk.codes.create(graph, since, count).await;
                    Ok(Codes {
                        codes: made
                            .map_err(unsure)?
                            .into_iter()
                            .map(OneTimeCode::encode)
                            .collect(),
                        expires,
                    })
                });
                Ok(done(&codes.await?))
            }
            Act::SetStatus => {
                let entry = request.value.as_str();
                if !is_entry(entry) {
                    return Err(bad_value("entry", "must be the id of an entry"));
                }
                let NewStatus { status } = read(
                    &request.body,
                    "body: status must be open, read or done; nothing else",
                )?;
                let about = format!("{entry} {}", status.word());
                let set = self.audited_plainly(deed("set-status", &about), async {
                    self.set_status(graph, entry, status).await
                });
                set.await?;
                Ok(done(&Done {}))
            }
        }
    }

    /// Does what concerned so many people.
    async fn audited(
        &self,
        deed: Deed,
        work: impl Future<Output = Result<Rounded, Refusal>> + Send,
    ) -> Result<Rounded, Refusal> {
        self.with_audit(deed, work, |found| Some(*found)).await
    }

    /// Does what concerned nobody in particular.
    async fn audited_plainly<T: Send + Sync>(
        &self,
        deed: Deed,
        work: impl Future<Output = Result<T, Refusal>> + Send,
    ) -> Result<T, Refusal> {
        self.with_audit(deed, work, |_| None).await
    }

    /// Does something between two entries of the audit; not at all if the first cannot be written.
    async fn with_audit<T: Send + Sync>(
        &self,
        deed: Deed,
        work: impl Future<Output = Result<T, Refusal>> + Send,
        found: impl Fn(&T) -> Option<Rounded> + Send,
    ) -> Result<T, Refusal> {
        let graphs = &self.context.graphs;
        self.audit.begin(graphs, &deed).await.map_err(|_| {
            Refusal::new(
                Word::Unavailable,
                "audit: it cannot be written now, so nothing was done",
            )
        })?;
        let result = work.await;
        let code = result
            .as_ref()
            .map_err(|refusal| refusal.problem.code.to_string());
        let ended = code
            .as_ref()
            .map(|done| found(done))
            .map_err(String::as_str);
        if self.audit.end(graphs, &deed, ended).await.is_err() {
            tracing::warn!("how an operator's action ended could not be audited");
        }
        result
    }

    /// What is listed of a warning that must be there.
    async fn listed(&self, graph: Graph, warning: &str) -> Result<WarningRow, Refusal> {
        let row = self.desk.module.warning(graph, warning).await;
        row.map_err(refused)?
            .ok_or_else(|| conflict("warning: there is none of this id (any more)"))
    }

    /// What the audit calls the warning that an action names, and what is listed of it. What is not listed could be anything,
    /// an id of a person too: it is not written down.
    async fn named<'a>(
        &self,
        graph: Graph,
        warning: &'a str,
    ) -> (&'a str, Result<WarningRow, Refusal>) {
        let listed = self.listed(graph, warning).await;
        (if listed.is_ok() { warning } else { UNLISTED }, listed)
    }

    /// A held warning that a visitor gave was released: from today on the visitors' page counts it.
    async fn now_given(&self, graph: Graph, listed: &WarningRow) {
        if listed.kind == VISITOR
            && let Ok(warning) = Uuid::try_parse(&listed.warning)
        {
            let situations = &self.context.services.situations;
            situations.given(graph, warning, clock::now()).await;
        }
    }

    /// A warning was withdrawn: the visitors' page counts it no more.
    async fn taken_back(&self, graph: Graph, warning: &str) {
        if let Ok(warning) = Uuid::try_parse(warning) {
            let situations = &self.context.services.situations;
            situations.taken_back(graph, warning, clock::now()).await;
        }
    }

    /// Of fewer people than this nothing is told. It is asked for where that is not known yet.
    async fn k(&self) -> u64 {
        if let Some(k) = self.watch.k() {
            return k;
        }
        let info = self.desk.module.any_info().await.ok().flatten();
        info.map_or(FEW, |info| info.k)
    }

    async fn rounded(&self, count: u64) -> Rounded {
        Rounded::of(count, self.k().await)
    }

    async fn set_status(&self, graph: Graph, entry: &str, status: Status) -> Result<(), Refusal> {
        let set = self.desk.feedback.set_status(graph, entry, status).await;
        if set.map_err(unsure)? {
            Ok(())
        } else {
            Err(conflict("entry: there is none of this id (any more)"))
        }
    }
}

/// Refuses a warning that is not held.
fn held(listed: &WarningRow) -> Result<(), Refusal> {
    if listed.state == HELD {
        Ok(())
    } else {
        Err(conflict("warning: is not held (any more)"))
    }
}

/// The module did nothing with a warning that was listed as held.
fn not_held() -> Refusal {
    conflict(
        "warning: is not held any more, or whoever gave it was erased: then it can only be rejected",
    )
}

/// A warning's id, as the module takes it, from that field.
fn id<'a>(field: &str, text: &'a str) -> Result<&'a str, Refusal> {
    match SpaceId::new(text) {
        Ok(_) => Ok(text),
        Err(rule) => Err(bad_value(field, rule)),
    }
}

/// From when to when, and of which place, the density is asked for.
fn period(query: &Query) -> Result<(u64, u64, Option<SpaceId>), Refusal> {
    let time = |name| {
        let time = query.millis(name)?;
        time.ok_or_else(|| bad_value(name, "is needed: epoch milliseconds"))
    };
    let (from, to) = (time("from")?, time("to")?);
    if to < from {
        return Err(bad_value("to", "must not be before from"));
    }
    if to - from > LONGEST_PERIOD {
        return Err(bad_value("to", "must be at most 8 days after from"));
    }
    let place = query.text("place").map(SpaceId::new).transpose();
    Ok((from, to, place.map_err(|rule| bad_value("place", rule))?))
}

/// The warning of a place that a body asks for, and whether it is only tried.
fn place_warning(body: &[u8]) -> Result<(SpaceWarning, bool), Refusal> {
    let body: PlaceWarning = read(
        body,
        "body: place must be a text, reason positive, contact or symptoms, from and to whole numbers of milliseconds from \
         0 to 9007199254740991, dryRun true or false; warning, if any, a UUID, minTime and within, if any, milliseconds; \
         nothing else",
    )?;
    if body.reason == Reason::Alerted {
        return Err(bad_value("reason", "must be positive, contact or symptoms"));
    }
    if body.to < body.from {
        return Err(bad_value("to", "must not be before from"));
    }
    if body.within.is_some() && body.min_time.is_none() {
        return Err(bad_value("within", "needs minTime"));
    }
    let warning = SpaceWarning {
        id: body
            .warning
            .unwrap_or_else(|| Builder::from_random_bytes(rand::random()).into_uuid()),
        space: SpaceId::new(&body.place).map_err(|rule| bad_value("place", rule))?,
        reason: body.reason,
        from: body.from.0,
        to: body.to.0,
        mintime: body.min_time.map(|ms| ms.0),
        within: body.within.map(|ms| ms.0),
    };
    Ok((warning, body.dry_run))
}

/// How many codes a body asks for, and for which day.
fn new_codes(body: &[u8]) -> Result<(u64, Option<u64>), Refusal> {
    let NewCodes { count, since } = read(
        body,
        "body: count must be a whole number from 1 to 100; since, if any, a day like 2026-11-22; nothing else",
    )?;
    if !(1..=MOST_CODES).contains(&count) {
        return Err(bad_value("count", "must be a whole number from 1 to 100"));
    }
    let day = |text: String| {
        clock::day(&text).ok_or_else(|| bad_value("since", "must be a day like 2026-11-22"))
    };
    Ok((count, since.map(day).transpose()?))
}

fn read<T: DeserializeOwned>(body: &[u8], usage: &'static str) -> Result<T, Refusal> {
    Ok(bodies::read(body, usage)?)
}

fn bad_value(field: &str, rule: &str) -> Refusal {
    Refusal::new(Word::BadValue, format!("{field}: {rule}"))
}

const fn conflict(line: &'static str) -> Refusal {
    Refusal::plain(Word::Conflict, line)
}

/// What Redis said against it.
fn refused(error: ModuleError) -> Refusal {
    match error {
        ModuleError::Denied => Refusal::plain(
            Word::NotAllowed,
            "Redis: the user of --ops-redis may not do this; set it to one with the rights of the user operator in redis.conf",
        ),
        error => error.into(),
    }
}

/// The same, of what may have been done all the same: its answer was lost, or too few replicas have it.
fn unsure(error: ModuleError) -> Refusal {
    match error {
        ModuleError::Unavailable => Refusal::plain(
            Word::Unknown,
            "Redis: it did not confirm this in time, so it may have been done; look before asking again",
        ),
        error => refused(error),
    }
}

fn done(body: &impl Serialize) -> Response {
    reply::json(StatusCode::OK, body)
}
