//! `vordr show`: the rules that hold, written out in full.
//!
//! What is printed loads again and gives the same table, unless a secret had to be masked.

mod action;
mod credential;
mod fix;
mod map;
mod media;
mod process;
mod settings;
mod steps;
mod substitute;
mod text;

use crate::Loaded;
use crate::table::{
    ClientCa, ClientFailure, Listener, Location, Pattern, Place, Server, ServerId, ServerTls, Sessions,
    Table, TlsVersion,
};
use std::collections::{BTreeMap, HashMap};
pub use steps::lines as step_lines;
pub(crate) use text::{Line, Page};
use text::{duration, quoted, switch};

/// Everything that holds: environment filled in, templates merged, defaults written out, secrets masked.
pub fn show(loaded: &Loaded) -> String {
    effective(&loaded.table, &loaded.secrets)
}

/// The same of a table that serves already, without these values.
pub fn effective(table: &Table, secrets: &[String]) -> String {
    page(table).masked(secrets)
}

/// The same, line by line.
pub(crate) fn page(table: &Table) -> Page {
    let mut page = Page::default();
    process::write(&table.process, &mut page);
    for upstream in table.upstreams.iter().filter(|upstream| upstream.named) {
        action::write_upstream(upstream, &mut page);
    }
    for (name, map) in &table.maps {
        map::write(name, map, &mut page);
    }
    let listens = listens(table);
    for (number, server) in table.servers.iter().enumerate() {
        let own = listens.get(&ServerId(number)).map(Vec::as_slice).unwrap_or_default();
        write_server(table, server, own, &mut page);
    }
    page
}

/// A server's part in a listener.
struct Listen<'t> {
    listener: &'t Listener,
    redirect_https: bool,
    /// It takes every other host, and only because it says so.
    is_default: bool,
}

fn listens(table: &Table) -> HashMap<ServerId, Vec<Listen<'_>>> {
    let mut listens: HashMap<ServerId, Vec<Listen<'_>>> = HashMap::new();
    for listener in &table.listeners {
        let servers: BTreeMap<_, _> =
            listener.bindings().map(|binding| (binding.server, binding.redirect_https)).collect();
        let first = servers.keys().next().copied();
        let implied = listener.every_host.map(|every_host| every_host.server).or(first);
        for (server, redirect_https) in servers {
            let is_default = server == listener.default.server && Some(server) != implied;
            listens.entry(server).or_default().push(Listen { listener, redirect_https, is_default });
        }
    }
    listens
}

fn write_server(table: &Table, server: &Server, listens: &[Listen<'_>], page: &mut Page) {
    let hosts: Vec<String> = server.hosts.iter().map(|host| quoted(host)).collect();
    let default = if listens.iter().any(|listen| listen.is_default) { " default=on" } else { "" };
    let slashes = if server.merges_slashes { " merge-slashes=on" } else { "" };
    page.open(&format!("server {}{default}{slashes}", hosts.join(" ")), Some(&server.place));
    for Listen { listener, redirect_https, .. } in listens {
        let redirect = if *redirect_https { " redirect=https" } else { "" };
        let tls = if listener.tls { " tls=on" } else { "" };
        let told = listener.proxy_protocol.map(|told| format!(" proxy-protocol={}", told.word()));
        let proxy_protocol = told.unwrap_or_default();
        let address = quoted(&listener.address.to_string());
        page.line(&format!("listen {address}{tls}{redirect}{proxy_protocol}"), None);
    }
    if let Some(tls) = &server.tls {
        write_tls(tls, page);
    }
    settings::write(&server.settings, None, (table, server), page);
    if let Some(early) = &server.early {
        page.open("early", None);
        settings::write_early(early, (table, server), page);
        page.close();
    }
    steps::write(&server.steps, (table, server), page);
    for location in &server.locations {
        page.open(&format!("location {}", way(location, server)), Some(&location.place));
        location.conditions.iter().for_each(|condition| page.line(&settings::condition(condition), None));
        settings::write(&location.settings, Some(&server.settings), (table, server), page);
        steps::write(&location.steps, (table, server), page);
        action::write(&location.action, (table, server), page);
        page.close();
    }
    page.close();
}

/// How a request gets into a location.
fn way(location: &Location, server: &Server) -> String {
    match &location.called {
        Some(called) => format!("name={}", quoted(called)),
        None => {
            let internal = if location.is_internal { " internal=on" } else { "" };
            let within = location.within.and_then(|id| around(location, server.locations.get(id.0)?));
            let within = within.map(|prefix| format!(" within={}", quoted(prefix))).unwrap_or_default();
            format!("{}{within}{internal}", paths(&location.patterns, location.is_final))
        }
    }
}

/// The prefix or regex of the location around another one, by which it is known there.
fn around<'s>(inner: &Location, outer: &'s Location) -> Option<&'s str> {
    let is_before = |prefix: &str| {
        inner.patterns.iter().all(|pattern| match pattern {
            Pattern::Exact(path) | Pattern::Prefix(path) | Pattern::RawPrefix(path) => {
                path.starts_with(prefix) && path != prefix
            }
            Pattern::Regex(_) => true,
        })
    };
    outer.patterns.iter().find_map(|pattern| match pattern {
        Pattern::Prefix(prefix) | Pattern::RawPrefix(prefix) => {
            Some(&**prefix).filter(|prefix| is_before(prefix))
        }
        Pattern::Regex(regex) => Some(regex.as_str()),
        _ => None,
    })
}

