//! Settings, written out.

use super::action;
use super::credential;
use super::media;
use super::place_of;
use super::process::{keepalive_line, write_access_logs, write_error_logs};
use super::substitute;
use super::text::{Page, duration, limit, number, quoted, switch, template, words};
use crate::placeholder::Template;
use crate::table::{
    Afterwards, AnswerStatus, Auth, AuthKind, Buffering, Compress, Concurrency, Condition, Cors, FieldName,
    HeaderNames, HeaderOperation, Level, OnError, OnErrorFrom, Origins, Pace, RateLimit, Satisfy, SendRate,
    Server, Settings, Steering, Table, Teller, TemporaryFolder, Trust, Ways, Whom,
};
use http::StatusCode;

/// Writes settings; what `outer` adds by itself is left out, and what it has and these have not is ended.
pub(super) fn write(
    settings: &Settings,
    outer: Option<&Settings>,
    scope: (&Table, &Server),
    page: &mut Page,
) {
    let place = |word: &str| place_of(&settings.places, word);
    let timeouts = &settings.timeouts;
    let line = format!(
        "timeouts connect={} send={} read={} client={}",
        limit(timeouts.connect),
        limit(timeouts.send),
        limit(timeouts.read),
        limit(timeouts.client)
    );
    let any_of = ["timeouts read", "timeouts send", "timeouts connect", "timeouts client"];
    page.line(&line, any_of.iter().find_map(|word| place(word)));
    let websocket = &settings.websocket;
    let ends_ping = websocket.ping.is_none() && outer.is_some_and(|outer| outer.websocket.ping.is_some());
    let ping = match websocket.ping.is_some() || ends_ping {
        true => format!(" ping={}", limit(websocket.ping)),
        false => String::new(),
    };
    let line = format!("websocket {} idle={}{ping}", switch(websocket.allowed), limit(websocket.idle));
    page.line(&line, place("websocket idle").or_else(|| place("websocket")));
    let usual = outer.map_or(&scope.0.process.limits.keepalive, |outer| &outer.keepalive);
    if settings.keepalive != *usual {
        page.line(&keepalive_line(&settings.keepalive, usual), place("keepalive"));
    }
    page.line(&buffering_line(settings.buffering.as_deref()), place("buffering"));
    page.line(&format!("body-limit {}", number(settings.body_limit)), place("body-limit"));
    if let Some(rewrite) = &settings.rewrite {
        page.line(&format!("rewrite {}", template(rewrite)), place("rewrite"));
    }
    if !settings.forwarded || outer.is_some_and(|outer| !outer.forwarded) {
        page.line(&format!("forwarded {}", switch(settings.forwarded)), place("forwarded"));
    }
    match &settings.send_rate {
        Some(rate) => page.line(&send_rate_line(rate), place("send-rate")),
        None if outer.is_some_and(|outer| outer.send_rate.is_some()) => page.line("send-rate off", None),
        None => {}
    }
    match &settings.afterwards {
        Some(afterwards) => page.line(&afterwards_line(afterwards, scope.1), place("afterwards")),
        None if outer.is_some_and(|outer| outer.afterwards.is_some()) => page.line("afterwards off", None),
        None => {}
    }
    if outer.map_or(Steering::default(), |outer| outer.steering) != settings.steering {
        page.line(&format!("steering {}", settings.steering.name()), place("steering"));
    }
    if outer.map_or(HeaderNames::Any, |outer| outer.header_names) != settings.header_names {
        page.line(&format!("header-names {}", settings.header_names.name()), place("header-names"));
    }
    let outer_request = outer.map_or(0, |outer| outer.request.len());
    operations("request", settings.request.get(outer_request..).unwrap_or_default(), page);
    let outer_response = outer.map_or(0, |outer| outer.response.len());
    operations("response", settings.response.get(outer_response..).unwrap_or_default(), page);
    write_cors(settings, outer, page);
    write_access(settings, outer, page);
    write_rest(settings, outer, page);
    media::write(settings, outer, page);
    let outer_logs = outer.and_then(|outer| outer.access_logs.as_ref());
    if let Some(logs) = settings.access_logs.as_ref().filter(|logs| Some(*logs) != outer_logs) {
        write_access_logs(logs, place("access-log"), page);
    }
    let outer_logs = outer.and_then(|outer| outer.error_logs.as_ref());
    if let Some(logs) = settings.error_logs.as_ref().filter(|logs| Some(*logs) != outer_logs) {
        write_error_logs(logs, place("error-log"), page);
    }
    write_on_errors(settings, outer, scope, page);
}

