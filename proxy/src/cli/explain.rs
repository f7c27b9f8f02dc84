//! `vordr explain METHOD URL`: which location takes a request, and why the others do not.

use super::say::{complain, counted, say};
use super::{DEFAULT_RULES, rules, standing};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::HOST};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use vordr::rules::table::{
    Action, Address, Listener, ListenerId, Location, LocationId, Outcome, Pattern, Request, Server, Step,
    Table, normal_path,
};

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

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written `Name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no header's name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("`{value}` is no header's value"))?;
    Ok((name, value))
}

impl Explain {
    pub(super) fn run(&self) -> ExitCode {
        let Some(loaded) = rules::load_file(&self.rules) else { return ExitCode::FAILURE };
        match self.explained(&loaded.table) {
            Ok(text) => say(&text),
            Err(problem) => {
                complain(&format!("vordr: {problem}"));
                ExitCode::FAILURE
            }
        }
    }

    fn explained(&self, table: &Table) -> Result<String, String> {
        let Some(authority) = self.url.authority() else {
            return Err("the URL lacks a host: http://example.org/path".to_owned());
        };
        let listener = self.listener(table, authority.host())?;
        let headers: HeaderMap = self.headers.iter().cloned().collect();
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let request = Request {
            listener,
            method: &self.method,
            host: named.unwrap_or(authority.host()),
            path: self.url.path(),
            query: self.url.query(),
            headers: &headers,
        };
        let standing = self.admin.as_ref().map(standing::ask).transpose()?;
        Ok(explain(table, &request, standing.as_ref()))
    }

    /// The listener that a client with this URL reaches.
    fn listener(&self, table: &Table, host: &str) -> Result<ListenerId, String> {
        let tls = self.url.scheme_str() == Some("https");
        let port = self.url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let ip = host.trim_matches(['[', ']']).parse().ok();
        let found = (0..table.listeners.len()).map(ListenerId).filter_map(|id| {
            let listener = table.listeners.get(id.0)?;
            Some((nearness(listener, port, ip)?, id, listener))
        });
        let Some((_, id, listener)) = found.min_by_key(|(nearness, ..)| *nearness) else {
            let addresses: Vec<_> =
                table.listeners.iter().map(|listener| listener.address.to_string()).collect();
            return Err(match addresses.is_empty() {
                true => "these rules listen nowhere".to_owned(),
                false => {
                    format!("nothing listens on port {port}; the rules listen on {}", addresses.join(", "))
                }
            });
        };
        let speaks = if listener.tls { "https" } else { "http" };
        if listener.tls != tls && listener.address.port().is_some() {
            return Err(format!("{} speaks {speaks}: write `{speaks}://…`", listener.address));
        }
        Ok(id)
    }
}

/// How well a listener fits a URL's port and address, the best first; `None` where a client would not get there.
fn nearness(listener: &Listener, port: u16, ip: Option<IpAddr>) -> Option<u8> {
    match (&listener.address, ip) {
        (Address::Ip(own, at), Some(ip)) if *at == port && *own == ip => Some(0),
        (Address::Ip(own, at), Some(_)) if *at == port && !own.is_unspecified() => None,
        (Address::Port(at) | Address::Ip(_, at), _) if *at == port => Some(1),
        // A port that the system picks may be any; a socket has none.
        (Address::Port(0) | Address::Ip(_, 0) | Address::Unix(_), _) => Some(2),
        _ => None,
    }
}

fn explain(table: &Table, request: &Request<'_>, standing: Option<&Value>) -> String {
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
            text += &found_text(table, server, found.location, standing);
            Some(found.location)
        }
        Outcome::NoRoute(_) => {
            text += "answer    404: no location takes this request\n";
            None
        }
        // No location was looked at.
        Outcome::BadPath(_) => {
            return text + "answer    400: the path climbs above `/`, has a NUL, or is none\n";
        }
    };
    text + &others(server, request, &candidates, chosen)
}

fn found_text(table: &Table, server: &Server, id: LocationId, standing: Option<&Value>) -> String {
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
            let servers = servers.unwrap_or_default().join(", ");
            let policy = upstream.map(|upstream| standing::policy(&upstream.balance)).unwrap_or_default();
            let live = standing.map(|standing| standing::of(standing, name)).unwrap_or_default();
            format!("upstream  {name}: {scheme} to {servers}{policy}\n{live}")
        }
        Action::Redirect(redirect) => {
            format!("answer    {} to {}\n", redirect.status.as_u16(), redirect.target)
        }
        Action::Respond(respond) => {
            format!("answer    {}, {}\n", respond.status.as_u16(), counted(respond.body.len(), "byte"))
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
    let path = normal_path(request.path).unwrap_or_default();
    let winner = seen.iter().find(|(id, _, held)| *held && Some(*id) == chosen).map(|(_, step, _)| *step);
    let rest = server.locations.iter().enumerate().filter(|(number, _)| Some(LocationId(*number)) != chosen);
    let lines: Vec<String> = rest
        .map(|(number, location)| {
            let why = match seen.iter().find(|(id, ..)| id.0 == number) {
                Some((_, _, false)) => "its `match` does not hold",
                Some(_) => "a regex wins over it",
                None => why_not_asked(location, &path, winner),
            };
            format!("  {}  ({}:{})  {why}\n", location.name, location.place.file, location.place.line)
        })
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("not chosen:\n{}", lines.concat()),
    }
}

/// Why the search never came to a location: `winner` is how it came to the one that was chosen.
fn why_not_asked(location: &Location, path: &[u8], winner: Option<Step>) -> &'static str {
    if !location.patterns.iter().any(|pattern| pattern.takes(path)) {
        return "its path does not fit";
    }
    match winner {
        Some(Step::Exact) => "an exact path wins over it",
        Some(Step::Regex) => "an earlier regex, or a longer prefix, wins over it",
        Some(Step::Prefix)
            if location.patterns.iter().all(|pattern| matches!(pattern, Pattern::Regex(_))) =>
        {
            "the longest prefix has `final=on`"
        }
        Some(Step::Prefix) => "a longer prefix wins over it",
        None => "its `match` does not hold",
    }
}
