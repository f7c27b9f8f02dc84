//! `trace`: where spans go, and which exchanges have them.

use http::{HeaderName, HeaderValue};
use std::fmt;

/// `trace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The collector: the whole URL that is posted to, or for gRPC its scheme and authority.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: TraceProtocol,
    /// How many of the requests that belong to no trace yet begin one.
    pub ratio: Ratio,
    /// Whose trace is gone on with.
    pub parent: TraceParent,
    /// What vordr is called in traces; `None` leaves it to the environment.
    pub service: Option<String>,
    /// Headers for the collector, or gRPC's metadata; their values are secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// How OTLP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceProtocol {
    /// Protobuf in a POST.
    Http,
    /// gRPC.
    Grpc,
}

/// Whose `traceparent` is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceParent {
    /// Whoever sends one.
    Any,
    /// Trusted proxies alone; that of others is taken off.
    Trusted,
}

/// A share of all, from none to every one, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio(u32);

impl TraceProtocol {
    /// As the rules name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

impl TraceParent {
    /// As the rules name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Trusted => "trusted",
        }
    }
}

impl Ratio {
    /// Every one.
    pub const ALL: Self = Self(1_000_000);

    /// From a number between 0 and 1 that is a whole number of millionths.
    pub fn new(share: f64) -> Option<Self> {
        let millionths = share * f64::from(Self::ALL.0);
        let is_one = (0.0..=f64::from(Self::ALL.0)).contains(&millionths)
            && (millionths - millionths.round()).abs() < 1e-3;
        // In bounds, and whole: nothing is cut off.
        is_one.then_some(Self(millionths.round() as u32))
    }

    /// Whether a number that is as likely as any other, below 2⁶³, is within this share.
    pub fn takes(self, number: u64) -> bool {
        let bound = (u128::from(self.0) << 63) / u128::from(Self::ALL.0);
        u128::from(number) < bound
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six digits tell a millionth; what an author would not write is left out.
        let digits = format!("{}.{:06}", self.0 / Self::ALL.0, self.0 % Self::ALL.0);
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_shown_as_it_was_written() {
        for (written, shown) in
            [(0.0, "0"), (1.0, "1"), (0.1, "0.1"), (0.25, "0.25"), (0.3, "0.3"), (1e-6, "0.000001")]
        {
            assert_eq!(Ratio::new(written).map(|ratio| ratio.to_string()).as_deref(), Some(shown));
        }
        for wrong in [-0.1, 1.1, 1e-7, 0.123_456_7, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_ratio_takes_its_share_and_all_or_nothing_at_its_ends() {
        let (last, middle) = ((1 << 63) - 1, 1 << 62);
        let takes = |share: f64, number| Ratio::new(share).is_some_and(|ratio| ratio.takes(number));
        assert!(takes(1.0, 0) && takes(1.0, last));
        assert!(!takes(0.0, 0) && !takes(0.0, last));
        assert!(takes(0.5, middle - 1) && !takes(0.5, middle));
    }
}
