//! FalkorDB: a graph database as a module of Redis. As the seed of this project models it, `(visitor)-[visited]->(space)`,
//! and tuned, with a node for each space and day.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use lct_model::city::Stay;
use lct_tools::{Asker, Error, Server, pack, process_cpu};
use redis::Value;

use crate::lct::number;
use crate::peer::{Answer, Ingest, Peer, Purge, Watch};
use crate::work::{Question, Work};

const GRAPH: &[u8] = b"peers";
/// How many visits go in one by one, and how many queries are under way.
const ONE_BY_ONE: usize = 20_000;
const PIPELINE: usize = 128;
/// Visits in one command of the bulk load.
const BULK: usize = 500_000;

/// Two visits to one node that overlap, within the window.
const TOGETHER: &str = "MATCH (a:visitor {id: $visitor})-[v:visited]->(:space)<-[w:visited]-(b:visitor) \
    WHERE w.began < v.ended AND v.began < w.ended AND v.began < $at AND v.ended > $since \
    AND w.began < $at AND w.ended > $since AND b <> a";
/// Where and when contacts were from their first meeting on.
const RELAYS: &str = "UNWIND $contacts AS c MATCH (:visitor {id: c.id})-[v:visited]->(s:space) \
    WHERE v.ended > c.met AND v.began < $at \
    RETURN s.name, CASE WHEN v.began > c.met THEN v.began ELSE c.met END, v.ended";
/// Who was in a space between two times.
const SPREAD: &str = "UNWIND $stretches AS t MATCH (:space {name: t.name})<-[v:visited]-(b:visitor) \
    WHERE v.began < t.ended AND v.ended > t.began RETURN DISTINCT b.id";
const CREATE: &str = "MERGE (v:visitor {id: $visitor}) MERGE (s:space {name: $space}) \
    CREATE (v)-[:visited {began: $began, ended: $ended}]->(s)";

/// What a node of a space stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The space: the seed's model.
    Flat,
    /// The space on one day; a visit over midnight is an edge to both.
    Day,
}

impl Layout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "falkordb-flat",
            Self::Day => "falkordb",
        }
    }
}

pub(crate) struct FalkorDb {
    layout: Layout,
    server: Server,
    asker: Asker,
    version: String,
    bytes: f64,
    watch: Option<Watch>,
}

/// A visit as an edge: the node's space and day (0 if it stands for all of them).
type Edge = (u32, u64, Stay);

impl FalkorDb {
    /// `folder` has a redis-server that runs here, and FalkorDB as a module for it.
    pub(crate) fn start(folder: &Path, layout: Layout, cores: Option<&str>) -> Result<Self, Error> {
        let program = folder.join("redis-server");
        let module = folder.join("falkordb.so").canonicalize()?;
        let args = [OsStr::new("--loadmodule"), module.as_os_str()];
        let server = Server::start_with(&program, &args, cores)?;
        let mut asker = Asker::new(server.connect()?);
        let modules = asker.ask(&[b"INFO", b"modules"])?.1;
        let modules = String::from_utf8_lossy(modules).into_owned();
        let version = modules.split("name=graph,ver=").nth(1);
        let version: u32 = version
            .and_then(|text| text.split(',').next()?.parse().ok())
            .ok_or("no graph in INFO modules")?;
        Ok(Self {
            layout,
            version: format!(
                "FalkorDB {}.{}.{} on {}",
                version / 10_000,
                version / 100 % 100,
                version % 100,
                server.version
            ),
            asker,
            server,
            bytes: 0.0,
            watch: None,
        })
    }

    fn edges(&self, work: &Work) -> Vec<Edge> {
        let day = self.layout == Layout::Day;
        let edges = work.stays.iter().flat_map(|&stay| {
            let span = work.town.span(&stay);
            let days = if day {
                work.day(span.start)..=work.day(span.end - 1)
            } else {
                0..=0
            };
            days.map(move |day| (stay.space, day, stay))
        });
        edges.collect()
    }

