//! Options: words in any case and any order, each at most once.

use lct_graph::{Millis, Order, Priority, WarningState, check_id};

use crate::arguments::{Arguments, decimal};
use crate::error::{Error, Result, Rule};
use crate::spec::{Opt, Spec};

/// The options given. Which of them a command takes stands in its line of the register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    pub(crate) from: Option<Millis>,
    pub(crate) to: Option<Millis>,
    pub(crate) at: Option<Millis>,
    pub(crate) order: Option<Order>,
    pub(crate) min_time: Option<Millis>,
    pub(crate) within: Option<Millis>,
    pub(crate) linger: Option<Millis>,
    pub(crate) min_priority: Option<Priority>,
    pub(crate) with_times: bool,
    pub(crate) count: Option<usize>,
    pub(crate) before: Option<Millis>,
    pub(crate) alerts: Option<Millis>,
    pub(crate) hold: Option<u64>,
    pub(crate) dry_run: bool,
    pub(crate) clock: Option<Millis>,
    pub(crate) late: Option<Millis>,
    pub(crate) expired: Option<Millis>,
    pub(crate) until: Option<Millis>,
    pub(crate) salt: Option<[u8; 16]>,
    pub(crate) space: Option<Vec<u8>>,
    pub(crate) state: Option<WarningState>,
    pub(crate) warning: Option<Vec<u8>>,
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) if_held: bool,
    #[cfg(feature = "panic-command")]
    pub(crate) write: bool,
}

impl Options {
    /// Reads the rest of `arguments` as options of `command`; the internal ones are known only where `obey` says so.
    ///
    /// # Errors
    /// An unknown or doubled option, or one whose value is missing or wrong. A command without options answers
    /// [`Error::WrongArity`] to any more arguments.
    pub(crate) fn read<A: AsRef<[u8]>>(
        arguments: &mut Arguments<'_, A>,
        command: &'static Spec,
        obey: bool,
    ) -> Result<Self> {
        let mut options = Self::default();
        let mut seen = 0_u32;
        while let Some(word) = arguments.next() {
            let Some(option) = command.option(word, obey) else {
                let position = arguments.position();
                return Err(if command.options.is_empty() {
                    Error::WrongArity
                } else {
                    Error::UnknownOption { position, command }
                });
            };
            let bit = 1 << option as u32;
            if seen & bit != 0 {
                return Err(Rule::Once.broken_by(option.name()));
            }
            seen |= bit;
            options.set(option, arguments)?;
        }
        Ok(options)
    }

    fn set<A: AsRef<[u8]>>(&mut self, option: Opt, arguments: &mut Arguments<'_, A>) -> Result<()> {
        let mut value = || arguments.next().ok_or(Rule::Value.broken_by(option.name()));
        let millis = |text: &[u8]| decimal(text).ok_or(Rule::Millis.broken_by(option.name()));
        match option {
            Opt::From => self.from = Some(millis(value()?)?),
            Opt::To => self.to = Some(millis(value()?)?),
            Opt::At => self.at = Some(millis(value()?)?),
            Opt::Order => self.order = Some(order(value()?)?),
            Opt::MinTime => self.min_time = Some(millis(value()?)?),
            Opt::Within => self.within = Some(millis(value()?)?),
            Opt::Linger => self.linger = Some(millis(value()?)?),
            Opt::MinPriority => self.min_priority = Some(priority(value()?)?),
            Opt::WithTimes => self.with_times = true,
            Opt::Count => self.count = Some(count(value()?)?),
            Opt::Before => self.before = Some(millis(value()?)?),
            Opt::Alerts => self.alerts = Some(millis(value()?)?),
            Opt::Hold => self.hold = Some(hold(value()?)?),
            Opt::DryRun => self.dry_run = true,
            Opt::Clock => self.clock = Some(millis(value()?)?),
            Opt::Late => self.late = Some(millis(value()?)?),
            Opt::Expired => self.expired = Some(millis(value()?)?),
            Opt::Until => self.until = Some(millis(value()?)?),
            Opt::Salt => self.salt = Some(salt(value()?)?),
            Opt::Space => self.space = Some(id(value()?, option)?),
            Opt::State => self.state = Some(state(value()?)?),
            Opt::Warning => self.warning = Some(id(value()?, option)?),
            Opt::After => self.after = Some(id(value()?, option)?),
            Opt::IfHeld => self.if_held = true,
            #[cfg(feature = "panic-command")]
            Opt::Write => self.write = true,
        }
        Ok(())
    }
}

fn order(text: &[u8]) -> Result<Order> {
    match text {
        b"1" => Ok(Order::First),
        b"2" => Ok(Order::Second),
        _ => Err(Rule::Order.broken_by(Opt::Order.name())),
    }
}