/// Writes what `early` says besides its server.
pub(super) fn write_early(early: &Settings, scope: (&Table, &Server), page: &mut Page) {
    let outer = &scope.1.settings;
    operations("response", early.response.get(outer.response.len()..).unwrap_or_default(), page);
    media::write(early, Some(outer), page);
    write_on_errors(early, Some(outer), scope, page);
}

/// The nearest stand first; those of `outer` are left out.
fn write_on_errors(settings: &Settings, outer: Option<&Settings>, scope: (&Table, &Server), page: &mut Page) {
    let own =
        settings.on_error.len() - outer.map_or(0, |outer| outer.on_error.len()).min(settings.on_error.len());
    settings.on_error.iter().take(own).for_each(|on_error| write_on_error(on_error, scope, page));
}

fn buffering_line(buffering: Option<&Buffering>) -> String {
    let Some(buffering) = buffering else { return "buffering off".to_owned() };
    let mut line = "buffering on".to_owned();
    if buffering.memory != Buffering::default().memory {
        line.push_str(&format!(" memory={}", buffering.memory));
    }
    line.push_str(&folder_properties(&buffering.folder));
    if let Some(file) = buffering.file {
        line.push_str(&format!(" file={}", file.name()));
    }
    line
}

pub(super) fn folder_properties(folder: &TemporaryFolder) -> String {
    let path = folder.path.as_ref().map(|path| format!(" folder={}", quoted(path))).unwrap_or_default();
    let levels = Some(folder.levels_text()).filter(|levels| !levels.is_empty());
    path + &levels.map(|levels| format!(" levels={}", quoted(&levels))).unwrap_or_default()
}

fn afterwards_line(afterwards: &Afterwards, server: &Server) -> String {
    match afterwards {
        Afterwards::Search(path) => format!("afterwards {}", template(path)),
        Afterwards::Enter(id) => {
            let called = server.locations.get(id.0).and_then(|location| location.called.as_deref());
            format!("afterwards enter={}", quoted(called.unwrap_or_default()))
        }
    }
}

fn send_rate_line(rate: &SendRate) -> String {
    match rate {
        SendRate::Fixed(Pace { bytes, after: 0 }) => format!("send-rate {bytes}"),
        SendRate::Fixed(Pace { bytes, after }) => format!("send-rate {bytes} after={after}"),
        SendRate::Told(after) => format!("send-rate off after={after}"),
        SendRate::Filled(bytes, after) if after.parts.is_empty() => format!("send-rate {}", template(bytes)),
        SendRate::Filled(bytes, after) => format!("send-rate {} after={}", template(bytes), template(after)),
    }
}

fn operations(name: &str, operations: &[HeaderOperation], page: &mut Page) {
    if operations.is_empty() {
        return;
    }
    page.open(name, None);
    for operation in operations {
        let line = operation_line(operation, |_, value| template(value));
        match operation_line(operation, credential::masked) {
            masked if masked == line => page.line(&line, None),
            masked => page.secret_line(&line, masked),
        }
    }
    page.close();
}

/// An operation, with its value as `written` has it.
fn operation_line(operation: &HeaderOperation, written: fn(&FieldName, &Template) -> String) -> String {
    let line = |word, name: &FieldName, value: &Template| {
        format!("{word} {} {}", quoted(name.spelling()), written(name, value))
    };
    match operation {
        HeaderOperation::Set(name, value) => line("set", name, value),
        HeaderOperation::Add(name, value) => line("add", name, value),
        HeaderOperation::Default(name, value) => line("default", name, value),
        HeaderOperation::Trailer(name, value) => line("trailer", name, value),
        HeaderOperation::Remove(name) => format!("remove {}", quoted(name.as_str())),
        HeaderOperation::RemovePrefix(prefix) => format!("remove {}", quoted(&format!("{prefix}*"))),
        HeaderOperation::OnSuccess(operation) => format!("{} errors=off", operation_line(operation, written)),
    }
}

fn write_cors(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    match &settings.cors {
        Some(cors) => write_cors_block(cors, settings, page),
        None if outer.is_some_and(|outer| outer.cors.is_some()) => page.line("cors off", None),
        None => {}
    }
}

