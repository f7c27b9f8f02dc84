//! The kinds of value: duration, size, switch, address, status, and plain text.

mod quantity;

use crate::table::Address;
use http::StatusCode;
use quantity::{DURATIONS, SIZES};
use std::net::IpAddr;
use std::time::Duration;

/// A value as written: the text of a string, or a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw<'a> {
    Text(&'a str),
    Integer(i128),
    Decimal(f64),
    Other,
}

/// A kind of value: what it is called, and how it is read.
pub(crate) trait Value: Sized {
    /// As it stands in a diagnostic: "a duration such as `\"30s\"`".
    const EXPECTED: &'static str;
    /// The value; the error says what is wrong, where it is more than a wrong kind.
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>>;
}

impl Value for String {
    const EXPECTED: &'static str = "text in quotes";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Text(text) => Ok((*text).to_owned()),
            Raw::Integer(number) => Ok(number.to_string()),
            Raw::Decimal(_) | Raw::Other => Err(None),
        }
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "`on` or `off`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Text("on") => Ok(true),
            Raw::Text("off") => Ok(false),
            _ => Err(None),
        }
    }
}

macro_rules! whole_number {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            const EXPECTED: &'static str = "a whole number";
            fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
                let number = match raw {
                    Raw::Integer(number) => *number,
                    Raw::Text(text) => text.parse().map_err(|_| None)?,
                    Raw::Decimal(_) | Raw::Other => return Err(None),
                };
                number.try_into().map_err(|_| Some(format!("{number} is not between 0 and {}", Self::MAX)))
            }
        }
    )*};
}
whole_number!(u16, u32, u64, usize);

/// A limit that may be `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub Option<T>);

impl Value for Limit<Duration> {
    const EXPECTED: &'static str =
        "a duration such as `\"30s\"` or `\"1h30m\"`, seconds as a number, or `off`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Text("off") => Ok(Self(None)),
            _ => Duration::read(raw).map(|duration| Self(Some(duration))),
        }
    }
}

impl Value for Limit<Bytes> {
    const EXPECTED: &'static str = "a size such as `\"16m\"` or `\"64k\"`, bytes as a number, or `off`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Text("off") => Ok(Self(None)),
            _ => Bytes::read(raw).map(|bytes| Self(Some(bytes))),
        }
    }
}

impl Value for Limit<u64> {
    const EXPECTED: &'static str = "a whole number, or `off`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Text("off") => Ok(Self(None)),
            _ => u64::read(raw).map(|number| Self(Some(number))),
        }
    }
}

/// The longest duration there is: a hundred years, so that no deadline overflows.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Value for Duration {
    const EXPECTED: &'static str = "a duration such as `\"30s\"` or `\"1h30m\"`, or seconds as a number";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let duration = match raw {
            Raw::Integer(seconds) if *seconds < 0 => return Err(Some("a duration is never negative".into())),
            Raw::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
            Raw::Text(text) => match text.parse::<u64>() {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => DURATIONS
                    .sum(text)?
                    .map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))),
            },
            Raw::Decimal(seconds) => return DURATIONS.sum(&format!("{seconds:?}s")).and(Err(None)),
            Raw::Other => return Err(None),
        };
        duration.filter(|duration| *duration <= LONGEST).ok_or(Some("that is longer than 100 years".into()))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub u64);

impl Value for Bytes {
    const EXPECTED: &'static str = "a size such as `\"16m\"` or `\"64k\"`, or bytes as a number";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let bytes = match raw {
            Raw::Integer(bytes) if *bytes < 0 => return Err(Some("a size is never negative".into())),
            Raw::Integer(bytes) => u64::try_from(*bytes).ok(),
            Raw::Text(text) => match text.parse::<u64>() {
                Ok(bytes) => Some(bytes),
                Err(_) => SIZES.sum(text)?.and_then(|bytes| u64::try_from(bytes).ok()),
            },
            Raw::Decimal(_) | Raw::Other => return Err(None),
        };
        bytes
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Self)
            .ok_or(Some("that is too large a size".into()))
    }
}

