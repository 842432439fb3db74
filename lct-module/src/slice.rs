//! How long work may hold the server before others have their turn.

use std::time::{Duration, Instant};

/// The time work may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice(Option<Instant>);

impl Slice {
    /// A slice that begins now.
    pub(crate) fn of(length: Duration) -> Self {
        Self(Some(Instant::now() + length))
    }

    /// As long as it takes.
    pub(crate) const WHOLE: Self = Self(None);

    /// Whether it is over.
    pub(crate) fn is_over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}
