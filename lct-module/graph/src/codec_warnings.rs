//! The parts of a graph that hold warnings, whom they alerted, and late visits. The format is described in `codec.rs`.

use crate::codec::{
    DecodeError, HEADER, LATE_VISITS, LoadError, MAX_PART_BYTES, MAX_VARINT, Reader, WARNINGS,
    put_id, put_varint, seal,
};
use crate::exposure::{Order, Priority, Question};
use crate::graph::Graph;
use crate::warning::{AlertState, Reason, Source, WarningState};
use crate::warnings::{Owner, Recipient, Record, Stamp};
use crate::{MAX_ID_BYTES, MAX_MILLIS, Millis};

/// What one more recipient can add to a part.
const MAX_RECIPIENT: usize = MAX_VARINT + MAX_ID_BYTES + 2 * MAX_VARINT + 3;
/// What one more warning without recipients can add.
const MAX_WARNING: usize = 2 * (MAX_VARINT + MAX_ID_BYTES) + 12 * MAX_VARINT + 8;
/// What one more late visit can add.
const MAX_LATE: usize = 2 * (MAX_VARINT + MAX_ID_BYTES) + 3 * MAX_VARINT;

/// A warning as read; its recipients follow in the reader.
pub(crate) struct SavedWarning<'a> {
    id: &'a [u8],
    source: Option<Source<'a>>,
    pub(crate) record: Record,
    pub(crate) recipients: u64,
}

/// A late visit as read.
pub(crate) struct LateVisit<'a> {
    pub(crate) visitor: &'a [u8],
    pub(crate) space: &'a [u8],
    pub(crate) start: Millis,
    pub(crate) end: Millis,
    pub(crate) stamp: Stamp,
}

/// One of a few values, by its place among them.
fn one_of<T: Copy>(values: &[T], place: u8) -> Result<T, DecodeError> {
    let value = values.get(usize::from(place)).copied();
    value.ok_or(DecodeError("a word is unknown"))
}

fn place_of<T: PartialEq>(values: &[T], value: &T) -> u8 {
    let place = values.iter().position(|other| other == value);
    place.expect("every value is listed") as u8
}

const STATES: [WarningState; 3] = [
    WarningState::Active,
    WarningState::Held,
    WarningState::Retracted,
];
const ALERT_STATES: [AlertState; 2] = [AlertState::Active, AlertState::Withdrawn];
const ORDERS: [Order; 2] = [Order::First, Order::Second];
const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Medium, Priority::Low];

impl<'a> Reader<'a> {
    fn flags(&mut self, all: u8) -> Result<u8, DecodeError> {
        let flags = self.byte()?;
        if flags & !all != 0 {
            return Err(DecodeError("a flag is unknown"));
        }
        Ok(flags)
    }

    /// A number that is there only where a flag says so.
    fn optional(&mut self, there: bool) -> Result<Option<Millis>, DecodeError> {
        there.then(|| self.millis()).transpose()
    }

    fn terms(&mut self) -> Result<Question, DecodeError> {
        let (from, to, at) = (self.millis()?, self.millis()?, self.millis()?);
        let order = one_of(&ORDERS, self.byte()?)?;
        let flags = self.flags(3)?;
        let min_time = self.optional(flags & 1 != 0)?;
        let within = self.optional(flags & 2 != 0)?;
        let terms = Question {
            from,
            to,
            at,
            order,
            min_time,
            within,
            linger: self.millis()?,
            min_priority: one_of(&PRIORITIES, self.byte()?)?,
        };
        if to > at || (within.is_some() && min_time.is_none()) {
            return Err(DecodeError("a warning's terms make no sense"));
        }
        Ok(terms)
    }

