//! From what the author wrote to what runs: names resolved, templates merged, clashes and dead routes reported.

mod acme;
mod action;
mod dead;
mod dead_errors;
mod keepalive;
mod listeners;
mod logs;
mod maps;
mod names;
mod overruled;
mod pings;
mod process;
mod settings;
mod steered;
mod steps;
mod templates;
mod upstreams;
mod within;

use crate::diagnostic::Diagnostic;
use crate::language::File;
use crate::language::location::{Location, Path};
use crate::language::respond::{Body::Filled, Respond as Written};
use crate::language::server::{Server, host_regex};
use crate::language::settings::Settings;
use crate::node::Reading;
use crate::source::{Span, Spanned, TlsPlaces};
use crate::table::{self, Action, Body, Keepalive, LocationId, PathRegex, Pattern, Process, Respond, Table};
use http::{HeaderName, StatusCode};
use logs::Formats;
use names::Names;
use templates::Templates;
use upstreams::Pools;

/// What compiling comes to; whether it may be used is told by the diagnostics.
pub(crate) struct Outcome {
    pub table: Table,
    /// Where the files of each server's TLS are named.
    pub tls_places: Vec<TlsPlaces>,
}

/// What settings name, besides pools and locations, and what holds where they say nothing.
#[derive(Clone, Copy)]
struct Known<'k, 't> {
    templates: &'k Templates<'t>,
    formats: &'k Formats,
    /// What holds of connections that no setting speaks of.
    keepalive: Keepalive,
}

/// Makes a table of a file.
pub(crate) fn compile(file: &File, reading: &mut Reading<'_>) -> Outcome {
    let templates = Templates::new(&file.templates, reading);
    let formats = Formats::new(file, reading);
    let mut pools = Pools::new(&file.upstreams, reading);
    let keepalive = match &file.process {
        Some(process) => process::limits(&process.value.limits).keepalive,
        None => Keepalive::default(),
    };
    let known = Known { templates: &templates, formats: &formats, keepalive };
    let mut servers: Vec<_> =
        file.servers.iter().map(|server| compile_server(server, known, &mut pools, reading)).collect();
    let trusts = file.process.as_ref().is_some_and(|process| !process.value.trusted_proxies.is_empty());
    let listeners = listeners::compile(&file.servers, trusts, reading);
    acme::check(&file.servers, &listeners, reading);
    if file.servers.is_empty() && reading.found.is_empty() {
        let nothing = Span { source: reading.source, start: 0, length: 0 };
        let warning = Diagnostic::warning("no-server", nothing, "these rules serve nothing");
        reading.report(warning.label("add `server \"example.org\" { listen 80; location \"/\" { … } }`"));
    }
    let maps = maps::compile(&file.maps, reading);
    steered::warn(pools.filled_urls(), &maps, &servers, reading);
    dead_errors::warn(file, &templates, &servers, reading);
    let mut process = match &file.process {
        Some(process) => process::compile(&process.value, &formats),
        None => Process::default(),
    };
    let log_targets = logs::number(&mut process, &mut servers);
    let tls_places = file.servers.iter().enumerate().filter_map(tls_places).collect();
    let upstream_headers = reading.upstream_headers.iter().filter_map(|name| name.parse().ok()).collect();
    let upstreams = pools.finish();
    let (keeps_bodies, weighs_heads) = (reading.keeps_bodies, reading.weighs_heads);
    let counts_connections = reading.counts_connections;
    let table = Table {
        process,
        listeners,
        servers,
        upstreams,
        maps,
        log_targets,
        upstream_headers,
        keeps_bodies,
        weighs_heads,
        counts_connections,
    };
    Outcome { table, tls_places }
}

fn tls_places((number, server): (usize, &Server)) -> Option<TlsPlaces> {
    let tls = server.tls.as_ref()?;
    Some(TlsPlaces {
        server: table::ServerId(number),
        hosts: server.hosts.iter().map(|host| host.span).collect(),
        certificates: tls.certificates.clone(),
        later_replaces: tls.later_replaces,
        client_ca: tls.client_ca,
    })
}

