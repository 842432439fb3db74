//! What the register says about a command, and what follows from it: flags, categories, arity, documentation.

use std::ffi::CStr;

use crate::error::Result;
use crate::ffi::Call;

/// A line of the register.
pub(crate) struct Spec {
    /// The name, in lower case.
    pub(crate) name: &'static CStr,
    /// What it does.
    pub(crate) run: fn(&Call<'_>) -> Result<()>,
    /// How it uses the graph.
    pub(crate) access: Access,
    /// How long it takes.
    pub(crate) speed: Speed,
    /// The arguments between the graph and the options.
    pub(crate) takes: Takes,
    /// The options clients may give.
    pub(crate) options: &'static [Opt],
    /// The options only replication and the append-only file may give: what a client's command is resolved to.
    pub(crate) internal: &'static [Opt],
    /// One sentence.
    pub(crate) summary: &'static CStr,
    /// In big O.
    pub(crate) complexity: &'static CStr,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Spec {}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.display_name())
    }
}

/// How a command uses the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Asks.
    Read,
    /// Writes; refused when memory is full.
    Grow,
    /// Writes what cannot wait until there is room: never refused.
    Amend,
    /// Removes; never refused.
    Erase,
}

/// How long a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// O(log n) at most, for each visit it is given.
    Fast,
    /// As long as the answer, or the data, is large.
    Slow,
}

/// The arguments between the graph and the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Each once.
    Once(&'static [Param]),
    /// All of them, as often as one likes.
    Repeated(&'static [Param]),
    /// The first ones once, the last one as often as one likes.
    Many(&'static [Param], Param),
}

/// An argument known by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    /// An id.
    Visitor,
    /// An id.
    Space,
    /// A time.
    Start,
    /// A time.
    End,
    /// A time.
    NewStart,
    /// A time.
    NewEnd,
    /// A time.
    From,
    /// A time.
    To,
    /// An id.
    Warning,
    /// Why somebody warns, one of four words.
    Reason,
    /// The id of an alert.
    Alert,
    /// A part of a graph, as its codec writes it.
    Part,
}

impl Param {
    /// Its name in the syntax.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Space => "space",
            Self::Start => "start",
            Self::End => "end",
            Self::NewStart => "newstart",
            Self::NewEnd => "newend",
            Self::From => "from",
            Self::To => "to",
            Self::Warning => "warning",
            Self::Reason => "reason",
            Self::Alert => "alert",
            Self::Part => "part",
        }
    }

    /// Whether it says something about somebody, so that it must show neither in MONITOR nor in SLOWLOG.
    const fn is_personal(self) -> bool {
        !self.is_time()
    }

    const fn is_time(self) -> bool {
        matches!(
            self,
            Self::Start | Self::End | Self::NewStart | Self::NewEnd | Self::From | Self::To
        )
    }
}

/// An argument known by the word before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opt {
    /// A time.
    From,
    /// A time.
    To,
    /// A time.
    At,
    /// 1 or 2.
    Order,
    /// A duration.
    MinTime,
    /// A duration.
    Within,
    /// A duration.
    Linger,
    /// high, medium or low.
    MinPriority,
    /// No value.
    WithTimes,
    /// A number.
    Count,
    /// A time.
    Before,
    /// A time.
    Alerts,
    /// A number.
    Hold,
    /// No value.
    DryRun,
    /// The time at which a client gave the command.
    Clock,
    /// Visits that ended by then were late at that time.
    Late,
    /// Visits that ended by then had expired at that time.
    Expired,
    /// Until when a warning stands.
    Until,
    /// The key of a graph's revocations.
    Salt,
    /// An id.
    Space,
    /// active, held or retracted.
    State,
    /// An id.
    Warning,
    /// The id of a warning.
    After,
    /// No value.
    IfHeld,
    /// No value.
    #[cfg(feature = "panic-command")]
    Write,
}

impl Opt {
    /// Its word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::From => "FROM",
            Self::To => "TO",
            Self::At => "AT",
            Self::Order => "ORDER",
            Self::MinTime => "MINTIME",
            Self::Within => "WITHIN",
            Self::Linger => "LINGER",
            Self::MinPriority => "MINPRIORITY",
            Self::WithTimes => "WITHTIMES",
            Self::Count => "COUNT",
            Self::Before => "BEFORE",
            Self::Alerts => "ALERTS",
            Self::Hold => "HOLD",
            Self::DryRun => "DRYRUN",
            Self::Clock => "CLOCK",
            Self::Late => "LATE",
            Self::Expired => "EXPIRED",
            Self::Until => "UNTIL",
            Self::Salt => "SALT",
            Self::Space => "SPACE",
            Self::State => "STATE",
            Self::Warning => "WARNING",
            Self::After => "AFTER",
            Self::IfHeld => "IFHELD",
            #[cfg(feature = "panic-command")]
            Self::Write => "WRITE",
        }
    }

    /// What its value is called in the syntax, where it has one.
    fn value_name(self) -> String {
        match self {
            Self::After => Param::Warning.name().to_owned(),
            _ => self.name().to_lowercase(),
        }
    }

    /// Whether it says something about somebody, as [`Param::is_personal`].
    const fn is_personal(self) -> bool {
        matches!(self, Self::Space | Self::Warning | Self::After)
    }

    fn kind(self) -> DocKind {
        match self {
            Self::From
            | Self::To
            | Self::At
            | Self::Before
            | Self::Alerts
            | Self::Clock
            | Self::Late
            | Self::Expired
            | Self::Until => DocKind::Time,
            Self::MinTime | Self::Within | Self::Linger | Self::Count | Self::Hold => {
                DocKind::Integer
            }
            Self::Order => DocKind::one_of(&["1", "2"]),
            Self::MinPriority => DocKind::one_of(&["high", "medium", "low"]),
            Self::State => DocKind::one_of(&["active", "held", "retracted"]),
            Self::Salt | Self::Space | Self::Warning | Self::After => DocKind::String,
            Self::WithTimes | Self::DryRun | Self::IfHeld => DocKind::Token,
            #[cfg(feature = "panic-command")]
            Self::Write => DocKind::Token,
        }
    }
}