    /// A warning up to its recipients.
    pub(crate) fn warning(&mut self) -> Result<SavedWarning<'a>, DecodeError> {
        let id = self.id()?;
        let source = match self.byte()? {
            0 => None,
            1 => Some(Source::Visitor(self.id()?)),
            2 => Some(Source::Space(self.id()?)),
            _ => return Err(DecodeError("a warning has an unknown kind")),
        };
        let reason = one_of(&Reason::ALL, self.byte()?)?;
        let state = one_of(&STATES, self.byte()?)?;
        let terms = self.terms()?;
        let passes_on = reason == Reason::Alerted;
        let for_a_space = matches!(source, Some(Source::Space(_)));
        if (passes_on && terms.order == Order::Second)
            || (for_a_space && (passes_on || terms.order == Order::Second || terms.linger > 0))
        {
            return Err(DecodeError("a warning's terms make no sense"));
        }
        let stands_until = self.millis()?;
        let flags = self.flags(3)?;
        let record = Record {
            reason,
            state,
            terms,
            stands_until,
            hold: self.optional(flags & 1 != 0)?,
            released: flags & 2 != 0,
            issued: self.millis()?,
            asked: self.millis()?,
            ..Record::default()
        };
        // A recipient is an id of a byte and five more.
        let recipients = self.count(7)?;
        Ok(SavedWarning {
            id,
            source,
            record,
            recipients,
        })
    }

    /// A recipient after their id.
    pub(crate) fn recipient(&mut self) -> Result<Recipient, DecodeError> {
        let issued = self.millis()?;
        let version = u32::try_from(self.varint()?).unwrap_or(0);
        // Room is left for every change that can still come.
        if version == 0 || version > u32::MAX / 2 {
            return Err(DecodeError("an alert's version is out of range"));
        }
        let reason = one_of(&Reason::ALL, self.byte()?)?;
        let priority = one_of(&PRIORITIES, self.byte()?)?;
        let flags = self.flags(3)?;
        Ok(Recipient {
            issued,
            version,
            reason,
            priority,
            state: one_of(&ALERT_STATES, flags >> 1)?,
            waits: flags & 1 != 0,
        })
    }

    pub(crate) fn late_visit(&mut self) -> Result<LateVisit<'a>, DecodeError> {
        let (visitor, space) = (self.id()?, self.id()?);
        let (start, length) = (self.millis()?, self.millis()?);
        if length == 0 || length > MAX_MILLIS - start {
            return Err(DecodeError("a time is out of range"));
        }
        Ok(LateVisit {
            visitor,
            space,
            start,
            end: start + length,
            stamp: self.millis()?,
        })
    }
}

impl Recipient {
    /// The recipient as it is written after their id.
    pub(crate) fn saved(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        put_varint(&mut out, self.issued);
        put_varint(&mut out, u64::from(self.version));
        out.extend([
            place_of(&Reason::ALL, &self.reason),
            place_of(&PRIORITIES, &self.priority),
            place_of(&ALERT_STATES, &self.state) << 1 | u8::from(self.waits),
        ]);
        out
    }
}

impl Graph {
    /// The record as it is written after its id.
    pub(crate) fn saved_record(&self, record: &Record) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match record.owner {
            Owner::Nobody => out.push(0),
            Owner::Visitor(visitor) => {
                out.push(1);
                put_id(&mut out, self.visitors.name(visitor));
            }
            Owner::Space(space) => {
                out.push(2);
                put_id(&mut out, self.spaces.name(space));
            }
        }
        let terms = &record.terms;
        out.push(place_of(&Reason::ALL, &record.reason));
        out.push(place_of(&STATES, &record.state));
        for time in [terms.from, terms.to, terms.at] {
            put_varint(&mut out, time);
        }
        out.push(place_of(&ORDERS, &terms.order));
        out.push(u8::from(terms.min_time.is_some()) | u8::from(terms.within.is_some()) << 1);
        for time in [terms.min_time, terms.within].into_iter().flatten() {
            put_varint(&mut out, time);
        }
        put_varint(&mut out, terms.linger);
        out.push(place_of(&PRIORITIES, &terms.min_priority));
        put_varint(&mut out, record.stands_until);
        out.push(u8::from(record.hold.is_some()) | u8::from(record.released) << 1);
        if let Some(hold) = record.hold {
            put_varint(&mut out, hold);
        }
        put_varint(&mut out, record.issued);
        put_varint(&mut out, record.asked);
        out
    }

    pub(crate) fn load_warnings(
        &mut self,
        stamp: Stamp,
        mut entries: Reader<'_>,
        count: u64,
    ) -> Result<(), LoadError> {
        // Decoding has checked every byte.
        const NEVER: LoadError = LoadError("the part changed while it was read");
        for _ in 0..count {
            let saved = entries.warning().map_err(|_| NEVER)?;
            let known = self.warnings.records.find(saved.id);
            let record = self.load_owner(&saved);
            if let Some(known) = known {
                // Another part has begun it: this one goes on, or repeats it.
                let known = self.warnings.records.value(known);
                if saved.recipients == 0 || self.saved_record(known) != self.saved_record(&record) {
                    return Err(LoadError("the part repeats a warning"));
                }
            } else {
                self.load_warning(saved.id, record);
            }
            let warning = self.warnings.records.find(saved.id).ok_or(NEVER)?;
            for _ in 0..saved.recipients {
                let visitor = entries.id().map_err(|_| NEVER)?;
                let recipient = entries.recipient().map_err(|_| NEVER)?;
                let visitor = self.visitors.intern(visitor);
                if self.warnings.records.value(warning).owner == Owner::Visitor(visitor) {
                    return Err(LoadError("a warning alerts whoever gave it"));
                }
                if !self.warnings.load_recipient(warning, visitor, recipient) {
                    return Err(LoadError("the part repeats an alert"));
                }
            }
        }
        self.warnings.stamp = self.warnings.stamp.max(stamp);
        Ok(())
    }

    fn load_owner(&mut self, saved: &SavedWarning<'_>) -> Record {
        Record {
            owner: match saved.source {
                Some(Source::Visitor(visitor)) => Owner::Visitor(self.visitors.intern(visitor)),
                Some(Source::Space(space)) => Owner::Space(self.spaces.intern(space)),
                None => Owner::Nobody,
            },
            ..saved.record.clone()
        }
    }

    pub(crate) fn load_late(&mut self, visitor: &[u8], space: &[u8], start: Millis, stamp: Stamp) {
        if let (Some(visitor), Some(space)) = (self.visitors.find(visitor), self.spaces.find(space))
        {
            self.warnings.mark_late((visitor, space, start), stamp);
            // A warning given from now on comes after it.
            self.warnings.stamp = self.warnings.stamp.max(stamp);
        }
    }
}