fn compile_server<'t>(
    server: &'t Server,
    known: Known<'_, 't>,
    pools: &mut Pools,
    reading: &mut Reading<'_>,
) -> table::Server {
    let layers = known.templates.layers(&server.settings, reading);
    dead::report(&server.locations, reading);
    let names = Names::new(&server.locations, reading);
    let mut locations: Vec<_> = server
        .locations
        .iter()
        .map(|location| compile_location(location, (server, &layers), known, (&names, &mut *pools), reading))
        .collect();
    within::check_circles(&server.locations, &locations, reading);
    let host_regexes: Vec<_> = server.hosts.iter().filter_map(|host| host_regex(&host.value)).collect();
    let of_host = host_regexes.iter().map(PathRegex::groups).max().unwrap_or(0);
    if server.steps.is_empty() {
        for (written, made) in server.locations.iter().zip(&locations) {
            check_captures(written, &made.action, of_host, reading);
        }
    }
    let first = steps::compile(&server.steps, false, (&names, &mut *pools), reading);
    let settings = settings::compile(&layers, known, (&names, &mut *pools), reading);
    let early = server.early.as_ref().map(|early| {
        let layers: Vec<_> = layers.iter().copied().chain([early]).collect();
        Box::new(settings::compile(&layers, known, (&names, &mut *pools), reading))
    });
    names.warn_of_unused(reading);
    for location in &mut locations {
        location.shared = table::Shared {
            limits: location.settings.limits == settings.limits,
            concurrent: location.settings.concurrent == settings.concurrent,
        };
    }
    let patterns = locations.iter().enumerate().flat_map(|(number, location)| {
        location.patterns.iter().map(move |pattern| (pattern, LocationId(number), location.within))
    });
    let paths = table::Paths::new(patterns, |id| {
        locations.get(id.0).is_some_and(|location| !location.conditions.is_empty())
    });
    let mut made = table::Server {
        hosts: server.hosts.iter().map(|host| host.value.clone()).collect(),
        host_regexes,
        tls: server.tls.as_ref().map(|tls| tls.runs.clone()),
        steps: first,
        merges_slashes: server.merge_slashes.is_some_and(|merges| merges),
        has_cors: settings.cors.is_some()
            || locations.iter().any(|location| location.settings.cors.is_some()),
        vouched_for: Vec::new(),
        settings,
        early,
        locations,
        paths,
        place: reading.sources.place(server.span),
    };
    made.vouched_for = vouched_for(&made);
    made
}

