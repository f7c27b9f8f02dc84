//! `expires`: for how long an answer may be used again.

use crate::placeholder::Template;
use std::fmt;
use std::str::FromStr;

/// `expires`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expires {
    /// The same for every answer.
    Always(Lifetime),
    /// Read anew for each request; where that gives no lifetime, nothing is said.
    Filled(Template),
}

/// For how long an answer may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Nothing is said of it.
    Off,
    /// Not at all.
    Epoch,
    /// Ten years.
    Max,
    /// For so many seconds from now; below 0 is not at all.
    After(i64),
    /// For so many seconds from when the file was changed.
    AfterChange(i64),
    /// Until the clock next shows so many seconds after midnight, UTC.
    Until(i64),
}

/// What is no lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `30d`, `-1`, `@15h30m`, `modified 24h`, `epoch`, `max` or `off`")]
pub struct NoLifetime;

/// In seconds.
const DAY: i64 = 24 * 3600;
const UNITS: [(char, i64); 7] =
    [('y', 365 * DAY), ('M', 30 * DAY), ('w', 7 * DAY), ('d', DAY), ('h', 3600), ('m', 60), ('s', 1)];

impl FromStr for Lifetime {
    type Err = NoLifetime;

    fn from_str(text: &str) -> Result<Self, NoLifetime> {
        match text {
            "off" => return Ok(Self::Off),
            "epoch" => return Ok(Self::Epoch),
            "max" => return Ok(Self::Max),
            _ => {}
        }
        if let Some(time) = text.strip_prefix('@') {
            return seconds(time).filter(|time| *time <= DAY).map(Self::Until).ok_or(NoLifetime);
        }
        let (kind, time): (fn(i64) -> Self, _) = match text.strip_prefix("modified ") {
            Some(time) => (Self::AfterChange, time),
            None => (Self::After, text),
        };
        let signed = match time.strip_prefix('-') {
            Some(time) => seconds(time).map(|time| -time),
            None => seconds(time.strip_prefix('+').unwrap_or(time)),
        };
        signed.map(kind).ok_or(NoLifetime)
    }
}

/// As it is written.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Epoch => f.write_str("epoch"),
            Self::Max => f.write_str("max"),
            Self::After(seconds) => write!(f, "{seconds}s"),
            Self::AfterChange(seconds) => write!(f, "modified {seconds}s"),
            Self::Until(seconds) => write!(f, "@{seconds}s"),
        }
    }
}

/// `1d 12h`: numbers with falling units; one without a unit is seconds.
fn seconds(text: &str) -> Option<i64> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let (unit, after) = match after.chars().next() {
            Some(unit) if unit.is_ascii_alphabetic() => (unit, after.get(1..)?),
            _ => ('s', after),
        };
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(*scale)?)?;
        rest = after.trim_start_matches(' ');
    }
    Some(sum).filter(|sum| !text.is_empty() && *sum <= 100 * 365 * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_read_in_all_its_forms_and_written_as_it_is_read() {
        for (text, expected) in [
            ("off", Lifetime::Off),
            ("epoch", Lifetime::Epoch),
            ("max", Lifetime::Max),
            ("0", Lifetime::After(0)),
            ("30d", Lifetime::After(30 * DAY)),
            ("1d 12h", Lifetime::After(DAY + DAY / 2)),
            ("+1M", Lifetime::After(30 * DAY)),
            ("-1", Lifetime::After(-1)),
            ("modified +24h", Lifetime::AfterChange(DAY)),
            ("modified -1h", Lifetime::AfterChange(-3600)),
            ("@15h30m", Lifetime::Until(55_800)),
        ] {
            let read = text.parse::<Lifetime>();
            assert_eq!(read, Ok(expected), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{expected}");
        }
    }

    #[test]
    fn what_is_no_lifetime_is_refused() {
        for text in
            ["", "-", "@", "soon", "1x", "1h1d", "@25h", "modified epoch", "modified @1h", "1.5h", "9999y"]
        {
            assert_eq!(text.parse::<Lifetime>(), Err(NoLifetime), "{text}");
        }
    }
}
