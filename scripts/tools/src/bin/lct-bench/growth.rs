//! What a visit and a contact cost as the city grows, beside SET: all cities are in memory at once, each in its own
//! server, and what is timed goes from one to the next.

use lct_model::city::{Stay, Town};
use lct_tools::{Asker, Error, Progress, Server, elements, median};
use serde_json::json;

use crate::ask::{FIRST_14_DAYS, ask};
use crate::report::{Report, Row};
use crate::send::{Connections, Form, send};
use crate::{Options, size, town};

/// Times the growth of SET.
const TARGET: f64 = 2.0;
/// At most so many visits are written a round.
const WRITTEN: usize = 200_000;
/// And so many visitors asked about.
const ASKED: usize = 200;

struct Place {
    visits: usize,
    town: Town,
    connections: Connections,
    server: Server,
    /// The last visits, a part for each round.
    last: Vec<Vec<Stay>>,
    /// Nanoseconds of the server's processor time, a round each.
    set: Vec<f64>,
    visit: Vec<f64>,
    contact: Vec<f64>,
}

impl Place {
    /// Loads all but the last visits; and as many keys as there are visitors, for SET to find.
    fn new(options: &Options, visits: usize) -> Result<Self, Error> {
        let town = town(visits);
        let server = options.server()?;
        let mut connections = Connections::new(&server)?;
        let everybody = (0..town.city().visitors as u32).map(|visitor| Stay {
            visitor,
            space: 0,
            start: 0,
            end: 0,
        });
        send(&server, &mut connections, Form::Set, &town, everybody, None)?;

        eprintln!("Loading {} visits …", size(visits));
        let mut progress = (Progress::new("visits", visits as u64), 0);
        let mut stays = town.stays();
        let most = stays.by_ref().take(visits - visits / 10);
        send(
            &server,
            &mut connections,
            Form::Hundred,
            &town,
            most,
            Some(&mut progress),
        )?;
        let mut rest: Vec<Stay> = stays.collect();
        let part = (rest.len() / options.rounds.max(1)).min(WRITTEN);
        let last = rest.split_off(rest.len() - part * options.rounds);
        send(
            &server,
            &mut connections,
            Form::Hundred,
            &town,
            rest.into_iter(),
            Some(&mut progress),
        )?;
        progress.0.finish();
        Ok(Self {
            visits,
            last: last.chunks(part.max(1)).map(<[Stay]>::to_vec).collect(),
            town,
            connections,
            server,
            set: vec![],
            visit: vec![],
            contact: vec![],
        })
    }

    /// The same visitors by SET and by VISIT.
    fn write(&mut self, round: usize) -> Result<(), Error> {
        let mut part = |form| {
            let stays = self.last[round].iter().copied();
            send(
                &self.server,
                &mut self.connections,
                form,
                &self.town,
                stays,
                None,
            )
        };
        let set = part(Form::Set)?;
        let visit = part(Form::Single)?;
        self.set.push(set.nanos());
        self.visit.push(visit.nanos());
        Ok(())
    }

    fn ask(&mut self) -> Result<(), Error> {
        let mut asker = Asker::new(self.server.connect()?);
        let before = self.server.cpu()?;
        let mut contacts = 0;
        for visitor in self.town.sample(ASKED) {
            let question = FIRST_14_DAYS.command(&self.town, visitor, false);
            contacts += elements(ask(&mut asker, &question)?.1)?;
        }
        let spent = self.server.cpu()? - before;
        self.contact.push(spent * 1e9 / contacts as f64);
        Ok(())
    }

    /// Nanoseconds of SET, of a visit and of a contact.
    fn costs(&self) -> [f64; 3] {
        [&self.set, &self.visit, &self.contact].map(|rounds| median(rounds))
    }
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<(), Error> {
    let mut sizes = options.visits.clone();
    sizes.extend(options.growth_to);
    sizes.sort_unstable();
    sizes.dedup();
    let mut places = sizes
        .iter()
        .map(|&visits| Place::new(options, visits))
        .collect::<Result<Vec<Place>, Error>>()?;
    eprintln!(
        "Growth: {} rounds over {} cities …",
        options.rounds,
        places.len()
    );
    for round in 0..options.rounds {
        for place in &mut places {
            place.write(round)?;
        }
    }
    for _ in 0..options.rounds {
        for place in &mut places {
            place.ask()?;
        }
    }

    let costs: Vec<_> = places
        .iter()
        .map(|place| {
            let [set, visit, contact] = place.costs();
            json!({ "visits": place.visits, "set_ns": set, "visit_ns": visit, "contact_ns": contact })
        })
        .collect();
    let Some((smallest, larger)) = places.split_first() else {
        return Ok(());
    };
    let [set, visit, contact] = smallest.costs();
    for place in larger {
        let [more_set, more_visit, more_contact] = place.costs();
        let step = format!("{} → {}", size(smallest.visits), size(place.visits));
        let growth_of_set = more_set / set;
        for (what, less, more) in [
            ("visit", visit, more_visit),
            ("contact", contact, more_contact),
        ] {
            let ratio = more / less / growth_of_set;
            report.add(Row {
                what: format!("growth of a {what}, {step}"),
                target: format!("{TARGET} × SET's {growth_of_set:.2}"),
                measured: format!("{ratio:.2} × = {:.2}", more / less),
                met: Some(ratio <= TARGET),
                note: format!("{less:.0} → {more:.0} ns; SET {set:.0} → {more_set:.0} ns"),
                numbers: json!({ "ratio": ratio, "costs": costs }),
            });
        }
    }
    Ok(())
}
