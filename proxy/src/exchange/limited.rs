//! What `limit` and `concurrent` made of a request, as logs tell it.

use std::fmt;
use vordr_rules::table::Level;

/// What became of a request under the limits of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitVerdict {
    /// None had anything against it.
    Passed,
    /// It waited for its turn.
    Delayed,
    /// It was refused.
    Rejected,
    /// It would have waited, under one that only tells.
    DelayedDry,
    /// It would have been refused, under one that only tells.
    RejectedDry,
}

impl LimitVerdict {
    /// As nginx names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Delayed => "DELAYED",
            Self::Rejected => "REJECTED",
            Self::DelayedDry => "DELAYED_DRY_RUN",
            Self::RejectedDry => "REJECTED_DRY_RUN",
        }
    }
}

/// One limit's word about a request.
#[derive(Debug, Clone)]
pub(crate) struct Limited {
    /// How grave it is to the error log.
    pub level: Level,
    /// What it was, or would have been.
    pub verdict: LimitVerdict,
    /// The zone that it was counted in, where that has a name.
    pub zone: Option<String>,
    /// How many thousandths of a request are too much; nothing where they are counted at once.
    pub excess: Option<u64>,
}

/// As nginx says it.
impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = matches!(self.verdict, LimitVerdict::Delayed | LimitVerdict::DelayedDry);
        f.write_str(match (waits, self.excess) {
            (true, _) => "delaying request",
            (false, Some(_)) => "limiting requests",
            (false, None) => "limiting connections",
        })?;
        if matches!(self.verdict, LimitVerdict::DelayedDry | LimitVerdict::RejectedDry) {
            f.write_str(", dry run")?;
        }
        if let Some(excess) = self.excess {
            write!(f, ", excess: {}.{:03}", excess / 1000, excess % 1000)?;
        }
        if let Some(zone) = &self.zone {
            write!(f, "{} by zone \"{zone}\"", if waits { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_as_nginx_says_it() {
        let said = |verdict, excess| {
            let zone = Some("one".to_owned());
            Limited { level: Level::Error, verdict, zone, excess }.to_string()
        };
        use LimitVerdict::{Delayed, DelayedDry, Rejected, RejectedDry};
        assert_eq!(said(Rejected, Some(1_040)), "limiting requests, excess: 1.040 by zone \"one\"");
        assert_eq!(said(RejectedDry, Some(5)), "limiting requests, dry run, excess: 0.005 by zone \"one\"");
        assert_eq!(said(Delayed, Some(800)), "delaying request, excess: 0.800, by zone \"one\"");
        assert_eq!(said(DelayedDry, Some(800)), "delaying request, dry run, excess: 0.800, by zone \"one\"");
        assert_eq!(said(Rejected, None), "limiting connections by zone \"one\"");
        assert_eq!(said(RejectedDry, None), "limiting connections, dry run by zone \"one\"");
    }
}