impl Value for StatusCode {
    const EXPECTED: &'static str = "a status code such as 404";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let code = u16::read(raw).map_err(|_| None)?;
        match code {
            200..=599 => StatusCode::from_u16(code).map_err(|_| None),
            _ => Err(Some(format!("{code} is not between 200 and 599"))),
        }
    }
}

impl Value for Address {
    const EXPECTED: &'static str =
        "an address: `80`, `\":8080\"`, `\"127.0.0.1:80\"`, `\"[::1]:80\"` or `\"unix:/run/v.sock\"`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        match raw {
            Raw::Integer(_) => u16::read(raw).map(Address::Port),
            Raw::Text(text) => read_address(text),
            Raw::Decimal(_) | Raw::Other => Err(None),
        }
    }
}

fn read_address(text: &str) -> Result<Address, Option<String>> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.starts_with('/') {
            true => Ok(Address::Unix(path.to_owned())),
            false => Err(Some("a Unix socket's path starts with `/`".into())),
        };
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return read_port(text).map(Address::Port);
    }
    let (host, port) = text.rsplit_once(':').ok_or(None)?;
    let port = read_port(port)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match host {
        "" | "*" => Ok(Address::Port(port)),
        _ if bare.is_none() && host.contains(':') => {
            Err(Some("an IPv6 address stands in brackets: `[::1]:80`".into()))
        }
        _ => bare.unwrap_or(host).parse::<IpAddr>().map(|ip| Address::Ip(ip, port)).map_err(|_| {
            Some(format!("`{host}` is no IP address; vordr listens on addresses, not on names"))
        }),
    }
}

fn read_port(text: &str) -> Result<u16, Option<String>> {
    text.parse().map_err(|_| Some(format!("`{text}` is no port (0 to 65535)")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn duration(text: &str) -> Result<Duration, Option<String>> {
        Duration::read(&Raw::Text(text))
    }

    #[test]
    fn a_duration_is_a_sum_of_parts_or_seconds() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("20d"), Ok(Duration::from_secs(20 * 86400)));
        assert_eq!(Duration::read(&Raw::Integer(5)), Ok(Duration::from_secs(5)));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        assert_eq!(duration("1h30").unwrap_err().unwrap(), "`30` at its end has no unit");
        assert_eq!(duration("5x").unwrap_err().unwrap(), "`x` is no unit here");
        assert_eq!(
            duration("99999999999999999999999999999999999999999y").unwrap_err().unwrap(),
            "that is longer than 100 years"
        );
        assert_eq!(duration(""), Err(None));
        assert_eq!(duration("fast"), Err(None));
        assert_eq!(duration("-5s"), Err(None));
        assert!(Duration::read(&Raw::Integer(-1)).is_err());
        let told = Duration::read(&Raw::Decimal(1.5)).unwrap_err();
        assert_eq!(told.as_deref(), Some("that is written `\"1500ms\"`"));
        assert_eq!(Duration::read(&Raw::Decimal(f64::NAN)), Err(None));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(Bytes::read(&Raw::Text("16m")), Ok(Bytes(16 << 20)));
        assert_eq!(Bytes::read(&Raw::Text("64K")), Ok(Bytes(64 << 10)));
        assert_eq!(Bytes::read(&Raw::Text("99999999t")).unwrap_err().unwrap(), "that is too large a size");
    }

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        let address = |text| Address::read(&Raw::Text(text)).unwrap().to_string();
        assert_eq!(Address::read(&Raw::Integer(80)).unwrap(), Address::Port(80));
        assert_eq!(address("8080"), ":8080");
        assert_eq!(address(":8080"), ":8080");
        assert_eq!(address("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(address("[::1]:80"), "[::1]:80");
        assert_eq!(address("unix:/run/v.sock"), "unix:/run/v.sock");
        assert!(Address::read(&Raw::Text("::1:80")).is_err());
        assert!(Address::read(&Raw::Text("localhost:80")).is_err());
        assert!(Address::read(&Raw::Integer(65536)).is_err());
    }
}
