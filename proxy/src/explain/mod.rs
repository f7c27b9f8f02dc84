//! Which location takes a request, and why the others do not: told by the search that the running proxy uses.

mod standing;

use crate::exchange::cors;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::HOST};
use serde_json::{Value, json};
use std::fmt;
use std::net::IpAddr;
use vordr_rules::show::step_lines;
use vordr_rules::table::{
    Action, Address, Body, Listener, ListenerId, Location, LocationId, Outcome, Pattern, Place, Request,
    Server, ServerId, Settings, Step, Table, Way,
};

/// A request that is asked about.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its method.
    pub method: Method,
    /// Its URL, scheme and host included.
    pub url: Uri,
    /// Its headers.
    pub headers: HeaderMap,
}

/// How many locations are told of that are entered one from the other.
const MOST_ENTERED: usize = 10;

/// What becomes of a request, and why.
#[derive(Debug)]
pub struct Explanation {
    facts: Vec<Fact>,
    not_chosen: Vec<NotChosen>,
}

/// One step on the request's way.
#[derive(Debug)]
struct Fact {
    what: &'static str,
    text: String,
    place: Option<Place>,
    /// What more there is to say of it, a line each.
    details: Vec<String>,
}

/// A location that does not take the request.
#[derive(Debug)]
struct NotChosen {
    location: String,
    place: Place,
    why: &'static str,
}

