//! Durations and sizes as people write them: numbers, each with its unit, added up.

/// The units of one kind of quantity.
pub(super) struct Units {
    /// What a unit is worth, in milliseconds or bytes.
    scale: fn(&str) -> Option<u128>,
    /// What a longer word for a unit stands for.
    short: fn(&str) -> Option<&'static str>,
}

pub(super) const DURATIONS: Units = Units { scale: duration_unit, short: short_duration };
pub(super) const SIZES: Units = Units { scale: size_unit, short: |_| None };

impl Units {
    /// The sum of `1h30m`; `Ok(None)` where it overflows. What can be guessed at is told how it is written.
    pub(super) fn sum(&self, text: &str) -> Result<Option<u128>, Option<String>> {
        self.sum_of_parts(text).map_err(|why| {
            let usual = self.respelt(text).filter(|usual| self.sum_of_parts(usual).is_ok());
            usual.map(|usual| format!("that is written `\"{usual}\"`")).or(why)
        })
    }

    fn sum_of_parts(&self, text: &str) -> Result<Option<u128>, Option<String>> {
        if text.is_empty() {
            return Err(None);
        }
        let mut rest = text;
        let mut sum = Some(0_u128);
        while !rest.is_empty() {
            let (number, name, next) = part(rest).ok_or_else(|| lacks_unit(rest))?;
            if number.is_empty() || name.is_empty() {
                return Err(None);
            }
            let scale = (self.scale)(name).ok_or_else(|| Some(format!("`{name}` is no unit here")))?;
            let part = number.parse::<u128>().ok().and_then(|number| number.checked_mul(scale));
            sum = sum.zip(part).and_then(|(sum, part)| sum.checked_add(part));
            rest = next;
        }
        Ok(sum)
    }

    /// The same without spaces, with the short words for units, and in whole numbers.
    fn respelt(&self, text: &str) -> Option<String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if let Some(fraction) = self.without_fraction(&text) {
            return Some(fraction);
        }
        let mut usual = String::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (number, name, next) = part(rest)?;
            usual += number;
            usual += self.unit(name)?;
            rest = next;
        }
        Some(usual)
    }

    fn unit<'n>(&self, name: &'n str) -> Option<&'n str> {
        if (self.scale)(name).is_some() {
            return Some(name);
        }
        (self.short)(&name.to_ascii_lowercase())
    }

    /// `1.5h` is `90m`.
    fn without_fraction(&self, text: &str) -> Option<String> {
        let (whole, after) = text.split_once('.')?;
        let (fraction, name, "") = part(after)? else { return None };
        let scale = (self.scale)(self.unit(name)?)?;
        let places = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let number: u128 = format!("{whole}{fraction}").parse().ok()?;
        let amount = number.checked_mul(scale)?;
        (amount % places == 0).then(|| self.written(amount / places))
    }

    /// So many milliseconds, or bytes, in the largest unit that makes it whole.
    fn written(&self, amount: u128) -> String {
        let whole = ["d", "t", "h", "g", "m", "s", "k"]
            .into_iter()
            .filter_map(|name| Some((name, (self.scale)(name)?)))
            .find(|(_, scale)| amount.is_multiple_of(*scale));
        let smallest = if (self.scale)("ms").is_some() { ("ms", 1) } else { ("b", 1) };
        let (name, scale) = whole.unwrap_or(smallest);
        format!("{}{name}", amount / scale)
    }
}

/// A number, the letters behind it, and the rest; `None` where nothing is behind the number.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, after) = text.split_at(digits);
    let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    let (name, next) = after.split_at(letters);
    Some((number, name, next))
}

fn lacks_unit(number: &str) -> Option<String> {
    Some(format!("`{number}` at its end has no unit"))
}

/// In milliseconds.
fn duration_unit(name: &str) -> Option<u128> {
    const SECOND: u128 = 1000;
    Some(match name {
        "ms" => 1,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        "d" => 24 * 3600 * SECOND,
        "w" => 7 * 24 * 3600 * SECOND,
        "y" => 365 * 24 * 3600 * SECOND,
        _ => return None,
    })
}

/// `M` is a month to nginx and a minute to others: nobody guesses.
fn short_duration(word: &str) -> Option<&'static str> {
    Some(match word {
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "week" | "weeks" => "w",
        "year" | "years" => "y",
        "s" => "s",
        "h" => "h",
        "d" => "d",
        _ => return None,
    })
}

fn size_unit(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_can_be_guessed_at_is_told_how_it_is_written() {
        let told = |units: &Units, text| match units.sum(text) {
            Err(Some(why)) => why,
            other => format!("{other:?}"),
        };
        for (text, usual) in [
            ("300 s", "300s"),
            ("1 h 30 min", "1h30m"),
            ("5 Minutes", "5m"),
            ("30S", "30s"),
            ("1.5h", "90m"),
            ("0.25 sec", "250ms"),
            ("2.0s", "2s"),
        ] {
            assert_eq!(told(&DURATIONS, text), format!("that is written `\"{usual}\"`"), "{text}");
        }
        for (text, usual) in [("10 MB", "10MB"), ("1.5m", "1536k"), ("0.5 k", "512b")] {
            assert_eq!(told(&SIZES, text), format!("that is written `\"{usual}\"`"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_guessed_at_says_what_is_wrong() {
        assert_eq!(DURATIONS.sum("5M").unwrap_err().as_deref(), Some("`M` is no unit here"));
        assert_eq!(DURATIONS.sum("1.0001s"), Err(None));
        assert_eq!(DURATIONS.sum(". s"), Err(None));
        assert_eq!(DURATIONS.sum(" "), Err(None));
        assert_eq!(SIZES.sum("10 mbit").unwrap_err(), None);
    }
}
