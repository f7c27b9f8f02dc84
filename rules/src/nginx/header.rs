//! `add_header`, `add_trailer`, `proxy_set_header`, `proxy_hide_header`: changes to headers, and what nginx's inheritance
//! loses.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use crate::language::header::NOT_TO_BE_HAD;
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::table::{FieldName, HeaderOperation};
use http::{HeaderName, HeaderValue};

/// What is made of the `proxy_set_header` that hold at a place.
#[derive(Debug, Default)]
pub(super) struct RequestHeaders {
    /// Besides `Host`, `Upgrade` and `Connection`.
    pub operations: Vec<Spanned<HeaderOperation>>,
    /// `proxy_set_header Host …`, where it stands.
    pub host: Option<Spanned<String>>,
    /// Both `Upgrade` and `Connection` are passed on.
    pub upgrades: bool,
}

/// What an upstream steers nginx by.
const STEERING_HEADERS: [&str; 5] =
    ["x-accel-buffering", "x-accel-charset", "x-accel-expires", "x-accel-limit-rate", "x-accel-redirect"];

impl Nginx<'_, '_> {
    pub(super) fn read_request_headers(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> RequestHeaders {
        let directives = scope.all("proxy_set_header");
        self.warn_of_lost(scope, "proxy_set_header", &directives);
        let mut headers = RequestHeaders::default();
        let (mut upgrade, mut connection) = (None, false);
        for directive in directives {
            let Some(name) = self.header_name(directive) else { continue };
            let Some(value) = directive.arguments.get(1) else { continue };
            match name.as_str() {
                "host" => headers.host = Some(value.clone()),
                "upgrade" if value.value.is_empty() => {}
                "upgrade" => upgrade = Some(value.span),
                "connection" => connection = self.passes_upgrades(value, variables),
                name if NOT_TO_BE_HAD.contains(&name) => {
                    if !value.value.is_empty() {
                        self.refuse_framing(directive, name, &value.value);
                    }
                }
                _ if value.value.is_empty() => {
                    headers.operations.push(Spanned::new(HeaderOperation::Remove(name.into()), value.span));
                }
                _ => {
                    if let Some(value) = self.header_template(value, variables) {
                        self.refuse_body_in(&value.value, value.span);
                        let operation = match value.value.as_text() {
                            Some("") => HeaderOperation::Remove(name.into()),
                            _ => HeaderOperation::Set(name, value.value),
                        };
                        headers.operations.push(Spanned::new(operation, value.span));
                    }
                }
            }
        }
        headers.upgrades = upgrade.is_some() && connection;
        if let Some(span) = upgrade.filter(|_| !connection) {
            let message = "\"Upgrade\" is passed on without \"Connection\", so no WebSocket gets through";
            self.trap(span, message, "add `proxy_set_header Connection \"upgrade\";`");
        }
        headers
    }

    /// Whether a `Connection` lets an upgrade through; any other value is vordr's to set.
    fn passes_upgrades(&mut self, value: &Spanned<String>, variables: &Variables) -> bool {
        let text = value.value.as_str();
        let variable = text.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
        match variable {
            Some("http_connection") => true,
            Some(name) => match self.maps.get(name) {
                Some(map) => map.is_for_upgrades(),
                None => {
                    let known = self.template(value, variables);
                    known.as_ref().and_then(Template::as_text).is_some_and(asks_for_upgrade)
                }
            },
            None => asks_for_upgrade(text),
        }
    }

    pub(super) fn read_response_headers(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<Spanned<HeaderOperation>> {
        let mut operations = Vec::new();
        if self.passes_steering {
            let steering = STEERING_HEADERS.iter().filter(|name| !self.passes(scope, name));
            let remove = |name: &'static str| HeaderOperation::Remove(HeaderName::from_static(name));
            operations.extend(steering.map(|name| Spanned::new(remove(name), Span::default())));
        }
        let passed = scope.all("proxy_pass_header");
        for date in passed.iter().filter(|directive| directive.first().eq_ignore_ascii_case("date")) {
            let message = "vordr says itself when it answers, so this changes nothing";
            self.trap(date.span_of(0), message, "leave it out");
        }
        for directive in scope.all("proxy_hide_header") {
            if self.passes(scope, directive.first()) {
                continue;
            }
            if let Some(name) = self.header_name(directive) {
                operations.push(Spanned::new(HeaderOperation::Remove(name.into()), directive.span_of(0)));
            }
        }
        operations.extend(self.read_added_headers(scope, variables));
        operations
    }

    /// `add_header` and `add_trailer`.
    pub(super) fn read_added_headers(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<Spanned<HeaderOperation>> {
        let headers = self.added(scope, "add_header", "add_header_inherit");
        let trailers = self.added(scope, "add_trailer", "add_trailer_inherit");
        self.refuse_without_chunks(scope, &trailers);
        let headers = headers.into_iter().filter_map(|directive| self.read_add_header(directive, variables));
        let mut operations: Vec<_> = headers.collect();
        operations
            .extend(trailers.into_iter().filter_map(|directive| self.read_add_trailer(directive, variables)));
        operations
    }

    /// Those of a name that hold at a place, by what is said of their inheritance.
    fn added<'d>(&mut self, scope: &Scope<'d>, name: &str, inherit: &str) -> Vec<&'d Directive> {
        let inherits = scope.find(inherit);
        match inherits.map_or("on", Directive::first) {
            "on" => self.warn_of_lost(scope, name, &scope.all(name)),
            "merge" | "off" => {}
            other => {
                let span = inherits.map(|inherits| inherits.span_of(0)).unwrap_or_default();
                self.fault(span, format!("invalid value \"{other}\""));
            }
        }
        scope.all_by(name, inherit)
    }

    /// In HTTP/1.1 a trailer stands behind the last chunk, and vordr writes chunks wherever one is to stand.
    fn refuse_without_chunks(&mut self, scope: &Scope<'_>, trailers: &[&Directive]) {
        let chunks = scope.find("chunked_transfer_encoding").filter(|chunks| chunks.first() == "off");
        if let (Some(chunks), false) = (chunks, trailers.is_empty()) {
            let message = "without chunks there is no place for what \"add_trailer\" adds";
            self.refuse(chunks.name.span, message, "leave the one or the other out");
        }
    }

    fn read_add_header(
        &mut self,
        directive: &Directive,
        variables: &Variables,
    ) -> Option<Spanned<HeaderOperation>> {
        let (name, value) = self.read_addition(directive, variables)?;
        let takes_the_place = matches!(name.as_str(), "last-modified" | "etag");
        if value.as_text() == Some("") {
            let remove = HeaderOperation::Remove(name.into());
            return takes_the_place.then(|| Spanned::new(remove, directive.name.span));
        }
        let operation = match takes_the_place {
            true => HeaderOperation::Set(name, value),
            false => HeaderOperation::Add(name, value),
        };
        Some(Spanned::new(on_its_statuses(operation, directive), directive.name.span))
    }

    fn read_add_trailer(
        &mut self,
        directive: &Directive,
        variables: &Variables,
    ) -> Option<Spanned<HeaderOperation>> {
        let (name, value) = self.read_addition(directive, variables)?;
        if value.as_text() == Some("") {
            return None;
        }
        let operation = on_its_statuses(HeaderOperation::Trailer(name, value), directive);
        Some(Spanned::new(operation, directive.name.span))
    }

    /// The name and the value of what is added.
    fn read_addition(
        &mut self,
        directive: &Directive,
        variables: &Variables,
    ) -> Option<(FieldName, Template)> {
        let always = directive.argument(2);
        if !always.is_empty() && always != "always" {
            self.fault(directive.span_of(2), format!("invalid parameter \"{always}\""));
            return None;
        }
        let name = self.header_name(directive)?;
        if NOT_TO_BE_HAD.contains(&name.as_str()) {
            self.refuse_framing(directive, name.as_str(), directive.argument(1));
            return None;
        }
        Some((name, self.header_template(directive.arguments.get(1)?, variables)?.value))
    }

    /// What many a snippet says is so anyway, and does not stop the start: that an answer to a preflight has no body, and that
    /// the connection is kept.
    fn refuse_framing(&mut self, directive: &Directive, name: &str, value: &str) {
        let span = directive.span_of(0);
        match (name, value) {
            ("content-length", "0" | "$content_length") | ("connection", "keep-alive") => {
                self.trap(
                    span,
                    format!("vordr sets `{name}` itself, so this changes nothing"),
                    "leave it out",
                );
            }
            ("connection", "close") => self.refuse(
                span,
                "`connection` frames the message: vordr sets it itself",
                "`keepalive_timeout 0;` closes behind each answer",
            ),
            _ => self.refuse(
                span,
                format!("`{name}` frames the message: vordr sets it itself"),
                "leave it out",
            ),
        }
    }

    /// The body passes after the head has gone.
    pub(super) fn refuse_body_in(&mut self, template: &Template, span: Span) {
        if template.asks_for_body() {
            let message = "\"$request_body\" is not known before the body has gone to the upstream";
            self.refuse(span, message, "it may stand in a log_format and in add_header");
        }
    }

    fn header_name(&mut self, directive: &Directive) -> Option<FieldName> {
        let name = directive.first().parse().ok();
        if name.is_none() {
            let message = format!("\"{}\" is no header's name", directive.first());
            self.refuse(directive.span_of(0), message, "names have letters, digits and `-`");
        }
        name
    }

    fn header_template(
        &mut self,
        value: &Spanned<String>,
        variables: &Variables,
    ) -> Option<Spanned<Template>> {
        if HeaderValue::from_str(&value.value).is_err() {
            self.refuse(value.span, "a header's value has no control characters", "write it on one line");
            return None;
        }
        Some(Spanned::new(self.template(value, variables)?, value.span))
    }

    /// One header of a location's own drops all of those around it.
    fn warn_of_lost(&mut self, scope: &Scope<'_>, name: &str, nearest: &[&Directive]) {
        let replaced = scope.replaced(name);
        let kept = |header: &str| nearest.iter().any(|near| near.first().eq_ignore_ascii_case(header));
        let lost: Vec<&str> =
            replaced.iter().map(|directive| directive.first()).filter(|header| !kept(header)).collect();
        if let (Some(first), false) = (nearest.first(), lost.is_empty()) {
            let message = format!("\"{name}\" here drops those of the block around: {}", lost.join(", "));
            self.trap(first.name.span, message, "repeat here what is wanted");
        }
    }
}

/// Without `always` it stands on answers that are no failure alone.
fn on_its_statuses(operation: HeaderOperation, directive: &Directive) -> HeaderOperation {
    match directive.argument(2) {
        "always" => operation,
        _ => HeaderOperation::OnSuccess(Box::new(operation)),
    }
}

fn asks_for_upgrade(connection: &str) -> bool {
    connection.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
}
