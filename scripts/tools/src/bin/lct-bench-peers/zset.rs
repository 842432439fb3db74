//! Plain Redis: sorted sets, asked by a Lua script. One set for each space and day, so that a day can go whole, and one
//! for each visitor.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use lct_model::city::Stay;
use lct_tools::{Asker, Error, Requests, Server, elements, pack, run, strings};

use crate::lct::{CONNECTIONS, ONE_BY_ONE, PIPELINE, blocks};
use crate::peer::{Answer, Ingest, Peer, Purge, Watch};
use crate::work::{Question, Work};

const EXPOSED: &str = include_str!("../../../peers/zset/exposed.lua");
/// Members a ZADD in bulk at most.
const VARIADIC: usize = 500;
/// Visits whose members are sorted by key before they go in, in bulk.
const TOGETHER: usize = 20_000;

pub(crate) struct Zset {
    server: Server,
    asker: Asker,
    script: Vec<u8>,
    empty: f64,
    watch: Option<Watch>,
}

impl Zset {
    pub(crate) fn start(program: &Path, core: Option<usize>) -> Result<Self, Error> {
        let core = core.map(|core| core.to_string());
        // However long a script takes, others wait and are not refused.
        let patience = ["--lua-time-limit", "0"].map(OsStr::new);
        let server = Server::start_with(program, &patience, core.as_deref())?;
        let mut asker = Asker::new(server.connect()?);
        let (_, sha) = asker.ask(&[b"SCRIPT", b"LOAD", EXPOSED.as_bytes()])?;
        let script = redis::from_redis_value(redis::parse_redis_value(sha)?)?;
        let empty = server.info("memory", "used_memory")?;
        Ok(Self {
            server,
            asker,
            script,
            empty,
            watch: None,
        })
    }
}

/// Six bytes hold every time LCT knows, and 48 bits compare as numbers.
fn time(ms: u64) -> [u8; 6] {
    let [_, _, bytes @ ..] = ms.to_be_bytes();
    bytes
}

/// A visitor's id, which is 8 bytes here, as a number.
fn number(id: &[u8]) -> Result<u64, Error> {
    Ok(u64::from_be_bytes(id.try_into()?))
}

fn visitor_key(work: &Work, visitor: u32) -> Vec<u8> {
    [&b"v:"[..], &work.town.visitor_number(visitor).to_be_bytes()].concat()
}

fn space_key(work: &Work, stay: &Stay) -> Vec<u8> {
    let day = work.day(work.town.span(stay).start).to_string();
    let space = work.town.space_id(stay.space);
    [&b"s:"[..], &space, b":", day.as_bytes()].concat()
}

/// A key with a score and a member for it.
type Entry = (Vec<u8>, [Vec<u8>; 2]);

fn in_space(work: &Work, stay: &Stay) -> Entry {
    let span = work.town.span(stay);
    let visitor = work.town.visitor_number(stay.visitor).to_be_bytes();
    let member = [&visitor[..], &time(span.end)].concat();
    (
        space_key(work, stay),
        [span.start.to_string().into_bytes(), member],
    )
}

fn of_visitor(work: &Work, stay: &Stay) -> Entry {
    let span = work.town.span(stay);
    let member = [&time(span.end)[..], &work.town.space_id(stay.space)].concat();
    (
        visitor_key(work, stay.visitor),
        [span.start.to_string().into_bytes(), member],
    )
}

/// Of two visits of one visitor to one space that end together the longer says it all: LT keeps it.
fn zadd(key: Vec<u8>) -> Vec<Vec<u8>> {
    vec![b"ZADD".to_vec(), key, b"LT".to_vec()]
}

fn one_by_one(work: &Work, stays: &[Stay]) -> Requests {
    let commands = stays.iter().flat_map(|stay| {
        [(1, in_space(work, stay)), (0, of_visitor(work, stay))].map(|(count, (key, entry))| {
            let mut args = zadd(key);
            args.extend(entry);
            (count, args)
        })
    });
    Requests::new(PIPELINE, commands)
}

/// Those of a key in one command, some visits at a time.
fn bulk(work: &Work, stays: &[Stay]) -> Requests {
    let mut commands: Vec<(u64, Vec<Vec<u8>>)> = vec![];
    for stays in stays.chunks(TOGETHER) {
        for (count, side) in [(1, in_space as fn(&Work, &Stay) -> Entry), (0, of_visitor)] {
            let mut entries: Vec<Entry> = stays.iter().map(|stay| side(work, stay)).collect();
            entries.sort_unstable();
            for entries in entries.chunk_by(|a, b| a.0 == b.0) {
                for entries in entries.chunks(VARIADIC) {
                    let mut args = zadd(entries[0].0.clone());
                    args.extend(entries.iter().flat_map(|(_, entry)| entry.clone()));
                    commands.push((count * entries.len() as u64, args));
                }
            }
        }
    }
    Requests::new(PIPELINE, commands.into_iter())
}