    fn node(&self, work: &Work, space: u32, day: u64) -> String {
        let id = work.town.space_id(space);
        let name = String::from_utf8_lossy(&id);
        match self.layout {
            Layout::Flat => name.into_owned(),
            Layout::Day => format!("{name}:{day}"),
        }
    }

    fn create(&self, work: &Work, (space, day, stay): &Edge) -> String {
        let span = work.town.span(stay);
        format!(
            "CYPHER visitor='{}' space='{}' began={} ended={} {CREATE}",
            id(work, stay.visitor),
            self.node(work, *space, *day),
            span.start,
            span.end
        )
    }

    fn query(&mut self, text: &str) -> Result<Vec<Vec<Value>>, Error> {
        rows(self.asker.ask(&[b"GRAPH.QUERY", GRAPH, text.as_bytes()])?.1)
    }

    /// Both indexes, ready.
    fn index(&mut self) -> Result<(), Error> {
        self.query("CREATE INDEX FOR (v:visitor) ON (v.id)")?;
        self.query("CREATE INDEX FOR (s:space) ON (s.name)")?;
        loop {
            let states = self.query("CALL db.indexes() YIELD status RETURN status")?;
            let ready = Value::BulkString(b"OPERATIONAL".to_vec());
            if states.iter().all(|row| row.first() == Some(&ready)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn one_by_one(&mut self, work: &Work, edges: &[Edge]) -> Result<(), Error> {
        for edges in edges.chunks(PIPELINE) {
            let mut commands = vec![];
            for edge in edges {
                let query = self.create(work, edge);
                pack(
                    &mut commands,
                    [b"GRAPH.QUERY", GRAPH, query.as_bytes()].into_iter(),
                );
            }
            let replies = self.asker.ask_all(&commands)?.1;
            if replies
                .split(|&byte| byte == b'\n')
                .any(|line| line.starts_with(b"-"))
            {
                return Err("FalkorDB refused a visit".into());
            }
        }
        Ok(())
    }

    /// GRAPH.BULK, as falkordb-bulk-loader sends it: all nodes first, then the edges, then the indexes.
    fn bulk(&mut self, work: &Work, edges: &[Edge]) -> Result<(), Error> {
        const TEXT: u8 = 3;
        const NUMBER: u8 = 4;
        let head = |label: &str, properties: &[&str]| {
            let mut bytes = [label.as_bytes(), b"\0"].concat();
            bytes.extend((properties.len() as u32).to_le_bytes());
            for property in properties {
                bytes.extend([property.as_bytes(), b"\0"].concat());
            }
            bytes
        };
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.push(TEXT);
            bytes.extend([text.as_bytes(), b"\0"].concat());
        };
        let count = work.town.city().visitors;
        let mut visitors = head("visitor", &["id"]);
        for visitor in 0..count {
            text(&mut visitors, &id(work, visitor as u32));
        }
        // A space's number among the nodes; the day is a property by which a day can be found and purged.
        let mut numbers: HashMap<(u32, u64), u64> = HashMap::new();
        let mut spaces = head("space", &["name", "day"]);
        for &(space, day, _) in edges {
            let next = (count + numbers.len()) as u64;
            numbers.entry((space, day)).or_insert_with(|| {
                text(&mut spaces, &self.node(work, space, day));
                spaces.push(NUMBER);
                spaces.extend(day.to_le_bytes());
                next
            });
        }
        let nodes = (count + numbers.len()).to_string();
        self.asker.ask(&[
            b"GRAPH.BULK",
            GRAPH,
            b"BEGIN",
            nodes.as_bytes(),
            b"0",
            b"2",
            b"0",
            &visitors,
            &spaces,
        ])?;
        for edges in edges.chunks(BULK) {
            let mut bytes = head("visited", &["began", "ended"]);
            for (space, day, stay) in edges {
                let span = work.town.span(stay);
                bytes.extend(u64::from(stay.visitor).to_le_bytes());
                bytes.extend(numbers[&(*space, *day)].to_le_bytes());
                for time in [span.start, span.end] {
                    bytes.push(NUMBER);
                    bytes.extend(time.to_le_bytes());
                }
            }
            let count = edges.len().to_string();
            self.asker.ask(&[
                b"GRAPH.BULK",
                GRAPH,
                b"0",
                count.as_bytes(),
                b"0",
                b"1",
                &bytes,
            ])?;
        }
        self.index()?;
        let held = self.edges_held()?; // which also finishes what the load has left for later
        if held != edges.len() as u64 {
            return Err(format!("it holds {held} edges of {}", edges.len()).into());
        }
        Ok(())
    }

    fn edges_held(&mut self) -> Result<u64, Error> {
        let rows = self.query("MATCH ()-[v:visited]->() RETURN count(v)")?;
        let count = rows.into_iter().flatten().next();
        Ok(redis::from_redis_value(count.ok_or("no count")?)?)
    }

    fn first(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let query = format!(
            "{}{TOGETHER} RETURN DISTINCT b.id",
            head(work, question, visitor)
        );
        let (took, reply) = self
            .asker
            .ask(&[b"GRAPH.RO_QUERY", GRAPH, query.as_bytes()])?;
        let reply = reply.to_vec();
        let visitors = Box::new(move || ids(&rows(&reply)?));
        Ok(Answer { took, visitors })
    }

    /// In three steps, merging stretches in between: one query for all of it takes ten times as long.
    fn second(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let start = Instant::now();
        let contacts = format!(
            "{}{TOGETHER} RETURN b.id, min(CASE WHEN v.began > w.began THEN v.began ELSE w.began END)",
            head(work, question, visitor)
        );
        let since = question.from(work);
        let mut met: HashMap<u64, u64> = HashMap::new();
        let mut list = String::new();
        for row in self.query(&contacts)? {
            let (id, when): (String, u64) = fields(row)?;
            let when = when.max(since);
            met.insert(number(id.as_bytes())?, when);
            write!(list, "{{id:'{id}',met:{when}}},")?;
        }
        let relays = format!(
            "CYPHER contacts=[{}] at={} {RELAYS}",
            list.trim_end_matches(','),
            work.at()
        );
        let mut stretches: Vec<(String, u64, u64)> = vec![];
        for row in self.query(&relays)? {
            let (name, began, ended): (String, u64, u64) = fields(row)?;
            stretches.push((name, began, ended.min(work.at())));
        }
        stretches.sort_unstable();
        stretches.dedup_by(|later, earlier| {
            let together = later.0 == earlier.0 && later.1 <= earlier.2;
            if together {
                earlier.2 = earlier.2.max(later.2);
            }
            together
        });
        list.clear();
        for (name, began, ended) in &stretches {
            write!(list, "{{name:'{name}',began:{began},ended:{ended}}},")?;
        }
        let spread = format!("CYPHER stretches=[{}] {SPREAD}", list.trim_end_matches(','));
        let mut visitors = ids(&self.query(&spread)?)?;
        let own = work.town.visitor_number(visitor);
        visitors.retain(|id| *id != own && !met.contains_key(id));
        Ok(Answer {
            took: start.elapsed(),
            visitors: Box::new(|| Ok(visitors)),
        })
    }
}

/// A visitor's id as text.
fn id(work: &Work, visitor: u32) -> String {
    format!("{:016x}", work.town.visitor_number(visitor))
}

fn head(work: &Work, question: Question, visitor: u32) -> String {
    let (id, from, at) = (id(work, visitor), question.from(work), work.at());
    format!("CYPHER visitor='{id}' since={from} at={at} ")
}

/// The rows of a result: columns, rows, statistics; without rows the statistics alone.
fn rows(reply: &[u8]) -> Result<Vec<Vec<Value>>, Error> {
    match redis::parse_redis_value(reply)? {
        Value::Array(mut parts) if parts.len() == 3 => {
            Ok(redis::from_redis_value(parts.remove(1))?)
        }
        Value::Array(_) => Ok(vec![]),
        other => Err(format!("no result: {other:?}").into()),
    }
}

fn fields<T: redis::FromRedisValue>(row: Vec<Value>) -> Result<T, Error> {
    Ok(redis::from_redis_value(Value::Array(row))?)
}

fn ids(rows: &[Vec<Value>]) -> Result<Vec<u64>, Error> {
    rows.iter()
        .map(|row| match row.first() {
            Some(Value::BulkString(id)) => number(id),
            other => Err(format!("no id: {other:?}").into()),
        })
        .collect()
}

impl Peer for FalkorDb {
    fn name(&self) -> &'static str {
        self.layout.name()
    }

    fn about(&self) -> String {
        let layout = match self.layout {
            Layout::Flat => "a node for each space (the seed's model)",
            Layout::Day => "a node for each space and day",
        };
        format!("{}, {layout}, second order in three steps", self.version)
    }

    fn cpu(&self) -> Result<f64, Error> {
        self.server.cpu()
    }

    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error> {
        let edges = self.edges(work);
        // Threads build the indexes: what counts is the processor time of the whole server.
        let pid = self.server.pid();
        let cpu = || Ok(process_cpu(pid));
        let empty = self.server.resident()?;
        let mut bulk = Ingest::new("bulk");
        bulk.add(work.stays.len(), cpu, || self.bulk(work, &edges))?;
        self.bytes = self.server.resident()? - empty;

        // Into a graph that has its nodes: making new ones takes five times as long. It knows no visit from another,
        // so these are there twice; then it starts anew.
        let mut single = Ingest::new("one by one");
        let few = &edges[edges.len().saturating_sub(ONE_BY_ONE)..];
        single.add(few.len(), cpu, || self.one_by_one(work, few))?;
        self.server.flush()?;
        self.bulk(work, &edges)?;
        Ok(vec![single, bulk])
    }

    /// What the process has grown by: much of it is not in used_memory.
    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        Ok(Some(self.bytes))
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        if question.second() {
            self.second(work, question, visitor)
        } else {
            self.first(work, question, visitor)
        }
    }