/// The names that any `auth` copies to, each once.
fn vouched_for(server: &table::Server) -> Vec<HeaderName> {
    let auths = server.every_settings().flat_map(|settings| &settings.auth);
    let mut names: Vec<_> = auths.flat_map(|auth| &auth.copy).map(|(_, header)| header.clone()).collect();
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

fn compile_location<'t>(
    location: &'t Location,
    (server, outer): (&'t Server, &[&'t Settings]),
    known: Known<'_, 't>,
    (names, pools): (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> table::Location {
    let layers = known.templates.inner_layers(&location.settings, outer, reading);
    let patterns: Vec<_> = location.paths.iter().map(pattern).collect();
    let action =
        location.action.as_ref().and_then(|action| action::compile(action, (names, &mut *pools), reading));
    let steps = steps::compile(&location.steps, true, (names, &mut *pools), reading);
    let settings = settings::compile(&layers, known, (names, &mut *pools), reading);
    pings::warn(&layers, &settings.websocket, reading);
    overruled::warn(&layers, settings.cors.as_ref(), reading);
    warn_of_scattered_sessions(location, action.as_ref(), pools, reading);
    table::Location {
        name: name(location.name.as_ref(), &patterns),
        called: location.name.as_ref().map(|name| name.value.clone()),
        is_final: location.is_final,
        is_internal: location.is_internal,
        within: within::find(location, &server.locations, reading),
        conditions: location.conditions.clone(),
        steps,
        action: action.unwrap_or_else(nothing),
        settings,
        // Known once the server's settings are.
        shared: table::Shared::default(),
        place: reading.sources.place(location.span),
        patterns,
    }
}

/// Stands where an action is faulty; such a table is never handed out.
fn nothing() -> Action {
    Action::Respond(Respond {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        content_type: None,
        body: Body::Fixed(Vec::new()),
        fails: false,
        by_path: false,
    })
}

fn pattern(path: &Path) -> Pattern {
    match path {
        Path::Exact(path) => Pattern::Exact(path.value.clone()),
        Path::Prefix(path) => Pattern::Prefix(path.value.clone()),
        Path::RawPrefix(path) => Pattern::RawPrefix(path.value.clone()),
        Path::Regex(regex) => Pattern::Regex(regex.value.clone()),
    }
}

/// As an operator knows the route: `/a /b`, `= /x`, `~ ^/v`, `@app`.
fn name(called: Option<&Spanned<String>>, patterns: &[Pattern]) -> String {
    if let Some(called) = called {
        return format!("@{}", called.value);
    }
    let names = patterns.iter().map(|pattern| match pattern {
        Pattern::Exact(path) => format!("= {path}"),
        Pattern::Prefix(path) => path.clone(),
        Pattern::RawPrefix(path) => format!("{path}*"),
        Pattern::Regex(regex) => format!("~ {}", regex.as_str()),
    });
    names.collect::<Vec<_>>().join(" ")
}

/// `{2}` means something only where every way into the location captures two groups. Into one with a name they come
/// from wherever it is entered, and steps may capture too. The regex of a host captures `of_host` of them before.
fn check_captures(location: &Location, action: &Action, of_host: usize, reading: &mut Reading<'_>) {
    if location.name.is_some() || !location.steps.is_empty() {
        return;
    }
    let captured = location.paths.iter().map(|path| match path {
        Path::Regex(regex) => regex.value.groups(),
        _ => 0,
    });
    let captured = captured.min().unwrap_or(0).max(of_host);
    let target = match (action, &location.action) {
        (Action::Redirect(_), Some(crate::language::action::Action::Redirect(redirect))) => {
            Some(&redirect.target)
        }
        (_, Some(crate::language::action::Action::Search(path))) => Some(path),
        (_, Some(crate::language::action::Action::Respond(Written { body: Filled(body), .. }))) => Some(body),
        _ => None,
    };
    for template in target.into_iter().chain(&location.settings.rewrite) {
        let asked = template.value.highest_capture();
        if asked > captured {
            let groups = if captured == 1 { "1 group".to_owned() } else { format!("{captured} groups") };
            let message = format!("`{{{asked}}}` is never captured: this location has {groups}");
            reading.report(
                Diagnostic::error("bad-capture", template.span, message)
                    .label("captures come from `regex=#\"…(…)…\"#`"),
            );
        }
    }
}

/// Socket.IO's polls belong to a session that one server holds in memory.
fn warn_of_scattered_sessions(
    location: &Location,
    action: Option<&Action>,
    pools: &Pools,
    reading: &mut Reading<'_>,
) {
    let takes_socketio = location.paths.iter().any(|path| pattern(path).takes(b"/socket.io/"));
    let Some(Action::Proxy(proxy)) = action else { return };
    if takes_socketio && pools.scatters(proxy.upstream) {
        let message = "a Socket.IO session breaks when its polls go to more than one server";
        let warning = Diagnostic::warning("scattered-sessions", location.span, message);
        reading.report(
            warning
                .label("its upstream lacks `sticky`")
                .help("add `sticky cookie=vordr_sid` to the upstream"),
        );
    }
}