impl Peer for Zset {
    fn name(&self) -> &'static str {
        "zset-lua"
    }

    fn about(&self) -> String {
        format!(
            "{}, sorted sets by space and day and by visitor, asked by a Lua script",
            self.server.version
        )
    }

    fn cpu(&self) -> Result<f64, Error> {
        self.server.cpu()
    }

    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error> {
        let server = &self.server;
        let mut connections = (0..CONNECTIONS)
            .map(|_| server.connect())
            .collect::<Result<Vec<_>, _>>()?;
        let mut single = Ingest::new("one by one");
        for block in blocks(work.stays.len().min(ONE_BY_ONE)) {
            let requests = one_by_one(work, &work.stays[block.clone()]);
            let send = || run(&mut connections, &requests);
            single.add(block.len(), || server.cpu(), send)?;
        }
        server.flush()?;
        let mut all = Ingest::new("bulk");
        for block in blocks(work.stays.len()) {
            let requests = bulk(work, &work.stays[block.clone()]);
            let send = || run(&mut connections, &requests);
            all.add(block.len(), || server.cpu(), send)?;
        }
        Ok(vec![single, all])
    }

    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        let used = self.server.info("memory", "used_memory")?;
        Ok(Some(used - self.empty))
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let id = work.town.visitor_number(visitor).to_be_bytes();
        let times = [question.from(work), work.at(), work.begin(), work.longest];
        let [from, at, begin, longest] = times.map(|time| time.to_string());
        let order: &[u8] = if question.second() { b"2" } else { b"1" };
        let (took, reply) = self.asker.ask(&[
            b"EVALSHA",
            &self.script,
            b"0",
            &id,
            from.as_bytes(),
            at.as_bytes(),
            order,
            begin.as_bytes(),
            longest.as_bytes(),
        ])?;
        let reply = reply.to_vec();
        let visitors = Box::new(move || strings(&reply)?.into_iter().map(number).collect());
        Ok(Answer { took, visitors })
    }

    fn watch(&mut self, work: &Work) -> Result<bool, Error> {
        let key = visitor_key(work, work.sample[0]);
        let mut asker = Asker::new(self.server.connect()?);
        self.watch = Some(Watch::start(move || {
            let (_, reply) = asker.ask(&[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"])?;
            elements(reply).map(|_| ())
        }));
        Ok(true)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        self.watch.take().ok_or("nobody watches")?.longest()
    }

    /// The day's sets of spaces go whole; every visitor's set loses its head.
    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error> {
        let members = [in_space as fn(&Work, &Stay) -> Entry, of_visitor].map(|side| {
            let first = work
                .stays
                .iter()
                .filter(|stay| work.town.span(stay).start < work.first_midnight());
            first
                .map(|stay| {
                    let (key, [_, member]) = side(work, stay);
                    (key, member)
                })
                .collect::<HashSet<_>>()
                .len() as u64
        });
        let held = members_held(&mut self.asker)?;
        let before = format!("({}", work.first_midnight());

        let start = Instant::now();
        each_key(&mut self.asker, |key| {
            let mut command = vec![];
            if key.starts_with(b"v:") {
                let args: [&[u8]; 4] = [b"ZREMRANGEBYSCORE", key, b"-inf", before.as_bytes()];
                pack(&mut command, args.into_iter());
            } else if key.ends_with(b":0") {
                pack(&mut command, [b"UNLINK", key].into_iter());
            }
            command
        })?;
        let took = start.elapsed();
        Ok(Some(Purge {
            took,
            removed: held - members_held(&mut self.asker)?,
            expected: members.iter().sum(),
        }))
    }
}

/// Sends the command made for each key, if any; the sum of the replies, which are numbers.
fn each_key(asker: &mut Asker, command: impl Fn(&[u8]) -> Vec<u8>) -> Result<u64, Error> {
    let (mut cursor, mut sum) = (b"0".to_vec(), 0);
    loop {
        let (_, reply) = asker.ask(&[b"SCAN", &cursor, b"COUNT", b"500"])?;
        let (next, keys): (Vec<u8>, Vec<Vec<u8>>) =
            redis::from_redis_value(redis::parse_redis_value(reply)?)?;
        let commands: Vec<u8> = keys.iter().flat_map(|key| command(key)).collect();
        let (_, replies) = asker.ask_all(&commands)?;
        for reply in std::str::from_utf8(replies)?.lines() {
            let number = reply
                .strip_prefix(':')
                .and_then(|text| text.parse::<u64>().ok());
            sum += number.ok_or_else(|| format!("the server refused: {reply}"))?;
        }
        cursor = next;
        if cursor == b"0" {
            return Ok(sum);
        }
    }
}

fn members_held(asker: &mut Asker) -> Result<u64, Error> {
    each_key(asker, |key| {
        let mut command = vec![];
        pack(&mut command, [b"ZCARD", key].into_iter());
        command
    })
}
