//! Which logs tell of an exchange.

use super::Exchange;
use vordr_rules::table::{AccessLog, ErrorLog};

impl Exchange {
    /// Where a line is to be written of it.
    pub(crate) fn access_logs(&self) -> &[AccessLog] {
        let own = self.settings().and_then(|settings| settings.access_logs.as_deref());
        own.unwrap_or(&self.table.process.access_logs)
    }

    /// Whether its query may be told: `access-log … query=off` says that it holds what nobody shall read.
    pub(crate) fn tells_queries(&self) -> bool {
        self.access_logs().iter().all(|log| log.query)
    }

    /// Where is told what goes wrong with it: by the location where it does, wherever that leads.
    pub(crate) fn error_logs(&self) -> &[ErrorLog] {
        let locations = self.server().map(|server| &server.locations);
        let failed_in = self.failed_in.and_then(|failed_in| locations?.get(failed_in.0));
        let settings = failed_in.map(|location| &location.settings).or_else(|| self.settings());
        let own = settings.and_then(|settings| settings.error_logs.as_deref());
        own.unwrap_or(&self.table.process.error_logs)
    }
}
