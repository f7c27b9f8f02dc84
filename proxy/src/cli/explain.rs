//! `vordr explain METHOD URL`: which location takes a request, and why the others do not.

use super::admin::Admin;
use super::say::{complain, say};
use super::{default_rules, rules};
use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use vordr::explain::{Question, header};
use vordr::rules::Loaded;
use vordr::rules::table::Address;

/// How long a running vordr may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `vordr explain METHOD URL [-H 'K: V']`
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The method.
    method: Method,
    /// The URL, scheme and host included.
    url: Uri,
    /// A request header, `Name: value`.
    #[arg(short = 'H', long = "header", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The rules.
    #[arg(short = 'c', long, value_name = "FILE", env = "VORDR_CONFIG", default_value = default_rules())]
    rules: String,
    /// Ask a running vordr at its admin address, `HOST:PORT` or `unix:PATH`, how each server stands.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    admin: Option<Address>,
}

fn address(text: &str) -> Result<Address, String> {
    match text.strip_prefix("unix:") {
        Some(path) => Ok(Address::Unix(path.to_owned())),
        None => text
            .parse::<SocketAddr>()
            .map(|address| Address::Ip(address.ip(), address.port()))
            .map_err(|_| format!("`{text}` is no address: write `127.0.0.1:9180` or `unix:/path`")),
    }
}

impl Explain {
    pub(super) fn run(&self) -> ExitCode {
        let Some(loaded) = rules::load_file(&self.rules) else { return ExitCode::FAILURE };
        match self.explained(&loaded) {
            Ok(text) => say(&text),
            Err(problem) => {
                complain(&format!("vordr: {problem}"));
                ExitCode::FAILURE
            }
        }
    }

    fn explained(&self, loaded: &Loaded) -> Result<String, String> {
        let headers = self.headers.iter().cloned().collect();
        let question = Question { method: self.method.clone(), url: self.url.clone(), headers };
        let token = loaded.table.process.admin_token.clone();
        let admin = self.admin.clone().map(|address| Admin { address, token });
        let status = admin.as_ref().map(status).transpose()?;
        Ok(question.answer(&loaded.table, status.as_ref())?.to_string())
    }
}

/// How the servers of a running vordr stand.
fn status(admin: &Admin) -> Result<Value, String> {
    let problem = |reason: String| format!("no vordr answers at {admin}: {reason}");
    match admin.ask("GET /status", PATIENCE) {
        Ok((200, body)) => serde_json::from_str(&body).map_err(|error| problem(error.to_string())),
        Ok((status, _)) => Err(problem(format!("it answered {status}"))),
        Err(error) => Err(problem(error.to_string())),
    }
}