fn priority(text: &[u8]) -> Result<Priority> {
    [Priority::High, Priority::Medium, Priority::Low]
        .into_iter()
        .find(|&priority| word(priority).as_bytes().eq_ignore_ascii_case(text))
        .ok_or(Rule::Priority.broken_by(Opt::MinPriority.name()))
}

fn state(text: &[u8]) -> Result<WarningState> {
    WarningState::ALL
        .into_iter()
        .find(|state| state.word().as_bytes().eq_ignore_ascii_case(text))
        .ok_or(Rule::State.broken_by(Opt::State.name()))
}

/// The word for a priority.
pub(crate) const fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Medium => "medium",
        Priority::Low => "low",
    }
}

fn id(text: &[u8], option: Opt) -> Result<Vec<u8>> {
    check_id(text).map_err(|error| Rule::Id(error).broken_by(option.name()))?;
    Ok(text.to_vec())
}

fn hold(text: &[u8]) -> Result<u64> {
    decimal(text).ok_or(Rule::Number.broken_by(Opt::Hold.name()))
}

fn count(text: &[u8]) -> Result<usize> {
    match decimal(text) {
        Some(number) if number > 0 => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
        _ => Err(Rule::Count.broken_by(Opt::Count.name())),
    }
}

fn salt(text: &[u8]) -> Result<[u8; 16]> {
    let broken = Rule::Salt.broken_by(Opt::Salt.name());
    if text.len() != 32 || !text.iter().all(u8::is_ascii_hexdigit) {
        return Err(broken);
    }
    let digits = std::str::from_utf8(text).map_err(|_| broken)?;
    let salt = u128::from_str_radix(digits, 16).map_err(|_| broken)?;
    Ok(salt.to_be_bytes())
}

/// A salt as [`Opt::Salt`] takes it.
pub(crate) fn hex(salt: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(salt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::COMMANDS;

    fn read(command: &str, obey: bool, words: &str) -> std::result::Result<Options, String> {
        let command = COMMANDS
            .iter()
            .find(|spec| spec.name.to_str() == Ok(command))
            .unwrap();
        let words: Vec<_> = words.split_whitespace().collect();
        Options::read(&mut Arguments::new(&words), command, obey).map_err(|error| error.to_string())
    }

    #[test]
    fn any_case_and_any_order() {
        let expected = Options {
            from: Some(1),
            to: Some(2),
            order: Some(Order::Second),
            min_priority: Some(Priority::Medium),
            with_times: true,
            count: Some(9),
            ..Options::default()
        };
        let words = "count 9 From 1 WITHTIMES minpriority MEDIUM oRdEr 2 TO 2";
        assert_eq!(read("lct.exposed", false, words), Ok(expected));
        assert_eq!(read("lct.exposed", false, ""), Ok(Options::default()));
    }

    #[test]
    fn every_error_names_the_option() {
        for (words, line) in [
            ("FROM", "ERR FROM: needs a value"),
            ("FROM 1 from 2", "ERR FROM: given twice"),
            ("WITHTIMES WITHTIMES", "ERR WITHTIMES: given twice"),
            ("ORDER 3", "ERR ORDER: must be 1 or 2"),
            (
                "MINPRIORITY urgent",
                "ERR MINPRIORITY: must be high, medium or low",
            ),
            (
                "COUNT 0",
                "ERR COUNT: must be a whole number from 1 to 9007199254740991, in plain digits",
            ),
            (
                "AT -1",
                "ERR AT: must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits",
            ),
            (
                "FROM 1 CLOCK 5",
                "ERR option 4: unknown; the options of LCT.EXPOSED are FROM, TO, AT, ORDER, MINTIME, WITHIN, LINGER, \
                 MINPRIORITY, WITHTIMES, COUNT",
            ),
        ] {
            assert_eq!(
                read("lct.exposed", false, words),
                Err(line.to_owned()),
                "{words}"
            );
        }
    }

    #[test]
    fn internal_options_are_for_those_who_must_be_obeyed() {
        let words = "SALT 000102030405060708090a0b0c0d0e0f";
        let options = read("lct.revoke", true, words).unwrap();
        assert_eq!(
            options.salt,
            Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        );
        assert_eq!(format!("SALT {}", hex(options.salt.unwrap())), words);
        assert_eq!(
            read("lct.revoke", false, words),
            Err("ERR wrong number of arguments".to_owned())
        );
        assert!(read("lct.revoke", true, "SALT +0102030405060708090a0b0c0d0e0f0").is_err());
        assert_eq!(
            read("lct.purge", true, "BEFORE 1 ALERTS 2 CLOCK 3")
                .unwrap()
                .clock,
            Some(3)
        );
        assert!(
            read("lct.purge", false, "CLOCK 3")
                .unwrap_err()
                .contains("the options of LCT.PURGE are BEFORE, ALERTS")
        );
    }
}