/// Reads a header, `Name: value`.
pub fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written `Name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no header's name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("`{value}` is no header's value"))?;
    Ok((name, value))
}

impl Question {
    /// What these rules do with it; where no listener of theirs hears it, why. With the `/status` of a running vordr
    /// it tells how each server stands.
    pub fn answer(&self, table: &Table, status: Option<&Value>) -> Result<Explanation, String> {
        let Some(authority) = self.url.authority() else {
            return Err("the URL lacks a host: http://example.org/path".to_owned());
        };
        let listener = self.listener(table, authority.host())?;
        let named = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let request = Request {
            listener,
            method: &self.method,
            host: named.unwrap_or(authority.host()),
            path: self.url.path(),
            query: self.url.query(),
            headers: &self.headers,
        };
        Ok(explain(table, &request, status))
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

/// Line by line, as `vordr explain` prints it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Fact { what, text, place, details } in &self.facts {
            match place {
                Some(place) => writeln!(f, "{what:<10}{text}  ({})", in_file(place))?,
                None => writeln!(f, "{what:<10}{text}")?,
            }
            details.iter().try_for_each(|detail| writeln!(f, "  {detail}"))?;
        }
        if !self.not_chosen.is_empty() {
            writeln!(f, "not chosen:")?;
        }
        for NotChosen { location, place, why } in &self.not_chosen {
            writeln!(f, "  {location}  ({})  {why}", in_file(place))?;
        }
        Ok(())
    }
}

impl Explanation {
    /// The same for programs.
    pub fn json(&self) -> Value {
        let facts = self.facts.iter().map(|Fact { what, text, place, details }| {
            json!({ "what": what, "text": text, "place": place.as_ref().map(in_file), "details": details })
        });
        let not_chosen = self.not_chosen.iter().map(|NotChosen { location, place, why }| {
            json!({ "location": location, "place": in_file(place), "why": why })
        });
        json!({ "facts": facts.collect::<Value>(), "not_chosen": not_chosen.collect::<Value>() })
    }

    fn tell(&mut self, what: &'static str, text: impl Into<String>, place: Option<&Place>) {
        self.facts.push(Fact { what, text: text.into(), place: place.cloned(), details: Vec::new() });
    }

    /// How the servers of the upstream stand that was told of last.
    fn tell_standing(&mut self, table: &Table, server: &Server, id: LocationId, status: Option<&Value>) {
        let action = server.locations.get(id.0).map(|location| &location.action);
        let (Some(Action::Proxy(proxy)), Some(status)) = (action, status) else { return };
        if let (Some(upstream), Some(fact)) = (table.upstreams.get(proxy.upstream.0), self.facts.last_mut()) {
            fact.details = standing::of(status, &upstream.name);
        }
    }
}

fn in_file(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
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

fn explain(table: &Table, request: &Request<'_>, status: Option<&Value>) -> Explanation {
    let mut told = Explanation { facts: Vec::new(), not_chosen: Vec::new() };
    let Some(binding) = table.binding_of_request(request.listener, request.host) else { return told };
    let Some(server) = table.servers.get(binding.server.0) else { return told };
    let address = table.listeners.get(request.listener.0).map(|listener| listener.address.to_string());
    told.tell("listener", address.unwrap_or_default(), None);
    told.tell("server", server.name(), Some(&server.place));
    if binding.redirect_https {
        told.tell("answer", "301 or 308 to https (`redirect=https`)", None);
        return told;
    }
    tell_steps(&mut told, &server.steps, (table, server));
    let preflight = preflight_of(table, binding.server, request);
    let request = &Request { method: preflight.as_ref().unwrap_or(request.method), ..*request };
    let mut candidates: Vec<(LocationId, Way, bool)> = Vec::new();
    let outcome =
        table.find_in(binding.server, request, &mut |id, step, held| candidates.push((id, step, held)));
    let chosen = match &outcome {
        Outcome::Found(found) => {
            let preflight = preflight.as_ref().map(|method| (method, request.headers));
            tell_found(&mut told, table, server, found.location, preflight);
            told.tell_standing(table, server, found.location, status);
            Some(found.location)
        }
        Outcome::NoRoute(_) => {
            told.tell("answer", "404: no location takes this request", None);
            None
        }
        Outcome::GivenUp(_, id) => {
            if let Some(location) = server.locations.get(id.0) {
                told.tell("location", location.name.as_str(), Some(&location.place));
            }
            told.tell("answer", "500: its regex takes too long over this path", None);
            Some(*id)
        }
        // No location was looked at.
        Outcome::BadPath(_) => {
            told.tell("answer", "400: the path climbs above `/`, has a NUL, or is none", None);
            return told;
        }
    };
    told.not_chosen = others(server, request, &candidates, chosen);
    told
}

/// The method that a preflight asks about, where the location that takes that one answers preflights.
fn preflight_of(table: &Table, id: ServerId, request: &Request<'_>) -> Option<Method> {
    let server = table.servers.get(id.0).filter(|server| server.has_cors)?;
    let method = cors::requested_method(request.method, request.headers)?;
    let asked_about = Request { method: &method, ..*request };
    let Outcome::Found(found) = table.find_in(id, &asked_about, &mut |_, _, _| {}) else { return None };
    server.locations.get(found.location.0)?.settings.cors.as_ref()?;
    Some(method)
}

/// `preflight` is the method that one asks about, and its headers.
fn tell_found(
    told: &mut Explanation,
    table: &Table,
    server: &Server,
    id: LocationId,
    preflight: Option<(&Method, &HeaderMap)>,
) {
    let Some(location) = server.locations.get(id.0) else { return };
    told.tell("location", location.name.as_str(), Some(&location.place));
    if location.is_internal {
        told.tell("answer", "404: it is `internal=on`, and only a `search` leads there", None);
        return;
    }
    tell_steps(told, &location.steps, (table, server));
    if let (Some(cors), Some((method, headers))) = (&location.settings.cors, preflight) {
        let granted = if cors::grants(cors, method, headers) { "granted" } else { "not granted" };
        let text = format!("204 to a preflight, {granted} for {method}: the upstream is not asked");
        return told.tell("answer", text, None);
    }
    tell_guards(told, &location.settings);
    tell_action(told, table, server, location, MOST_ENTERED);
}

/// What may keep a request out, whatever its location would do.
fn tell_guards(told: &mut Explanation, settings: &Settings) {
    let guards = [
        ("`allow` and `deny`", !settings.access.rules.is_empty()),
        ("`auth`", !settings.auth.is_empty()),
        ("`limit`", !settings.limits.is_empty()),
        ("`concurrent`", !settings.concurrent.is_empty()),
    ];
    let guards: Vec<_> = guards.into_iter().filter_map(|(word, is_there)| is_there.then_some(word)).collect();
    if !guards.is_empty() {
        told.tell("guarded", format!("by {}, which may answer first", guards.join(", ")), None);
    }
}

/// The steps that come first, as they are written: whether they are taken is told by a request alone.
fn tell_steps(told: &mut Explanation, steps: &[Step], scope: (&Table, &Server)) {
    if steps.is_empty() {
        return;
    }
    let number = steps.len();
    told.tell("steps", format!("{number} come first, and may lead elsewhere"), None);
    if let Some(fact) = told.facts.last_mut() {
        fact.details = step_lines(steps, scope);
    }
}

/// `left` is how many more locations may be entered: they may lead in a circle.
fn tell_action(told: &mut Explanation, table: &Table, server: &Server, location: &Location, left: usize) {
    match &location.action {
        Action::Proxy(proxy) => {
            let upstream = table.upstreams.get(proxy.upstream.0);
            let servers = upstream.map(|upstream| {
                upstream.servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>()
            });
            let scheme = if proxy.tls.is_some() { "https" } else { "http" };
            let name = upstream.map_or("", |upstream| upstream.name.as_str());
            let servers = match &proxy.filled {
                Some(filled) => format!("what the request makes of {}", filled.url),
                None => servers.unwrap_or_default().join(", "),
            };
            let policy = upstream.map(|upstream| standing::policy(&upstream.balance)).unwrap_or_default();
            told.tell("upstream", format!("{name}: {scheme} to {servers}{policy}"), None);
        }
        Action::Redirect(redirect) => {
            told.tell("answer", format!("{} to {}", redirect.status.as_u16(), redirect.target), None);
        }
        Action::Respond(respond) => {
            let bytes = match &respond.body {
                Body::Fixed(body) if body.len() == 1 => "1 byte".to_owned(),
                Body::Fixed(body) => format!("{} bytes", body.len()),
                Body::Filled(body) => format!("\"{body}\""),
            };
            told.tell("answer", format!("{}, {bytes}", respond.status.as_u16()), None);
        }
        Action::Files(files) => told.tell("files", files.root.to_string(), None),
        Action::StubStatus => told.tell("answer", "200, nginx's page of counts", None),
        Action::Enter(id) => {
            let Some(entered) = server.locations.get(id.0).filter(|_| left > 0) else { return };
            told.tell("enters", entered.name.as_str(), Some(&entered.place));
            tell_action(told, table, server, entered, left - 1);
        }
        Action::Search(path) => told.tell("searches", format!("the location of {path}"), None),
    }
}

/// Each location that was not chosen, with the reason.
fn others(
    server: &Server,
    request: &Request<'_>,
    seen: &[(LocationId, Way, bool)],
    chosen: Option<LocationId>,
) -> Vec<NotChosen> {
    let path = server.normal_path(request.path).unwrap_or_default();
    let winner = seen.iter().find(|(id, _, held)| *held && Some(*id) == chosen).map(|(_, step, _)| *step);
    let rest = server.locations.iter().enumerate().filter(|(number, _)| Some(LocationId(*number)) != chosen);
    rest.map(|(number, location)| {
        let why = match seen.iter().find(|(id, ..)| id.0 == number) {
            Some((_, _, false)) => "its `match` does not hold",
            Some(_) => "a regex wins over it",
            None => why_not_asked(location, &path, winner),
        };
        NotChosen { location: location.name.clone(), place: location.place.clone(), why }
    })
    .collect()
}

/// Why the search never came to a location: `winner` is how it came to the one that was chosen.
fn why_not_asked(location: &Location, path: &[u8], winner: Option<Way>) -> &'static str {
    if location.called.is_some() {
        return "`enter` alone leads there";
    }
    if !location.patterns.iter().any(|pattern| pattern.takes(path)) {
        return "its path does not fit";
    }
    if location.within.is_some() && winner != Some(Way::Exact) {
        return "the search did not come to the location that it is within";
    }
    match winner {
        Some(Way::Exact) => "an exact path wins over it",
        Some(Way::Regex) => "an earlier regex, or a longer prefix, wins over it",
        Some(Way::Prefix) if location.patterns.iter().all(|pattern| matches!(pattern, Pattern::Regex(_))) => {
            "the longest prefix has `final=on`"
        }
        Some(Way::Prefix) => "a longer prefix wins over it",
        Some(Way::GivenUp) => "the search ended before it was asked",
        None => "its `match` does not hold",
    }
}
