//! What holds in a server or a location besides its content.

use super::buffering::usual_buffering;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Piece, Variables, literal, pieces};
use super::{Nginx, at};
use crate::language::settings::Settings;
use crate::language::timeouts::Timeouts;
use crate::language::websocket::WebSocket;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{AccessRule, Auth, AuthKind, HeaderNames, HeaderOperation, Satisfy, Steering, Ways, Whom};
use crate::value::{Bytes, Limit};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// How many blocks stand around a location: `http` and `server`.
pub(super) const AROUND: usize = 2;
/// How many stand around a server: `http`.
const IN_HTTP: usize = 1;
/// What nginx waits where nothing is said.
const MINUTE: Limit<Duration> = Limit(Some(Duration::from_secs(60)));
/// How large a body nginx takes where nothing is said.
const BODY: Limit<Bytes> = Limit(Some(Bytes(1 << 20)));

impl Nginx<'_, '_> {
    /// The settings of a server: nginx's defaults, said outright. What adds up in KDL and is replaced in nginx is left
    /// to the locations.
    pub(super) fn read_server_settings(&mut self, scope: &Scope<'_>, server: Span) -> Settings {
        let mut settings = self.read_single(scope);
        let minute = || Some(Spanned::new(MINUTE, server));
        let timeouts = &mut settings.timeouts;
        for timeout in [&mut timeouts.connect, &mut timeouts.send, &mut timeouts.read, &mut timeouts.client] {
            *timeout = timeout.take().or_else(minute);
        }
        settings.body_limit = settings.body_limit.or(Some(Spanned::new(BODY, server)));
        settings.buffering = self.read_buffering(scope, scope).or_else(|| usual_buffering(server));
        settings.afterwards = self.read_afterwards(scope, scope);
        settings.forwarded = Some(Spanned::new(false, server));
        self.read_media_of_server(scope, server, &mut settings);
        settings.keepalive = self.read_keepalive(&scope.from(IN_HTTP));
        settings.trust = self.read_trust(scope, scope);
        settings.error_logs = self.read_error_logs(scope);
        settings.compress = self.read_packing(scope, scope);
        settings.header_names = Some(Spanned::new(self.header_names(scope), server));
        settings.send_rate = self.read_send_rate(scope, scope, &Variables::default());
        settings.steering = Some(Spanned::new(steering(scope), server));
        if !self.passes_steering {
            let hidden = HeaderOperation::RemovePrefix(STEERING.to_owned());
            settings.response.push(Spanned::new(hidden, server));
        }
        settings.websocket = WebSocket {
            allowed: Some(Spanned::new(false, server)),
            idle: settings.timeouts.read.clone(),
            ping: None,
        };
        settings
    }

    /// The settings of a location; `proxies` where it has an upstream.
    pub(super) fn read_settings(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
        proxies: bool,
    ) -> Settings {
        let mut settings = self.read_single(&scope.from(AROUND));
        settings.buffering = self.read_buffering(&scope.from(AROUND), scope);
        settings.afterwards = self.read_afterwards(&scope.from(AROUND), scope);
        settings.response = self.read_response_headers(scope, variables);
        settings.access = self.read_access(scope);
        settings.satisfy = self.read_satisfy(scope);
        settings.limits = self.read_rates(scope, variables);
        settings.concurrent = self.read_concurrent(scope, variables);
        settings.keepalive = self.read_keepalive(&scope.from(AROUND));
        settings.trust = self.read_trust(&scope.from(AROUND), scope);
        settings.compress = self.read_packing(&scope.from(AROUND), scope);
        settings.send_rate = self.read_send_rate(&scope.from(AROUND), scope, variables);
        settings.auth = self.read_auth(scope, variables);
        if let Some(satisfy) = settings.satisfy.as_mut().filter(|satisfy| satisfy.value == Satisfy::One)
            && settings.auth.len() < 2
        {
            // Of one there is no choice.
            satisfy.value = Satisfy::Any;
        }
        settings.on_error = self.read_error_pages(scope, variables);
        self.read_media((&scope.from(AROUND), scope), variables, &mut settings);
        settings.substitute = self.read_substitute(scope, variables);
        settings.access_logs = self.read_access_logs(&scope.from(AROUND), variables);
        settings.error_logs = self.read_error_logs(&scope.from(AROUND));
        if proxies {
            settings.websocket.idle = settings.timeouts.read.clone();
        }
        settings
    }

