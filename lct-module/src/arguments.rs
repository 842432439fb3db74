//! The arguments of a command, read from left to right, each checked as it is read.

use lct_graph::{MAX_MILLIS, Millis, check_id};

use crate::error::{Error, Result, Rule};

/// A cursor over what follows the graph. (`A` is the server's string; in tests it is a byte string.)
#[derive(Debug, Clone)]
pub(crate) struct Arguments<'a, A> {
    all: &'a [A],
    read: usize,
}

impl<'a, A: AsRef<[u8]>> Arguments<'a, A> {
    /// Before the first of `all`.
    pub(crate) const fn new(all: &'a [A]) -> Self {
        Self { all, read: 0 }
    }

    /// How many are left.
    pub(crate) const fn len(&self) -> usize {
        self.all.len() - self.read
    }

    /// Which argument after the command's name was read last, from 1; the graph is the first.
    pub(crate) const fn position(&self) -> usize {
        self.read + 1
    }

    /// The next one, whatever it is.
    pub(crate) fn next(&mut self) -> Option<&'a [u8]> {
        let next = self.all.get(self.read)?;
        self.read += 1;
        Some(next.as_ref())
    }

    fn required(&mut self) -> Result<&'a [u8]> {
        self.next().ok_or(Error::WrongArity)
    }

    /// An id.
    pub(crate) fn id(&mut self, name: &'static str) -> Result<&'a [u8]> {
        let id = self.required()?;
        check_id(id).map_err(|error| Rule::Id(error).broken_by(name))?;
        Ok(id)
    }

    /// A time.
    pub(crate) fn millis(&mut self, name: &'static str) -> Result<Millis> {
        decimal(self.required()?).ok_or(Rule::Millis.broken_by(name))
    }

    /// Two times, of which the second must lie after the first.
    pub(crate) fn interval(
        &mut self,
        (first, second): (&'static str, &'static str),
    ) -> Result<(Millis, Millis)> {
        let (start, end) = (self.millis(first)?, self.millis(second)?);
        if start < end {
            Ok((start, end))
        } else {
            Err(Rule::After(first).broken_by(second))
        }
    }

    /// Bytes of any kind.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        self.required()
    }
}

/// A decimal from 0 to 2^53 − 1: `0` or digits that do not begin with one.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let number = match (digits.first_chunk(), digits.last_chunk()) {
        (Some(first), Some(last)) => {
            // What both have in common is taken from the first.
            let first = u64::from_le_bytes(*first);
            let common = 8 * (16 - digits.len() as u32);
            let high = first.checked_shl(common).unwrap_or(0)
                | ZEROS.checked_shr(u64::BITS - common).unwrap_or(0);
            eight(high)? * 100_000_000 + eight(u64::from_le_bytes(*last))?
        }
        _ => digits.iter().try_fold(0, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            Some(number * 10 + digit)
        })?,
    };
    (number <= MAX_MILLIS).then_some(number)
}

/// Eight zeros, as text.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// The number that eight digits are: all at once, by halves, because this is done four times for each visit.
fn eight(text: u64) -> Option<u64> {
    // A digit is 3x, and stays so when 6 is added.
    let tens = 0xf0f0_f0f0_f0f0_f0f0;
    let is_decimal =
        text & tens == ZEROS && text.wrapping_add(0x0606_0606_0606_0606) & tens == ZEROS;
    let digits = text & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    is_decimal.then_some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lct_graph::IdError;

    #[test]
    fn decimals_are_plain() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("10", 10),
            ("12345678", 12_345_678),
            ("123456789", 123_456_789),
            ("1780272000001", 1_780_272_000_001),
            ("9007199254740991", MAX_MILLIS),
        ] {
            assert_eq!(decimal(text.as_bytes()), Some(number), "{text}");
        }
        for text in [
            "",
            "00",
            "01",
            "-1",
            "+1",
            " 1",
            "1 ",
            "12345678 ",
            "1234/5678",
            "1234567:9",
            "1780272-00001",
            "1.0",
            "1e3",
            "0x1",
            "1_0",
            "\u{0661}",
            "9007199254740992",
            "9999999999999999",
            "10000000000000000",
            "18446744073709551616",
            "1\0",
        ] {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn reads_from_left_to_right() {
        let all: [&[u8]; 5] = [b"ann", b"caf\xc3\xa9", b"10", b"20", b"FROM"];
        let mut arguments = Arguments::new(&all);
        assert_eq!(arguments.id("visitor"), Ok(&b"ann"[..]));
        assert_eq!(arguments.id("space"), Ok("café".as_bytes()));
        assert_eq!(arguments.interval(("start", "end")), Ok((10, 20)));
        assert_eq!((arguments.position(), arguments.len()), (5, 1));
        assert_eq!(arguments.next(), Some(&b"FROM"[..]));
        assert_eq!(arguments.next(), None);
        assert_eq!(arguments.millis("x"), Err(Error::WrongArity));
    }

    #[test]
    fn names_the_argument_and_the_rule() {
        let one = |text: &'static [u8]| [text];
        let id = |text| Arguments::new(&one(text)).id("visitor").map(<[u8]>::to_vec);
        assert_eq!(id(b""), Err(Rule::Id(IdError::Length).broken_by("visitor")));
        assert_eq!(
            id(b"\xff"),
            Err(Rule::Id(IdError::NotUtf8).broken_by("visitor"))
        );
        assert_eq!(
            id(b"a\x7f"),
            Err(Rule::Id(IdError::Control).broken_by("visitor"))
        );
        let times: [&[u8]; 2] = [b"5", b"5"];
        let error = Arguments::new(&times)
            .interval(("start", "end"))
            .unwrap_err();
        assert_eq!(error.to_string(), "ERR end: must be after start");
        assert_eq!(
            error.of_visit(3).to_string(),
            "ERR visit 3: end: must be after start"
        );
    }
}
