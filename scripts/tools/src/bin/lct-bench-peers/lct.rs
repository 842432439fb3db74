//! LCT itself: redis-server with the module.

use std::path::Path;
use std::time::Duration;

use lct_tools::{Asker, Error, Requests, Server, elements, run, strings};

use crate::peer::{Answer, Ingest, Peer, Purge, Watch};
use crate::work::{Question, Work};

const GRAPH: &[u8] = b"peers";
/// Visits a command in bulk.
const VARIADIC: usize = 100;
/// Connections and commands under way on each: enough to keep the server busy.
pub(crate) const CONNECTIONS: usize = 50;
pub(crate) const PIPELINE: usize = 64;
/// Visits whose requests are written out at a time.
pub(crate) const BLOCK: usize = 200_000;
/// How many visits at most go in one by one.
pub(crate) const ONE_BY_ONE: usize = 1_000_000;

pub(crate) struct Lct {
    server: Server,
    asker: Asker,
    empty: f64,
    watch: Option<Watch>,
}

impl Lct {
    pub(crate) fn start(program: &Path, module: &Path, core: Option<usize>) -> Result<Self, Error> {
        let server = Server::start(program, module, core)?;
        let asker = Asker::new(server.connect()?);
        let empty = server.info("memory", "used_memory")?;
        Ok(Self {
            server,
            asker,
            empty,
            watch: None,
        })
    }
}

/// LCT.VISIT with so many visits each.
fn visits(work: &Work, range: std::ops::Range<usize>, each: usize, pipeline: usize) -> Requests {
    let town = &work.town;
    Requests::new(
        pipeline,
        work.stays[range].chunks(each).map(|chunk| {
            let mut args = vec![b"LCT.VISIT".to_vec(), GRAPH.to_vec()];
            for stay in chunk {
                let span = town.span(stay);
                args.push(town.visitor_id(stay.visitor).to_vec());
                args.push(town.space_id(stay.space).to_vec());
                args.push(span.start.to_string().into_bytes());
                args.push(span.end.to_string().into_bytes());
            }
            (chunk.len() as u64, args)
        }),
    )
}

/// The ranges of `length` things in blocks.
pub(crate) fn blocks(length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..length)
        .step_by(BLOCK)
        .map(move |start| start..length.min(start + BLOCK))
}

impl Peer for Lct {
    fn name(&self) -> &'static str {
        "lct"
    }

    fn about(&self) -> String {
        format!("{} with liblct_module.so, one graph", self.server.version)
    }

    fn cpu(&self) -> Result<f64, Error> {
        self.server.cpu()
    }

    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error> {
        let server = &self.server;
        let mut single = Ingest::new("one by one");
        let mut connections = (0..CONNECTIONS)
            .map(|_| server.connect())
            .collect::<Result<Vec<_>, _>>()?;
        for block in blocks(work.stays.len().min(ONE_BY_ONE)) {
            let requests = visits(work, block.clone(), 1, PIPELINE);
            single.add(
                block.len(),
                || server.cpu(),
                || run(&mut connections, &requests),
            )?;
        }
        drop(connections);

        server.flush()?;
        let mut bulk = Ingest::new("bulk");
        let mut connections = [server.connect()?];
        for block in blocks(work.stays.len()) {
            // Few at once, so that the server reads each batch in one go.
            let requests = visits(work, block.clone(), VARIADIC, 4);
            bulk.add(
                block.len(),
                || server.cpu(),
                || run(&mut connections, &requests),
            )?;
        }
        Ok(vec![single, bulk])
    }

    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        let used = self.server.info("memory", "used_memory")?;
        Ok(Some(used - self.empty))
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let id = work.town.visitor_id(visitor);
        let (from, at) = (question.from(work).to_string(), work.at().to_string());
        let order: &[u8] = if question.second() { b"2" } else { b"1" };
        let (took, reply) = self.asker.ask(&[
            b"LCT.EXPOSED",
            GRAPH,
            &id,
            b"FROM",
            from.as_bytes(),
            b"AT",
            at.as_bytes(),
            b"ORDER",
            order,
        ])?;
        let reply = reply.to_vec();
        let visitors = Box::new(move || strings(&reply)?.into_iter().map(number).collect());
        Ok(Answer { took, visitors })
    }

    fn answers_both_orders(&self) -> bool {
        true
    }

    fn watch(&mut self, work: &Work) -> Result<bool, Error> {
        let id = work.town.visitor_id(work.sample[0]);
        let mut asker = Asker::new(self.server.connect()?);
        self.watch = Some(Watch::start(move || {
            let (_, reply) = asker.ask(&[b"LCT.VISITS", GRAPH, &id])?;
            elements(reply).map(|_| ())
        }));
        Ok(true)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        self.watch.take().ok_or("nobody watches")?.longest()
    }

    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error> {
        let before = work.first_midnight();
        let (took, reply) = self.asker.ask(&[
            b"LCT.PURGE",
            GRAPH,
            b"BEFORE",
            before.to_string().as_bytes(),
        ])?;
        Ok(Some(Purge {
            took,
            removed: redis::from_redis_value(redis::parse_redis_value(reply)?)?,
            // LCT purges by the end of visits, the others by the beginning.
            expected: work
                .stays
                .iter()
                .filter(|stay| work.town.span(stay).end <= before)
                .count() as u64,
        }))
    }
}

/// A visitor's id, which is 16 hexadecimal digits, as a number.
pub(crate) fn number(id: &[u8]) -> Result<u64, Error> {
    Ok(u64::from_str_radix(std::str::from_utf8(id)?, 16)?)
}
