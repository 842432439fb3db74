//! Commands as replicas and the append-only file get them: with every time and default filled in.

use std::borrow::Cow;

use lct_graph::{Millis, Moment};

use crate::spec::Opt;

/// The arguments of such a command.
#[derive(Debug, Default)]
pub(crate) struct Resolved<'a>(Vec<Cow<'a, [u8]>>);

impl<'a> Resolved<'a> {
    /// Those known by their place.
    pub(crate) fn new(words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(words.into_iter().map(Cow::Borrowed).collect())
    }

    /// A number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.push(Cow::Owned(number.to_string().into_bytes()));
        self
    }

    /// An option with a word as its value.
    pub(crate) fn option(&mut self, option: Opt, word: impl Into<Cow<'a, [u8]>>) -> &mut Self {
        self.0.push(Cow::Borrowed(option.name().as_bytes()));
        self.0.push(word.into());
        self
    }

    /// An option with a number as its value.
    pub(crate) fn time(&mut self, option: Opt, number: Millis) -> &mut Self {
        self.option(option, number.to_string().into_bytes())
    }

    /// An option that may not be given.
    pub(crate) fn maybe(&mut self, option: Opt, number: Option<u64>) -> &mut Self {
        if let Some(number) = number {
            self.time(option, number);
        }
        self
    }

    /// What time it was.
    pub(crate) fn moment(&mut self, moment: &Moment) -> &mut Self {
        self.time(Opt::Clock, moment.now)
            .time(Opt::Late, moment.late)
            .time(Opt::Expired, moment.expired)
    }

    /// All of them.
    pub(crate) fn words(&self) -> &[Cow<'a, [u8]>] {
        &self.0
    }
}
