//! What can go wrong, and the one line a client reads about it.
//!
//! A line names the argument and the rule it broke. It never echoes a value: error lines end up in logs.

use std::fmt;

use lct_graph::{DecodeError, IdError, LoadError, NoAlertId, Taken};

use crate::spec::Spec;

/// A result of this module.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command failed. A failed command has changed nothing and is not replicated, [`Error::Damaged`] excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    /// Too few or too many arguments; the server words it.
    WrongArity,
    /// The key holds something else; worded as the server does.
    WrongType,
    /// No such key, where one is needed.
    NoSuchKey,
    /// LCT.LOAD from a client.
    NotLoading,
    /// LCT.STAND from a client.
    NotReplicated,
    /// Bytes that are no part of a graph.
    NoPart(DecodeError),
    /// A part of another graph.
    ForeignPart(LoadError),
    /// A snapshot that does not end where it should, or of a newer format.
    Snapshot(&'static str),
    /// A panic that changed nothing.
    Internal,
    /// A panic in the middle of a change, now or earlier.
    Damaged,
    /// The visitor was revoked.
    Revoked {
        /// Which visit of a command that takes many, from 1.
        visit: Option<usize>,
    },
    /// No option of the command.
    UnknownOption {
        /// Which argument after the command's name, from 1.
        position: usize,
        /// The command, which knows its options.
        command: &'static Spec,
    },
    /// An argument broke a rule.
    Argument {
        /// Which visit of a command that takes many, from 1.
        visit: Option<usize>,
        /// The argument's name in the syntax.
        argument: &'static str,
        /// The rule.
        rule: Rule,
    },
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A decimal from 0 to 2^53 − 1.
    Millis,
    /// A decimal from 1 to 2^53 − 1.
    Count,
    /// A decimal from 0 to 2^53 − 1 that is no time.
    Number,
    /// An id.
    Id(IdError),
    /// Later than another argument.
    After(&'static str),
    /// Not earlier than another argument.
    NotBefore(&'static str),
    /// Earlier than another argument.
    Before(&'static str),
    /// 1 or 2.
    Order,
    /// 1, because of another argument.
    FirstOrder,
    /// One of the words for why somebody warns.
    Reason,
    /// … or, of a place, one of those that say something of others.
    SpaceReason,
    /// The id of an alert.
    Alert(NoAlertId),
    /// Not the id of somebody else's warning.
    Own(Taken),
    /// high, medium or low.
    Priority,
    /// active, held or retracted.
    State,
    /// 32 hexadecimal digits.
    Salt,
    /// At most once.
    Once,
    /// Not the last word.
    Value,
    /// Only with another option.
    With(&'static str),
    /// Only without another option.
    Without(&'static str),
    /// At most `lct.max-ahead` from now.
    MaxAhead,
    /// At most `lct.max-visit` after the start.
    MaxVisit,
    /// At most `lct.retention` ago.
    Retention,
    /// Now or earlier.
    NotAfterNow,
    /// Hours and spaces of which the answer has no more rows than this.
    FewCells(usize),
}

impl Rule {
    /// The error of `argument`, which broke this rule.
    pub(crate) const fn broken_by(self, argument: &'static str) -> Error {
        Error::Argument {
            visit: None,
            argument,
            rule: self,
        }
    }
}

impl Error {
    /// The same error, of the visit `number` (from 1).
    pub(crate) fn of_visit(self, number: usize) -> Self {
        match self {
            Self::Argument { argument, rule, .. } => Self::Argument {
                visit: Some(number),
                argument,
                rule,
            },
            other => other,
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::NoPart(error)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::ForeignPart(error)
    }
}

impl From<Taken> for Error {
    fn from(error: Taken) -> Self {
        Rule::Own(error).broken_by("warning")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongArity => f.write_str("ERR wrong number of arguments"),
            Self::WrongType => f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value"),
            Self::NoSuchKey => f.write_str("ERR no such key"),
            Self::NotLoading => f.write_str("ERR LCT.LOAD: only while loading"),
            Self::NoPart(why) => write!(f, "ERR part: {why}"),
            Self::ForeignPart(why) => write!(f, "ERR part: {why}"),
            Self::Snapshot(why) => write!(f, "ERR snapshot: {why}"),
            Self::Internal => f.write_str("ERR internal error; nothing was changed"),
            Self::Damaged => f.write_str(
                "ERR the graph was damaged by an internal error; restart the server to load it again",
            ),
            Self::NotReplicated => f.write_str("ERR LCT.STAND: only by replication"),
            Self::Revoked { visit } => {
                f.write_str("REVOKED ")?;
                if let Some(n) = visit {
                    write!(f, "visit {n}: ")?;
                }
                f.write_str("visitor: this id was revoked and cannot be used again")
            }
            Self::UnknownOption { position, command } => {
                let options: Vec<_> = command.options.iter().map(|option| option.name()).collect();
                let name = command.display_name();
                write!(f, "ERR option {position}: unknown; the options of {name} are {}", options.join(", "))
            }
            Self::Argument { visit: None, argument, rule } => write!(f, "ERR {argument}: {rule}"),
            Self::Argument { visit: Some(n), argument, rule } => write!(f, "ERR visit {n}: {argument}: {rule}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis => f.write_str(
                "must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits",
            ),
            Self::Count => f.write_str("must be a whole number from 1 to 9007199254740991, in plain digits"),
            Self::Number => f.write_str("must be a whole number from 0 to 9007199254740991, in plain digits"),
            Self::Id(IdError::Length) => f.write_str("must be 1 to 128 bytes long"),
            Self::Id(IdError::NotUtf8) => f.write_str("must be UTF-8"),
            Self::Id(IdError::Control) => f.write_str("must not hold control characters"),
            Self::After(other) => write!(f, "must be after {other}"),
            Self::NotBefore(other) => write!(f, "must not be before {other}"),
            Self::Before(other) => write!(f, "must be before {other}"),
            Self::Order => f.write_str("must be 1 or 2"),
            Self::FirstOrder => f.write_str("must be 1 where the reason is alerted"),
            Self::Reason => f.write_str("must be positive, contact, symptoms or alerted"),
            Self::SpaceReason => f.write_str("must be positive, contact or symptoms"),
            Self::Alert(error) => error.fmt(f),
            Self::Own(error) => error.fmt(f),
            Self::Priority => f.write_str("must be high, medium or low"),
            Self::State => f.write_str("must be active, held or retracted"),
            Self::Salt => f.write_str("must be 32 hexadecimal digits"),
            Self::Once => f.write_str("given twice"),
            Self::Value => f.write_str("needs a value"),
            Self::With(other) => write!(f, "needs {other}"),
            Self::Without(other) => write!(f, "must not be given with {other}"),
            Self::MaxAhead => f.write_str("further ahead than lct.max-ahead allows"),
            Self::MaxVisit => f.write_str("the visit is longer than lct.max-visit allows"),
            Self::Retention => f.write_str("the visit ended longer ago than lct.retention"),
            Self::NotAfterNow => f.write_str("must not be later than now"),
            Self::FewCells(most) => write!(f, "the answer has more than {most} rows; ask for fewer hours, or for one SPACE"),
        }
    }
}
