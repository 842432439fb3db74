//! The settings: lines of redis.conf, CONFIG SET, MODULE LOADEX. All but one are milliseconds, and 0 is no limit.

use std::ffi::CStr;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, Ordering};

use lct_graph::{MAX_MILLIS, Millis};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How long visits exist: a fortnight, as the privacy policy this was made for promises.
pub(crate) static RETENTION: Setting = Setting::new(c"retention", 14 * DAY);
/// How long alerts stay in an inbox.
pub(crate) static ALERT_TTL: Setting = Setting::new(c"alert-ttl", 14 * DAY);
/// A visit logged more than this after its end is late.
pub(crate) static LATE: Setting = Setting::new(c"late", DAY);
/// The longest visit a client may log.
pub(crate) static MAX_VISIT: Setting = Setting::new(c"max-visit", DAY);
/// How far ahead of now a visit may start and a question may look.
pub(crate) static MAX_AHEAD: Setting = Setting::new(c"max-ahead", DAY);
/// How long removed data may stay in the append-only file.
pub(crate) static ERASE_WITHIN: Setting = Setting::new(c"erase-within", DAY);
/// How many people it takes for LCT.DENSITY to tell about them. With two, each of them would learn about the other.
pub(crate) static DENSITY_K: Setting = Setting::number(c"density-k", 5, 3..=1_000_000);

/// Every setting.
pub(crate) static ALL: [&Setting; 7] = [
    &RETENTION,
    &ALERT_TTL,
    &LATE,
    &MAX_VISIT,
    &MAX_AHEAD,
    &ERASE_WITHIN,
    &DENSITY_K,
];

/// A setting. It is read and written on the server's main thread; atomic because statics must be.
#[derive(Debug)]
pub(crate) struct Setting {
    name: &'static CStr,
    default: i64,
    least: i64,
    greatest: i64,
    value: AtomicI64,
}

impl Setting {
    const fn new(name: &'static CStr, default: i64) -> Self {
        Self::number(name, default, 0..=MAX_MILLIS.cast_signed())
    }

    const fn number(name: &'static CStr, default: i64, range: RangeInclusive<i64>) -> Self {
        Self {
            name,
            default,
            least: *range.start(),
            greatest: *range.end(),
            value: AtomicI64::new(default),
        }
    }

    /// The name, without the `lct.` the server puts before it.
    pub(crate) const fn name(&self) -> &'static CStr {
        self.name
    }

    /// The value if nobody says otherwise.
    pub(crate) const fn default_value(&self) -> i64 {
        self.default
    }

    /// The least value.
    pub(crate) const fn least(&self) -> i64 {
        self.least
    }

    /// The greatest value.
    pub(crate) const fn greatest(&self) -> i64 {
        self.greatest
    }

    /// The value as the server knows it.
    pub(crate) fn stored(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Sets the value, which the server has checked to be from [`Self::least`] to [`Self::greatest`].
    pub(crate) fn store(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// The value as a number of something.
    pub(crate) fn count(&self) -> u64 {
        self.stored().unsigned_abs()
    }

    /// The value; 0 is no limit.
    pub(crate) fn millis(&self) -> Millis {
        self.stored().unsigned_abs()
    }
}
