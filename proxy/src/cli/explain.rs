//! `vordr explain METHOD URL`: which location takes a request, and why the others do not.

use super::{DEFAULT_RULES, rules};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::process::ExitCode;
use vordr::rules::table::{Action, ListenerId, LocationId, Outcome, Request, Server, Step, Table};

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
    #[arg(short = 'c', long, value_name = "FILE", env = "VORDR_CONFIG", default_value = DEFAULT_RULES)]
    rules: String,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written `Name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no header's name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("`{value}` is no header's value"))?;
    Ok((name, value))
}

impl Explain {
    pub(super) fn run(&self) -> ExitCode {
        let Some(loaded) = rules::load_file(&self.rules) else { return ExitCode::FAILURE };
        let Some(host) = self.url.authority() else {
            eprintln!("vordr: the URL lacks a host: http://example.org/path");
            return ExitCode::FAILURE;
        };
        let table = &loaded.table;
        let Some(listener) = self.listener(table) else {
            eprintln!("vordr: no address of the rules serves {}", self.url);
            return ExitCode::FAILURE;
        };
        let headers: HeaderMap = self.headers.iter().cloned().collect();
        let request = Request {
            listener,
            method: &self.method,
            host: host.as_str(),
            path: self.url.path(),
            query: self.url.query(),
            headers: &headers,
        };
        print!("{}", explain(table, &request));
        ExitCode::SUCCESS
    }

    /// The listener with the URL's port and scheme; where none has, the first one.
    fn listener(&self, table: &Table) -> Option<ListenerId> {
        let tls = self.url.scheme_str() == Some("https");
        let port = self.url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let exact = table.listeners.iter().position(|listener| listener.address.port() == Some(port));
        exact.or(if table.listeners.is_empty() { None } else { Some(0) }).map(ListenerId)
    }
}

fn explain(table: &Table, request: &Request<'_>) -> String {
    let binding = table.binding(request.listener, request.host);
    let Some(server) = table.servers.get(binding.server.0) else { return String::new() };
    let address = table.listeners.get(request.listener.0).map(|listener| listener.address.to_string());
    let mut text = format!("listener  {}\n", address.unwrap_or_default());
    text += &format!("server    {}  ({}:{})\n", server.name(), server.place.file, server.place.line);
    if binding.redirect_https {
        return text + "answer    301 or 308 to https (`redirect=https`)\n";
    }
    let mut candidates: Vec<(LocationId, Step, bool)> = Vec::new();
    let outcome =
        table.find_in(binding.server, request, &mut |id, step, held| candidates.push((id, step, held)));
    let chosen = match &outcome {
        Outcome::Found(found) => {
            text += &found_text(table, server, found.location);
            Some(found.location)
        }
        Outcome::NoRoute(_) => {
            text += "answer    404: no location takes this request\n";
            None
        }
        Outcome::BadPath(_) => {
            text += "answer    400: the path climbs above `/`, has a NUL, or is none\n";
            None
        }
    };
    text + &others(server, request, &candidates, chosen)
}

fn found_text(table: &Table, server: &Server, id: LocationId) -> String {
    let Some(location) = server.locations.get(id.0) else { return String::new() };
    let mut text =
        format!("location  {}  ({}:{})\n", location.name, location.place.file, location.place.line);
    text += &match &location.action {
        Action::Proxy(proxy) => {
            let upstream = table.upstreams.get(proxy.upstream.0);
            let servers = upstream.map(|upstream| {
                upstream.servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>()
            });
            let scheme = if proxy.tls.is_some() { "https" } else { "http" };
            let name = upstream.map_or("", |upstream| upstream.name.as_str());
            format!("upstream  {name}: {scheme} to {}\n", servers.unwrap_or_default().join(", "))
        }
        Action::Redirect(redirect) => {
            format!("answer    {} to {}\n", redirect.status.as_u16(), redirect.target)
        }
        Action::Respond(respond) => {
            format!("answer    {}, {} bytes\n", respond.status.as_u16(), respond.body.len())
        }
        Action::Files(files) => format!("files     {}\n", files.root),
    };
    text
}

/// Each location that was not chosen, with the reason.
fn others(
    server: &Server,
    request: &Request<'_>,
    seen: &[(LocationId, Step, bool)],
    chosen: Option<LocationId>,
) -> String {
    let rest = server.locations.iter().enumerate().filter(|(number, _)| Some(LocationId(*number)) != chosen);
    let lines: Vec<String> = rest
        .map(|(number, location)| {
            let candidate = seen.iter().find(|(id, ..)| id.0 == number);
            let why = match candidate {
                Some((_, _, false)) => "its `match` does not hold",
                Some((_, Step::Prefix, true)) => "a regex wins over it",
                Some(_) => "another comes first",
                None if location.patterns.iter().any(|pattern| pattern.takes(request.path.as_bytes())) => {
                    "a better path wins over it"
                }
                None => "its path does not fit",
            };
            format!("  {}  ({}:{})  {why}\n", location.name, location.place.file, location.place.line)
        })
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("not chosen:\n{}", lines.concat()),
    }
}