/// An argument as COMMAND DOCS shows it.
pub(crate) struct ArgumentDoc {
    /// What it is called.
    pub(crate) name: String,
    /// The word before it.
    pub(crate) token: Option<&'static str>,
    /// What it is.
    pub(crate) kind: DocKind,
    /// Whether it may be left out.
    pub(crate) is_optional: bool,
}

/// What an argument is.
pub(crate) enum DocKind {
    /// The key.
    Key,
    /// Bytes.
    String,
    /// A number.
    Integer,
    /// Epoch milliseconds.
    Time,
    /// The word itself.
    Token,
    /// One of these words.
    OneOf(Vec<ArgumentDoc>),
    /// All of these, once or more.
    Repeated(Vec<ArgumentDoc>),
    /// Bytes, once or more.
    Strings,
}

impl DocKind {
    fn one_of(words: &[&'static str]) -> Self {
        let word = |word: &&'static str| ArgumentDoc {
            name: (*word).to_owned(),
            token: Some(word),
            kind: Self::Token,
            is_optional: false,
        };
        Self::OneOf(words.iter().map(word).collect())
    }
}

impl From<Param> for ArgumentDoc {
    fn from(param: Param) -> Self {
        let kind = if param.is_time() {
            DocKind::Time
        } else {
            DocKind::String
        };
        Self {
            name: param.name().to_owned(),
            token: None,
            kind,
            is_optional: false,
        }
    }
}

impl From<Opt> for ArgumentDoc {
    fn from(option: Opt) -> Self {
        Self {
            name: option.value_name(),
            token: Some(option.name()),
            kind: option.kind(),
            is_optional: true,
        }
    }
}

impl Spec {
    /// The name as documentation writes it.
    pub(crate) fn display_name(&self) -> String {
        self.name.to_string_lossy().to_uppercase()
    }

    /// The option `word` names, in any case; the internal ones only where `internal` says so.
    pub(crate) fn option(&self, word: &[u8], internal: bool) -> Option<Opt> {
        let internal = if internal { self.internal } else { &[] };
        self.options
            .iter()
            .chain(internal)
            .copied()
            .find(|option| option.name().as_bytes().eq_ignore_ascii_case(word))
    }

    /// The number of arguments with the command's name; at least so many if negative.
    pub(crate) fn arity(&self) -> i32 {
        let needed = i32::try_from(2 + self.params().count()).unwrap_or(i32::MAX);
        let is_exact = matches!(self.takes, Takes::Once(_))
            && self.options.is_empty()
            && self.internal.is_empty();
        if is_exact { needed } else { -needed }
    }

    /// The flags of RM_CreateCommand.
    pub(crate) fn flags(&self) -> String {
        let mut flags = String::from(match self.access {
            Access::Read => "readonly",
            Access::Grow => "write deny-oom",
            Access::Amend | Access::Erase => "write",
        });
        if self.speed == Speed::Fast {
            flags += " fast";
        }
        if self.params().any(Param::is_personal)
            || self.options.iter().any(|option| option.is_personal())
        {
            flags += " no-monitor no-slowlog";
        }
        flags
    }

    /// The categories of ACL.
    pub(crate) const fn categories(&self) -> &'static str {
        match (self.access, self.speed) {
            (Access::Read, Speed::Fast) => "read fast lct",
            (Access::Read, Speed::Slow) => "read slow lct",
            (_, Speed::Fast) => "write fast lct",
            (_, Speed::Slow) => "write slow lct",
        }
    }

    /// The arguments as COMMAND DOCS shows them.
    pub(crate) fn arguments(&self) -> Vec<ArgumentDoc> {
        let graph = ArgumentDoc {
            name: "graph".to_owned(),
            token: None,
            kind: DocKind::Key,
            is_optional: false,
        };
        let mut params: Vec<_> = self.params().map(ArgumentDoc::from).collect();
        match self.takes {
            Takes::Once(_) => {}
            Takes::Repeated(_) => {
                params = vec![ArgumentDoc {
                    name: "visit".to_owned(),
                    token: None,
                    kind: DocKind::Repeated(params),
                    is_optional: false,
                }];
            }
            Takes::Many(..) => {
                if let Some(last) = params.last_mut() {
                    last.kind = DocKind::Strings;
                }
            }
        }
        let options = self.options.iter().copied().map(ArgumentDoc::from);
        std::iter::once(graph)
            .chain(params)
            .chain(options)
            .collect()
    }

    fn params(&self) -> impl Iterator<Item = Param> {
        let (params, last) = match self.takes {
            Takes::Once(params) | Takes::Repeated(params) => (params, None),
            Takes::Many(params, last) => (params, Some(last)),
        };
        params.iter().copied().chain(last)
    }
}
