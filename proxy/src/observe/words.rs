//! Log lines for a person on a terminal: aligned, coloured, short.

use super::clock::Stamp;
use std::io::IsTerminal;
use std::time::Duration;
use vordr_rules::table::{Level, LogTarget};

/// How lines are drawn on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawing {
    /// Unless `NO_COLOR` is set.
    colour: bool,
}

/// What is told of a request.
#[derive(Debug)]
pub(super) struct Spoken<'a> {
    pub status: u16,
    pub method: &'a str,
    pub duration: Duration,
    /// Host and path, and who answered.
    pub what: &'a str,
    pub error: Option<&'a str>,
}

/// A colour, as terminals number them (ECMA-48, SGR).
#[derive(Debug, Clone, Copy)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
    Grey = 90,
}

impl Drawing {
    /// How to draw on what a log is written to; `None` where no person reads it.
    pub(super) fn on(target: &LogTarget) -> Option<Self> {
        let terminal = match target {
            LogTarget::Stdout => std::io::stdout().is_terminal(),
            LogTarget::Stderr => std::io::stderr().is_terminal(),
            LogTarget::File(_) | LogTarget::Packed(..) | LogTarget::Filled(_) | LogTarget::Syslog(_) => false,
        };
        terminal.then(|| Self { colour: std::env::var_os("NO_COLOR").is_none() })
    }

    /// A line of the access log.
    pub(super) fn request(self, told: &Spoken<'_>) -> String {
        let colour = match told.status {
            500.. => Colour::Red,
            400.. => Colour::Yellow,
            300.. => Colour::Cyan,
            _ => Colour::Green,
        };
        let (time, status) = (self.time(), self.in_colour(colour, &told.status.to_string()));
        let mut line =
            format!("{time} {status} {:<7} {:>7}  {}", told.method, short(told.duration), clean(told.what));
        if let Some(error) = told.error {
            line = format!("{line}  {}", self.in_colour(colour, &clean(error)));
        }
        line + "\n"
    }

    /// A line of the error log.
    pub(super) fn event(self, level: Level, message: &str, fields: &[(&str, &str)]) -> String {
        let (colour, name) = match level {
            Level::Emerg | Level::Alert | Level::Crit | Level::Error => (Colour::Red, "error"),
            Level::Warn => (Colour::Yellow, "warn "),
            Level::Notice | Level::Info => (Colour::Green, "info "),
            Level::Debug => (Colour::Grey, "debug"),
        };
        let field = |(key, value): &(&str, &str)| {
            format!("  {}{}", self.in_colour(Colour::Grey, &format!("{key}=")), clean(value))
        };
        let fields: String = fields.iter().map(field).collect();
        let message = clean(message);
        format!("{} {} {message}{fields}\n", self.time(), self.in_colour(colour, name))
    }

    /// Of the day, in UTC as everywhere in the logs.
    fn time(self) -> String {
        let stamp = Stamp::now();
        self.in_colour(Colour::Grey, stamp.as_str().get(11..23).unwrap_or_default())
    }

    fn in_colour(self, colour: Colour, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
            false => text.to_owned(),
        }
    }
}

/// What an upstream or a file says must neither end the line nor move a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// In the unit that a person would choose.
fn short(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.0095 => format!("{:.1} ms", seconds * 1000.0),
        seconds if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 99.5 => format!("{seconds:.1} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Drawing = Drawing { colour: false };
    const COLOURED: Drawing = Drawing { colour: true };

    fn told(status: u16, millis: u64, error: Option<&'static str>) -> Spoken<'static> {
        Spoken { status, method: "GET", duration: Duration::from_millis(millis), what: "a.test/x", error }
    }

    /// Without the time of the day.
    fn rest(line: &str) -> &str {
        line.get(12..).unwrap_or_default()
    }

    #[test]
    fn requests_stand_below_each_other() {
        assert_eq!(rest(&PLAIN.request(&told(200, 4, None))), " 200 GET      4.0 ms  a.test/x\n");
        let failed = PLAIN.request(&told(504, 60_000, Some("upstream app: no answer")));
        assert_eq!(rest(&failed), " 504 GET      60.0 s  a.test/x  upstream app: no answer\n");
    }

    #[test]
    fn the_status_has_the_colour_of_its_class() {
        for (status, colour) in [(200, 32), (302, 36), (404, 33), (502, 31)] {
            let line = COLOURED.request(&told(status, 1, None));
            assert!(line.contains(&format!("\x1b[{colour}m{status}\x1b[0m")), "{line:?}");
        }
    }

    #[test]
    fn what_vordr_has_to_say_is_aligned_too() {
        let line = PLAIN.event(Level::Warn, "a server is out", &[("upstream", "app")]);
        assert_eq!(rest(&line), " warn  a server is out  upstream=app\n");
    }

    #[test]
    fn a_line_stays_one_line_and_moves_no_cursor() {
        let line = COLOURED.event(Level::Info, "a\nb\x1b[2J\u{9b}1m", &[("k", "\x1b[2J")]);
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(!line.contains("\x1b[2J") && !line.contains('\u{9b}'), "{line:?}");
    }

    #[test]
    fn durations_are_short() {
        for (millis, text) in
            [(0, "0.0 ms"), (9, "9.0 ms"), (10, "10 ms"), (1500, "1.5 s"), (600_000, "10 min")]
        {
            assert_eq!(short(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_file_is_read_by_programs() {
        assert_eq!(Drawing::on(&LogTarget::File("x".to_owned())), None);
    }
}