fn write_cors_block(cors: &Cors, settings: &Settings, page: &mut Page) {
    page.open("cors", place_of(&settings.places, "cors"));
    let origins = match &cors.origins {
        Origins::Any => "\"*\"".to_owned(),
        Origins::Listed(listed) => words(listed, |origin| quoted(origin)),
    };
    page.line(&format!("origins {origins}"), None);
    page.line(&format!("methods {}", words(&cors.methods, |method| quoted(method.as_str()))), None);
    for (word, names, none) in [("headers", &cors.headers, "\"*\""), ("expose", &cors.expose, "off")] {
        let names = match names.is_empty() {
            true => none.to_owned(),
            false => words(names, |name| quoted(name.as_str())),
        };
        page.line(&format!("{word} {names}"), None);
    }
    page.line(&format!("credentials {}", switch(cors.credentials)), None);
    page.line(&format!("max-age {}", limit(cors.max_age)), None);
    page.close();
}

fn trust_line(trust: &Trust) -> String {
    let unix = trust.unix.then(|| "unix".to_owned());
    let networks = trust.proxies.iter().map(|network| quoted(&network.to_string()));
    let whom: Vec<String> = unix.into_iter().chain(networks).collect();
    let teller = match &trust.teller {
        Teller::Header { name, recursive } => {
            format!("header={} recursive={}", quoted(name.as_str()), switch(*recursive))
        }
        Teller::ProxyProtocol => "by=proxy-protocol".to_owned(),
    };
    format!("trusted-proxies {} {teller}", whom.join(" "))
}

fn write_access(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    let outer_trust = outer.and_then(|outer| outer.trust.as_ref());
    if let Some(trust) = settings.trust.as_ref().filter(|trust| Some(*trust) != outer_trust) {
        page.line(&trust_line(trust), place_of(&settings.places, "trusted-proxies"));
    }
    for rule in &settings.access.rules {
        let word = if rule.allow { "allow" } else { "deny" };
        let whom = match rule.whom {
            Whom::All => "all".to_owned(),
            Whom::Unix => "unix".to_owned(),
            Whom::Network(network) => quoted(&network.to_string()),
        };
        page.line(&format!("{word} {whom}"), None);
    }
    if settings.satisfy != Satisfy::All || outer.is_some_and(|outer| outer.satisfy != settings.satisfy) {
        let word = match settings.satisfy {
            Satisfy::All => "all",
            Satisfy::Any => "any",
            Satisfy::One => "one",
        };
        page.line(&format!("satisfy {word}"), None);
    }
    if settings.auth.is_empty() && outer.is_some_and(|outer| !outer.auth.is_empty()) {
        page.line("auth off", None);
    }
    settings.auth.iter().for_each(|auth| page.line(&auth_line(auth), None));
}

fn auth_line(auth: &Auth) -> String {
    let optional = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(" {name}={}", quoted(value))).unwrap_or_default()
    };
    let kind = match &auth.kind {
        AuthKind::Basic { file, realm, ways } => {
            let ways = if *ways == Ways::Nginx { " as=nginx" } else { "" };
            format!("auth basic file={} realm={}{ways}", template(file), template(realm))
        }
        AuthKind::Key { header, file } => {
            format!("auth key header={} file={}", quoted(header.as_str()), quoted(file))
        }
        AuthKind::Bearer { file } => format!("auth bearer file={}", quoted(file)),
        AuthKind::Jwt { jwks, issuer, audience } => {
            format!(
                "auth jwt jwks={}{}{}",
                quoted(jwks),
                optional("issuer", issuer),
                optional("audience", audience)
            )
        }
        AuthKind::Location { path } => format!("auth location={}", quoted(path)),
        AuthKind::Forward { url } => format!("auth forward={}", quoted(url)),
    };
    let delay = auth.delay.map(|delay| format!(" delay={}", duration(delay))).unwrap_or_default();
    let kind = kind + &delay;
    if auth.copy.is_empty() {
        return kind;
    }
    format!("{kind} copy={}", quoted(&words(&auth.copy, |(from, to)| format!("{from}:{to}"))))
}