/// Warnings and their recipients as parts.
pub(crate) struct WarningParts<'g> {
    graph: &'g Graph,
    next: u32,
    /// The warning under way, and who is left of its recipients.
    current: Option<(u32, std::vec::IntoIter<u32>)>,
}

impl<'g> WarningParts<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            next: 0,
            current: None,
        }
    }

    /// The next warning to write, or to go on with.
    fn advance(&mut self) -> Option<(u32, std::vec::IntoIter<u32>)> {
        if let Some(current) = self.current.take() {
            return Some(current);
        }
        let records = &self.graph.warnings.records;
        while (self.next as usize) < records.bound() {
            let warning = self.next;
            self.next += 1;
            if records.is_used(warning) {
                let recipients: Vec<_> = (records.value(warning).recipients.keys())
                    .copied()
                    .collect();
                return Some((warning, recipients.into_iter()));
            }
        }
        None
    }
}

impl Iterator for WarningParts<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let graph = self.graph;
        let records = &graph.warnings.records;
        let (mut entries, mut count) = (Vec::new(), 0);
        let room =
            |taken: usize, more: usize| HEADER + 2 * MAX_VARINT + taken + more <= MAX_PART_BYTES;
        while room(entries.len(), MAX_WARNING + MAX_RECIPIENT) {
            let Some((warning, mut recipients)) = self.advance() else {
                break;
            };
            let record = records.value(warning);
            put_id(&mut entries, records.name(warning));
            entries.extend(graph.saved_record(record));
            let (mut list, mut listed) = (Vec::new(), 0);
            while room(entries.len() + list.len(), MAX_VARINT + MAX_RECIPIENT)
                && let Some(visitor) = recipients.next()
            {
                put_id(&mut list, graph.visitors.name(visitor));
                list.extend(record.recipients[&visitor].saved());
                listed += 1;
            }
            put_varint(&mut entries, listed);
            entries.append(&mut list);
            count += 1;
            if recipients.len() > 0 {
                self.current = Some((warning, recipients));
                break;
            }
        }
        if count == 0 {
            return None;
        }
        let mut head = Vec::new();
        put_varint(&mut head, graph.warnings.stamp);
        put_varint(&mut head, count);
        Some(seal(WARNINGS, &[&head, &entries]))
    }
}

/// Late visits that some warning must not see, as parts.
pub(crate) struct LateParts<'g> {
    graph: &'g Graph,
    visits: std::vec::IntoIter<(u32, u32, Millis, Stamp)>,
}

impl<'g> LateParts<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            visits: graph.warnings.late_visits().into_iter(),
        }
    }
}

impl Iterator for LateParts<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let graph = self.graph;
        let (mut list, mut count) = (Vec::new(), 0);
        while HEADER + MAX_VARINT + list.len() + MAX_LATE <= MAX_PART_BYTES
            && let Some((visitor, space, start, stamp)) = self.visits.next()
        {
            let length = graph.visitors.value(visitor).find(start, space);
            let Some(length) = length else {
                debug_assert!(false, "a mark goes with its visit");
                continue;
            };
            if graph.is_dead(visitor, space, start, start + length) {
                continue;
            }
            put_id(&mut list, graph.visitors.name(visitor));
            put_id(&mut list, graph.spaces.name(space));
            for number in [start, length, stamp] {
                put_varint(&mut list, number);
            }
            count += 1;
        }
        if count == 0 {
            return None;
        }
        let mut head = Vec::new();
        put_varint(&mut head, count);
        Some(seal(LATE_VISITS, &[&head, &list]))
    }
}