    /// The settings of an answer that is given before anybody is asked who they are.
    pub(super) fn read_settings_before_access(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Settings {
        let settings = self.read_settings(scope, variables, false);
        Settings {
            access: Vec::new(),
            satisfy: None,
            auth: Vec::new(),
            limits: Vec::new(),
            concurrent: Vec::new(),
            ..settings
        }
    }

    /// What the nearer block replaces in KDL as in nginx.
    fn read_single(&mut self, scope: &Scope<'_>) -> Settings {
        let timeouts = Timeouts {
            connect: self.silence(scope.find("proxy_connect_timeout")),
            send: self.silence(scope.find("proxy_send_timeout")),
            read: self.silence(scope.find("proxy_read_timeout")),
            client: self.client_timeout(scope),
        };
        let ignored = scope.find("proxy_ignore_headers");
        Settings {
            timeouts,
            steering: ignored.map(|directive| at(directive, steering(scope))),
            body_limit: self.body_limit(scope),
            ..Settings::default()
        }
    }

    /// What has other letters in its name than nginx looks for is dropped.
    fn header_names(&mut self, scope: &Scope<'_>) -> HeaderNames {
        let ignores = self.switch(scope.find("ignore_invalid_headers"), true);
        let underscores = self.switch(scope.find("underscores_in_headers"), false);
        match (ignores, underscores) {
            (false, _) => HeaderNames::Any,
            (true, true) => HeaderNames::Underscores,
            (true, false) => HeaderNames::Plain,
        }
    }

    /// nginx tells reading a body from writing an answer; here it is one limit, the longer of both.
    fn client_timeout(&mut self, scope: &Scope<'_>) -> Option<Spanned<Limit<Duration>>> {
        let body = self.silence(scope.find("client_body_timeout"));
        let send = self.silence(scope.find("send_timeout"));
        match (body, send) {
            (Some(body), Some(send)) => Some(if body.value.0 > send.value.0 { body } else { send }),
            (one, other) => one.or(other),
        }
    }

    fn body_limit(&mut self, scope: &Scope<'_>) -> Option<Spanned<Limit<Bytes>>> {
        let size = self.size(scope.find("client_max_body_size")?, 0)?;
        let limit = Some(size.value).filter(|size| size.0 > 0);
        Some(Spanned::new(Limit(limit), size.span))
    }

    fn read_access(&mut self, scope: &Scope<'_>) -> Vec<Spanned<AccessRule>> {
        let mut rules = Vec::new();
        for directive in scope.all_of(["allow", "deny"]) {
            let whom = match directive.first() {
                "all" => Whom::All,
                // Nobody comes through a socket.
                "unix:" if !self.spoken.has_socket => continue,
                "unix:" => Whom::Unix,
                written => match network(written) {
                    Some(network) => Whom::Network(network),
                    None => {
                        self.fault(directive.span_of(0), format!("invalid parameter \"{written}\""));
                        continue;
                    }
                },
            };
            rules.push(at(directive, AccessRule { allow: directive.name.value == "allow", whom }));
        }
        rules
    }

    fn read_satisfy(&mut self, scope: &Scope<'_>) -> Option<Spanned<Satisfy>> {
        let directive = scope.find("satisfy")?;
        match directive.first() {
            "all" => Some(at(directive, Satisfy::All)),
            "any" => Some(at(directive, Satisfy::One)),
            word => {
                self.fault(directive.span_of(0), format!("invalid value \"{word}\""));
                None
            }
        }
    }

    /// The password is asked for first, as nginx does.
    fn read_auth(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<Spanned<Option<Auth>>> {
        let mut auths = self.read_basic(scope, variables);
        let request = scope.find("auth_request").filter(|request| request.first() != "off");
        let Some(request) = request else { return auths };
        if !request.first().starts_with('/') || request.first().contains(['$', '?']) {
            let message = format!("\"{}\" is no path of this server", request.first());
            self.refuse(request.span_of(0), message, "write the path of a location, such as `/auth`");
            return auths;
        }
        let kind = AuthKind::Location { path: request.first().to_owned() };
        let delay = self.read_auth_delay(scope);
        auths.push(at(request, Some(Auth { kind, delay, copy: Vec::new() })));
        auths
    }

    /// `auth_request_set`: variables made of the answer that let a request in.
    pub(super) fn read_auth_sets(&mut self, scope: &Scope<'_>, variables: &mut Variables) {
        for set in scope.all("auth_request_set") {
            let (Some(name), Some(value)) = (set.first().strip_prefix('$'), set.arguments.get(1)) else {
                self.fault(set.span_of(0), format!("invalid variable name \"{}\"", set.first()));
                continue;
            };
            // Something stands there all the same, so that what uses it is not reported too.
            let value = self.of_auth(value, variables).unwrap_or_else(|| literal(""));
            variables.set(name, value);
        }
    }

    /// Takes down what each `auth_request_set` makes, as its variable is known everywhere.
    pub(super) fn note_auth_sets(&mut self, http: &[Directive]) {
        let mut waiting: Vec<&Directive> = http.iter().rev().collect();
        while let Some(directive) = waiting.pop() {
            waiting.extend(directive.inside().iter().rev());
            let is_set = directive.name.value == "auth_request_set";
            let name = directive.first().strip_prefix('$').filter(|_| is_set);
            if let (Some(name), Some(value)) = (name, directive.arguments.get(1)) {
                let known = self.set_by_auth.entry(name.to_owned()).or_default();
                if !known.iter().any(|known| known.value == value.value) {
                    known.push(value.clone());
                }
            }
        }
    }

    /// A variable that an `auth_request_set` of another location makes.
    pub(super) fn made_by_auth(&mut self, name: &str, asked: Span) -> Option<Template> {
        // Not there while it is read, so that one that is made of itself comes to an end.
        let values = self.set_by_auth.remove(name)?;
        let made = match values.as_slice() {
            [only] => self.of_auth(only, &Variables::default()),
            _ => {
                let message =
                    format!("which of the \"auth_request_set\" makes \"${name}\" here is not known");
                self.refuse(asked, message, "let all of them say the same");
                None
            }
        };
        self.set_by_auth.insert(name.to_owned(), values);
        Some(made.unwrap_or_else(|| literal("")))
    }

    /// A text whose `$upstream_http_…` are those of the answer that let the request in.
    fn of_auth(&mut self, value: &Spanned<String>, variables: &Variables) -> Option<Template> {
        let mut known = variables.clone();
        for piece in pieces(&value.value) {
            let Piece::Variable(asked) = piece else { continue };
            let header = asked.strip_prefix("upstream_http_").map(|header| header.replace('_', "-"));
            if let Some(header) = header.and_then(|header| header.parse().ok()) {
                let part = Part::Placeholder(Placeholder::Auth(header));
                known.set(asked, Template { parts: vec![part] });
            }
        }
        self.template(value, &known)
    }

    fn read_basic(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<Spanned<Option<Auth>>> {
        let Some(basic) = scope.find("auth_basic").filter(|basic| basic.first() != "off") else {
            return Vec::new();
        };
        let Some(file) = scope.find("auth_basic_user_file") else {
            self.trap(
                basic.name.span,
                "\"auth_basic\" without \"auth_basic_user_file\" lets everybody in",
                "name the file",
            );
            return Vec::new();
        };
        let realm = basic.arguments.first().and_then(|realm| self.template(realm, variables));
        let file = file.arguments.first().and_then(|file| self.template(file, variables));
        let (Some(realm), Some(mut file)) = (realm, file) else { return Vec::new() };
        match file.as_text() {
            Some(path) => file = literal(&self.below_prefix(path)),
            None if matches!(file.parts.first(), Some(Part::Text(text)) if text.starts_with('/')) => {}
            // What is filled in may turn out to begin at the root.
            None => {
                let below = self.below_prefix("");
                let absolute = Part::Text(if below.is_empty() { below } else { format!("{below}/") });
                file.parts.insert(0, absolute);
            }
        }
        let kind = AuthKind::Basic { file, realm, ways: Ways::Nginx };
        vec![at(basic, Some(Auth { kind, delay: self.read_auth_delay(scope), copy: Vec::new() }))]
    }

    fn read_auth_delay(&mut self, scope: &Scope<'_>) -> Option<Duration> {
        let delay = self.time(scope.find("auth_delay")?, 0)?.value;
        (!delay.is_zero()).then_some(delay)
    }
}

/// What an upstream decides where it is not said that it may not.
fn steering(scope: &Scope<'_>) -> Steering {
    let ignored = scope.find("proxy_ignore_headers");
    let heeds = |header: &str| {
        let mut names = ignored.iter().flat_map(|directive| &directive.arguments);
        !names.any(|name| name.value.eq_ignore_ascii_case(header))
    };
    Steering { redirect: heeds("x-accel-redirect"), rate: heeds("x-accel-limit-rate") }
}

/// What an upstream steers nginx by begins so, and is not for the client.
pub(super) const STEERING: &str = "x-accel-";

/// Whether a directive passes some of it on.
pub(super) fn passes_steering(directive: &Directive) -> bool {
    directive.name.value == "proxy_pass_header"
        && directive.first().to_ascii_lowercase().starts_with(STEERING)
}

/// An address, or a network.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()))
        .ok()
}
