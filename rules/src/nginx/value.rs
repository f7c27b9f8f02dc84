//! nginx's kinds of value: time, size, switch.

use super::Nginx;
use super::tree::Directive;
use crate::source::Spanned;
use crate::value::{Bytes, Limit};
use std::time::Duration;

impl Nginx<'_, '_> {
    /// A span of time; a plain number is seconds.
    pub(super) fn time(&mut self, directive: &Directive, number: usize) -> Option<Spanned<Duration>> {
        let span = directive.span_of(number);
        match parse_time(directive.argument(number)) {
            Some(duration) => Some(Spanned::new(duration, span)),
            None => {
                self.invalid(directive, number);
                None
            }
        }
    }

    /// A limit on silence: none at all would let nothing through.
    pub(super) fn silence(&mut self, directive: Option<&Directive>) -> Option<Spanned<Limit<Duration>>> {
        let directive = directive?;
        let time = self.time(directive, 0)?;
        if time.value.is_zero() {
            let message = format!("\"{}\" of 0 lets nothing through", directive.name.value);
            self.refuse(time.span, message, "write how long it may take: `60s`");
            return None;
        }
        Some(Spanned::new(Limit(Some(time.value)), time.span))
    }

    /// A size in bytes.
    pub(super) fn size(&mut self, directive: &Directive, number: usize) -> Option<Spanned<Bytes>> {
        match parse_size(directive.argument(number)) {
            Some(size) => Some(Spanned::new(Bytes(size), directive.span_of(number))),
            None => {
                self.invalid(directive, number);
                None
            }
        }
    }

    /// `on` or `off`; what stands nowhere is `default`.
    pub(super) fn switch(&mut self, directive: Option<&Directive>, default: bool) -> bool {
        let Some(directive) = directive else { return default };
        match directive.first() {
            word if word.eq_ignore_ascii_case("on") => true,
            word if word.eq_ignore_ascii_case("off") => false,
            word => {
                let name = &directive.name.value;
                let message =
                    format!("invalid value \"{word}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
                self.fault(directive.span_of(0), message);
                default
            }
        }
    }

    /// A value that nginx does not take.
    pub(super) fn invalid(&mut self, directive: &Directive, number: usize) {
        self.fault(
            directive.span_of(number),
            format!("\"{}\" directive invalid value", directive.name.value),
        );
    }
}

/// `1h 30m`, `90`, `500ms`; units fall from one to the next, as in `ngx_parse_time`.
pub(super) fn parse_time(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 8] = [
        ("y", 31_536_000_000),
        ("M", 2_592_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let at = match unit {
            "" => 6,
            unit => UNITS.iter().position(|(name, _)| *name == unit)?,
        };
        if at < next_unit {
            return None;
        }
        next_unit = at + 1;
        let (_, scale) = UNITS.get(at)?;
        total = total.checked_add(number.checked_mul(*scale)?)?;
        rest = after.trim_start_matches(' ');
    }
    Some(Duration::from_millis(total)).filter(|time| *time <= Duration::from_secs(100 * 365 * 24 * 3600))
}

/// `16m`, `64k`, `1024`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1 << 10),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        b'g' | b'G' => (text.get(..text.len() - 1)?, 1 << 30),
        _ => (text, 1),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(scale).filter(|size| i64::try_from(*size).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_sum_of_falling_units_or_seconds() {
        let seconds = |text| parse_time(text).map(|time| time.as_millis());
        assert_eq!(seconds("60"), Some(60_000));
        assert_eq!(seconds("1h 30m"), Some(5_400_000));
        assert_eq!(seconds("1m30s"), Some(90_000));
        assert_eq!(seconds("250ms"), Some(250));
        assert_eq!(seconds("1M"), Some(2_592_000_000));
        for wrong in ["", "s", "1x", "30s1m", "1.5s", "-1", "99999999999999999999", "9999y"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_has_one_letter_at_most() {
        assert_eq!(parse_size("8k"), Some(8192));
        assert_eq!(parse_size("2G"), Some(2 << 30));
        for wrong in ["", "k", "1kb", "-1", "1.5m", "99999999999g"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