    fn watch(&mut self, work: &Work) -> Result<bool, Error> {
        let query = format!(
            "CYPHER visitor='{}' MATCH (:visitor {{id: $visitor}})-[v:visited]->(s:space) RETURN s.name, v.began, v.ended",
            id(work, work.sample[0])
        );
        let mut asker = Asker::new(self.server.connect()?);
        self.watch = Some(Watch::start(move || {
            let (_, reply) = asker.ask(&[b"GRAPH.RO_QUERY", GRAPH, query.as_bytes()])?;
            lct_tools::elements(reply).map(|_| ())
        }));
        Ok(true)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        self.watch.take().ok_or("nobody watches")?.longest()
    }

    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error> {
        let before = work.first_midnight();
        let edges = self.edges(work);
        let expected = edges
            .iter()
            .filter(|(_, _, stay)| work.town.span(stay).start < before)
            .count() as u64;
        let held = self.edges_held()?;
        let start = Instant::now();
        match self.layout {
            Layout::Flat => {
                self.query(&format!(
                    "MATCH (:visitor)-[v:visited]->(:space) WHERE v.began < {before} DELETE v"
                ))?;
            }
            Layout::Day => {
                // What reaches over midnight has an edge on the second day, too.
                self.query("MATCH (s:space {day: 0}) DELETE s")?;
                self.query(&format!(
                    "MATCH (:space {{day: 1}})<-[v:visited]-(:visitor) WHERE v.began < {before} DELETE v"
                ))?;
            }
        }
        Ok(Some(Purge {
            took: start.elapsed(),
            removed: held - self.edges_held()?,
            expected,
        }))
    }
}