fn paths(patterns: &[Pattern], is_final: bool) -> String {
    let mut words = Vec::new();
    for pattern in patterns {
        words.push(match pattern {
            Pattern::Exact(path) => format!("exact={}", quoted(path)),
            Pattern::Prefix(path) => quoted(path),
            Pattern::RawPrefix(path) => format!("{} raw=on", quoted(path)),
            Pattern::Regex(regex) => format!("regex={}", quoted(regex.as_str())),
        });
    }
    if is_final {
        words.push("final=on".to_owned());
    }
    let mut raw = false;
    words.iter_mut().for_each(|word| {
        // `raw=on` is said once for all prefixes of a location.
        if let Some(path) = word.strip_suffix(" raw=on").map(str::to_owned) {
            raw = true;
            *word = path;
        }
    });
    words.extend(raw.then(|| "raw=on".to_owned()));
    words.join(" ")
}

fn write_tls(tls: &ServerTls, page: &mut Page) {
    page.open("tls", None);
    for files in &tls.certificates {
        page.line(&format!("cert {}", quoted(&files.chain)), None);
        let passwords = files.passwords.as_ref().map(|file| format!(" passwords={}", quoted(file)));
        page.line(&format!("key {}{}", quoted(&files.key), passwords.unwrap_or_default()), None);
    }
    if tls.rejects {
        page.line("reject", None);
    }
    if let Some(acme) = &tls.acme {
        let email = acme.email.as_deref().map(|email| format!(" {}", quoted(email))).unwrap_or_default();
        let challenge = acme.challenge.map(|challenge| format!(" challenge={}", challenge.name()));
        page.line(&format!("acme{email}{}", challenge.unwrap_or_default()), None);
    }
    let versions: Vec<_> = tls.versions.iter().map(|version| version_text(*version)).collect();
    page.line(&format!("versions {}", versions.join(" ")), None);
    if tls.sessions != Sessions::default() {
        page.line(&format!("sessions {}", tls.sessions.name()), None);
    }
    if let Some(ca) = &tls.client_ca {
        page.line(&client_ca(ca), None);
    }
    if let Some(hsts) = &tls.hsts {
        page.line(&format!("hsts {} subdomains={}", duration(hsts.age), switch(hsts.subdomains)), None);
    }
    page.close();
}

fn client_ca(ca: &ClientCa) -> String {
    let mut line = "client-ca".to_owned();
    if let Some(file) = &ca.file {
        line = format!("{line} {}", quoted(file));
    }
    line = format!("{line} require={}", switch(ca.require));
    if ca.on_failure != ClientFailure::default() {
        line = format!("{line} on-failure={}", ca.on_failure.name());
    }
    for (name, file) in [("more", &ca.more), ("crl", &ca.crl)] {
        if let Some(file) = file {
            line = format!("{line} {name}={}", quoted(file));
        }
    }
    ca.depth.map_or(line.clone(), |depth| format!("{line} depth={depth}"))
}

fn version_text(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "\"1.2\"",
        TlsVersion::Tls13 => "\"1.3\"",
    }
}

/// Where a word was written, if it was.
fn place_of<'p>(places: &'p [(&'static str, Place)], word: &str) -> Option<&'p Place> {
    places.iter().find(|(known, _)| *known == word).map(|(_, place)| place)
}
