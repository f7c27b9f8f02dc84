//! Why there is no certificate, in words for the log.

use std::fmt;
use std::time::Duration;

/// Why an order came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    party: Party,
    reason: String,
    retry_after: Option<Duration>,
}

/// Whose doing it was, which decides how soon it is worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Party {
    /// The issuer was not reached, or its answer made no sense.
    Away,
    /// The issuer refused.
    Refused,
    /// The issuer no longer knows the account.
    UnknownAccount,
    /// The state folder cannot be read or written.
    State,
}

impl Failure {
    /// The issuer was not reached, or answered nonsense; asking again costs nobody anything.
    pub(super) fn unreachable(reason: impl fmt::Display) -> Self {
        Self { party: Party::Away, reason: reason.to_string(), retry_after: None }
    }

    /// The issuer refused, and counts how often it has to.
    pub(super) fn refused(reason: impl fmt::Display) -> Self {
        Self { party: Party::Refused, reason: reason.to_string(), retry_after: None }
    }

    /// A file cannot be read or written.
    pub(super) fn state(reason: impl fmt::Display) -> Self {
        Self { party: Party::State, reason: reason.to_string(), retry_after: None }
    }

    /// The issuer says when to come again.
    #[must_use]
    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after: retry_after.or(self.retry_after), ..self }
    }

    /// When the issuer wants to be asked again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the issuer looked, and did not like what it saw.
    pub(super) fn is_refusal(&self) -> bool {
        self.party == Party::Refused
    }

    /// Whether the account has to be made anew.
    pub(super) fn account_is_unknown(&self) -> bool {
        self.party == Party::UnknownAccount
    }

    /// The pause after the first failure.
    pub(super) fn first_pause(&self) -> Duration {
        match self.party {
            Party::Away | Party::UnknownAccount => Duration::from_secs(1),
            Party::State => Duration::from_secs(10),
            Party::Refused => Duration::from_secs(300),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<instant_acme::Error> for Failure {
    fn from(error: instant_acme::Error) -> Self {
        use instant_acme::Error;
        let problem = match error {
            Error::Api(problem) => problem,
            Error::Timeout(Some(next)) => {
                let asked = next.saturating_duration_since(std::time::Instant::now());
                return Self::unreachable("the issuer is not done yet").after(Some(asked));
            }
            other => return Self::unreachable(in_full(&other)),
        };
        let kind = problem.r#type.as_deref().and_then(|kind| kind.rsplit(':').next());
        let party = match kind {
            Some("badNonce" | "serverInternal") => Party::Away,
            Some("accountDoesNotExist") => Party::UnknownAccount,
            _ => Party::Refused,
        };
        Self { party, reason: words(&problem), retry_after: None }
    }
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self::state(format!("cannot make a key: {error}"))
    }
}

/// A problem as the issuer put it, each name's own reason included.
pub(super) fn words(problem: &instant_acme::Problem) -> String {
    let mut words = problem.detail.clone().unwrap_or_else(|| "the issuer gives no reason".to_owned());
    if let Some(kind) = problem.r#type.as_deref().and_then(|kind| kind.rsplit(':').next()) {
        words += &format!(" ({kind})");
    }
    for inner in problem.subproblems.iter().filter_map(|inner| inner.detail.as_ref()) {
        words += &format!("; {inner}");
    }
    words
}

/// An error with what caused it.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Wrappers like to repeat what they wrap.
        let text = inner.to_string();
        if !words.contains(&text) {
            words += &format!(": {text}");
        }
        cause = inner.source();
    }
    words
}
