//! A city's visits sent to a server as fast as they go, with what that cost.

use std::net::TcpStream;
use std::time::Instant;

use lct_model::city::{Stay, Town};
use lct_tools::{Error, Progress, Requests, Server, run, thread_cpu};

use crate::stall::ping;

/// Commands under way on each connection, and how many connections: enough to keep the server busy.
const PIPELINE: usize = 64;
const CONNECTIONS: usize = 50;
/// Visits a command in the variadic form, and commands under way, few enough that the server reads them in one go.
pub(crate) const VARIADIC: usize = 100;
pub(crate) const VARIADIC_PIPELINE: usize = 4;
/// So many operations are packed at a time: the server rests meanwhile.
const PACKED: u64 = 200_000;
/// From here on whoever was busy was the limit.
const BUSY: f64 = 0.9;

/// The words of a command, and how many operations it stands for.
type Words = (u64, Vec<Vec<u8>>);

/// What it took to have operations done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) operations: u64,
    /// Seconds from sending to the last reply, without the time to pack.
    pub(crate) seconds: f64,
    /// Seconds of the server's processor time.
    pub(crate) server: f64,
    /// Seconds of this program's.
    pub(crate) client: f64,
}

impl Spent {
    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.seconds += other.seconds;
        self.server += other.server;
        self.client += other.client;
    }

    /// Nanoseconds of the server's processor time for an operation.
    pub(crate) fn nanos(&self) -> f64 {
        self.server * 1e9 / self.operations as f64
    }

    /// Operations for a second of the server's processor time.
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.operations as f64 / self.server
    }

    /// Operations a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// What kept it from going faster.
    pub(crate) fn limit(&self) -> &'static str {
        if self.server >= BUSY * self.seconds {
            "the server was the limit"
        } else if self.client >= BUSY * self.seconds {
            "the client was the limit"
        } else {
            "neither was the limit: other work here"
        }
    }
}

/// How visits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// SET visitor space: what Redis does by itself, with the same keys in the same order.
    Set,
    /// LCT.VISIT with one visit.
    Single,
    /// LCT.VISIT with a hundred.
    Hundred,
}

/// The connections over which visits are sent.
pub(crate) struct Connections(Vec<TcpStream>);

impl Connections {
    /// Connects, and has every connection answer: accepting it is nothing to measure.
    pub(crate) fn new(server: &Server) -> Result<Self, Error> {
        let connections = (0..CONNECTIONS).map(|_| {
            let mut connection = server.connect()?;
            ping(&mut connection)?;
            Ok(connection)
        });
        Ok(Self(
            connections.collect::<Result<Vec<TcpStream>, Error>>()?,
        ))
    }
}

/// Sends visits to the graph [`crate::CITY`] in one form. `progress`, if any, counts on from where it stands.
pub(crate) fn send(
    server: &Server,
    connections: &mut Connections,
    form: Form,
    town: &Town,
    stays: impl Iterator<Item = Stay>,
    mut progress: Option<&mut (Progress, u64)>,
) -> Result<Spent, Error> {
    let mut commands = commands(form, town, stays);
    let pipeline = match form {
        Form::Hundred => VARIADIC_PIPELINE,
        Form::Set | Form::Single => PIPELINE,
    };
    let mut spent = Spent::default();
    loop {
        let mut packed = 0;
        let some = std::iter::from_fn(|| {
            let next = if packed < PACKED {
                commands.next()
            } else {
                None
            };
            packed += next.as_ref().map_or(0, |(operations, _)| *operations);
            next
        });
        let requests = Requests::new(pipeline, some);
        if requests.operations == 0 {
            return Ok(spent);
        }
        let (server_before, client_before) = (server.cpu()?, thread_cpu()?);
        let start = Instant::now();
        run(&mut connections.0, &requests)?;
        spent.seconds += start.elapsed().as_secs_f64();
        spent.client += thread_cpu()? - client_before;
        spent.server += server.cpu()? - server_before;
        spent.operations += requests.operations;
        if let Some((progress, done)) = progress.as_deref_mut() {
            *done += requests.operations;
            progress.update(*done);
        }
    }
}

/// A city loaded in hundreds, with progress.
pub(crate) fn load(server: &Server, town: &Town) -> Result<Spent, Error> {
    let expected = crate::about(town);
    eprintln!("Loading {} visits …", crate::size(expected));
    let mut progress = (Progress::new("visits", expected as u64), 0);
    let mut connections = Connections::new(server)?;
    let spent = send(
        server,
        &mut connections,
        Form::Hundred,
        town,
        town.stays(),
        Some(&mut progress),
    )?;
    progress.0.finish();
    Ok(spent)
}

fn commands<'t>(
    form: Form,
    town: &'t Town,
    mut stays: impl Iterator<Item = Stay> + 't,
) -> Box<dyn Iterator<Item = Words> + 't> {
    let ids = |stay: &Stay| {
        [
            town.visitor_id(stay.visitor).to_vec(),
            town.space_id(stay.space).to_vec(),
        ]
    };
    let visit = move |words: &mut Vec<Vec<u8>>, stay: &Stay| {
        let span = town.span(stay);
        words.extend(ids(stay));
        words.extend([span.start, span.end].map(|time| time.to_string().into_bytes()));
    };
    let first = || vec![b"LCT.VISIT".to_vec(), crate::CITY.to_vec()];
    match form {
        Form::Set => Box::new(stays.map(move |stay| {
            let [visitor, space] = ids(&stay);
            (1, vec![b"SET".to_vec(), visitor, space])
        })),
        Form::Single => Box::new(stays.map(move |stay| {
            let mut words = first();
            visit(&mut words, &stay);
            (1, words)
        })),
        Form::Hundred => Box::new(std::iter::from_fn(move || {
            let mut words = first();
            let mut visits = 0;
            for stay in stays.by_ref().take(VARIADIC) {
                visit(&mut words, &stay);
                visits += 1;
            }
            (visits > 0).then_some((visits, words))
        })),
    }
}