fn write_rest(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    if settings.limits.is_empty() && outer.is_some_and(|outer| !outer.limits.is_empty()) {
        page.line("limit off", None);
    }
    settings.limits.iter().for_each(|limit| page.line(&limit_line(limit), None));
    if settings.concurrent.is_empty() && outer.is_some_and(|outer| !outer.concurrent.is_empty()) {
        page.line("concurrent off", None);
    }
    settings.concurrent.iter().for_each(|limit| page.line(&concurrent_line(limit), None));
    match &settings.compress {
        Some(compress) => page.line(&compress_line(compress), None),
        None if outer.is_some_and(|outer| outer.compress.is_some()) => page.line("compress off", None),
        None => {}
    }
    substitute::write(settings, outer, page);
}

fn compress_line(compress: &Compress) -> String {
    let types = compress.types.as_ref().map(|types| format!(" types={}", quoted(&types.join(" "))));
    format!(
        "compress {}{} min-size={} vary={} proxied={}",
        compress.codings.join(" "),
        types.unwrap_or_default(),
        compress.min_size,
        switch(compress.vary),
        switch(compress.proxied)
    )
}

fn limit_line(limit: &RateLimit) -> String {
    let unit = match limit.per.as_secs() {
        1 => "s",
        60 => "m",
        3600 => "h",
        _ => "d",
    };
    let at_once = limit.at_once.map(|number| format!(" at-once={number}")).unwrap_or_default();
    let spaced = if limit.spaced { " spaced=on" } else { "" };
    let status = status_text(limit.status, StatusCode::TOO_MANY_REQUESTS);
    let key = template(&limit.key);
    let zone = zone_text(limit.zone.as_deref());
    format!(
        "limit rate=\"{}/{unit}\" burst={}{at_once}{spaced} key={key}{zone}{status}{}",
        limit.requests,
        limit.burst,
        told(limit.dry, limit.level)
    )
}

fn concurrent_line(limit: &Concurrency) -> String {
    let status = status_text(limit.status, StatusCode::SERVICE_UNAVAILABLE);
    format!(
        "concurrent {} key={}{}{status}{}",
        limit.most,
        template(&limit.key),
        zone_text(limit.zone.as_deref()),
        told(limit.dry, limit.level)
    )
}

fn told(dry: bool, level: Level) -> String {
    let dry = if dry { " dry=on" } else { "" };
    let level = Some(level).filter(|level| *level != Level::Error);
    format!("{dry}{}", level.map(|level| format!(" level={}", level.name())).unwrap_or_default())
}

fn zone_text(zone: Option<&str>) -> String {
    zone.map(|zone| format!(" zone={}", quoted(zone))).unwrap_or_default()
}

fn status_text(status: StatusCode, default: StatusCode) -> String {
    if status == default { String::new() } else { format!(" status={}", status.as_u16()) }
}

fn write_on_error(on_error: &OnError, scope: (&Table, &Server), page: &mut Page) {
    let statuses = words(&on_error.statuses, |status| status.as_str().to_owned());
    let from = match on_error.from {
        OnErrorFrom::Failures => "",
        OnErrorFrom::Upstream => " from=upstream",
        OnErrorFrom::Rules => " from=rules",
        OnErrorFrom::All => " from=all",
    };
    let status = match on_error.status {
        AnswerStatus::Usual => String::new(),
        AnswerStatus::Failure => " as=failure".to_owned(),
        AnswerStatus::Own => " as=own".to_owned(),
        AnswerStatus::Fixed(status) => format!(" as={}", status.as_u16()),
    };
    let again = if on_error.again { " again=on" } else { "" };
    page.open(&format!("on-error {statuses}{from}{status}{again}"), None);
    action::write(&on_error.action, scope, page);
    page.close();
}

/// One `match`, every demand an argument.
pub(super) fn condition(condition: &Condition) -> String {
    let pair = |kind: &str, name: &str, value: &Option<String>| {
        quoted(
            &value
                .as_ref()
                .map_or_else(|| format!("{kind}:{name}"), |value| format!("{kind}:{name}={value}")),
        )
    };
    let mut demands: Vec<String> =
        condition.methods.iter().map(|method| quoted(&format!("method:{method}"))).collect();
    demands.extend(condition.headers.iter().map(|(name, value)| pair("header", name.as_str(), value)));
    demands.extend(condition.queries.iter().map(|(name, value)| pair("query", name, value)));
    demands.extend(condition.cookies.iter().map(|(name, value)| pair("cookie", name, value)));
    format!("match {}", demands.join(" "))
}
