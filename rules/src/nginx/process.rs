//! What concerns the process: workers, logs, limits on clients' connections.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use super::value::parse_time;
use crate::diagnostic::Diagnostic;
use crate::language::limits::Limits;
use crate::language::process::{Process, is_private};
use crate::source::{Span, Spanned};
use crate::table::{Address, Resolver};
use crate::value::{Bytes, Limit, Raw, Value};
use std::time::Duration;

/// What nginx has for each server, or each location, and vordr once for the process.
const OF_PROCESS: [&str; 4] =
    ["resolver", "resolver_timeout", "client_header_timeout", "large_client_header_buffers"];

fn is_of_process(directive: &Directive) -> bool {
    OF_PROCESS.contains(&directive.name.value.as_str())
}

fn texts(directive: &Directive) -> Vec<&str> {
    directive.arguments.iter().map(|argument| argument.value.as_str()).collect()
}

impl Nginx<'_, '_> {
    /// `main` is what stands outside of `http`. What vordr has once for all servers may stand in one of them.
    pub(super) fn read_process(
        &mut self,
        main: &[Directive],
        http: &[Directive],
        servers: &[&Directive],
    ) -> Option<Spanned<Process>> {
        let block = self.for_all_servers(http, servers);
        let scope = &Scope::of(&block);
        let outer = |name: &str| main.iter().find(|directive| directive.name.value == name);
        let workers = match outer("worker_processes") {
            Some(workers) => self.read_workers(workers),
            // A file of servers alone is a part of one that may say more.
            None => main.iter().any(|directive| directive.name.value == "http").then_some(Some(1)),
        };
        // Each server has those of `http`, and they are judged though none of them goes by them.
        self.read_error_logs(&Scope::of(http));
        let variables = self.set_by_requests.clone();
        let process = Process {
            workers,
            resolver: self.read_resolver(scope),
            drain: self.read_drain(main),
            access_logs: self.read_access_logs(&Scope::of(http), &variables),
            error_logs: self.read_error_logs_of_process(main),
            limits: self.read_limits(scope, &Scope::of(http)),
            admin: self.read_admin(),
            metrics: self.address_in("VORDR_METRICS"),
            ..Process::default()
        };
        Some(Spanned::new(process, Span { source: self.reading.source, start: 0, length: 0 }))
    }

    /// What `http` says of the process, or a server where `http` says nothing; who says otherwise is not heard.
    fn for_all_servers(&mut self, http: &[Directive], servers: &[&Directive]) -> Vec<Directive> {
        let mut all: Vec<Directive> =
            http.iter().filter(|directive| is_of_process(directive)).cloned().collect();
        for server in servers {
            let of_location = |location: &Directive| location.name.value == "location";
            let (mut waiting, mut inner): (Vec<&Directive>, Vec<&Directive>) = (vec![server], Vec::new());
            while let Some(block) = waiting.pop() {
                inner.extend(block.inside().iter().filter(|directive| is_of_process(directive)));
                waiting.extend(block.inside().iter().filter(|directive| of_location(directive)));
            }
            for directive in inner {
                let name = &directive.name.value;
                let says = |known: &Directive| known.name.value == *name && texts(known) == texts(directive);
                let is_first = !all.iter().any(|known| known.name.value == *name);
                if all.iter().any(says) {
                    continue;
                }
                if is_first {
                    all.push(directive.clone());
                } else {
                    let message =
                        format!("\"{name}\" holds for all servers here, and another one stands before it");
                    self.trap(directive.name.span, message, "this one is left out");
                }
            }
        }
        all
    }

    /// What nginx's language has no word for; in a container it comes from the image.
    fn address_in(&mut self, name: &str) -> Option<Spanned<Address>> {
        let written = self.reading.surroundings.variable(name).filter(|written| !written.is_empty())?;
        let span = Span { source: self.reading.source, start: 0, length: 0 };
        match Address::read(&Raw::Text(&written)) {
            Ok(address) => Some(Spanned::new(address, span)),
            Err(_) => {
                let error = Diagnostic::error("wrong-value", span, format!("{name}={written} is no address"));
                self.report(error.help("write a port, or `127.0.0.1:9180`"));
                None
            }
        }
    }

    /// Who may ask there reads the rules, and nginx's language has no word for a token.
    fn read_admin(&mut self) -> Option<Spanned<Address>> {
        let admin = self.address_in("VORDR_ADMIN")?;
        if !is_private(&admin.value) {
            let message = "VORDR_ADMIN is open to others than this machine";
            let error = Diagnostic::error("admin-without-token", admin.span, message);
            self.report(
                error.help("`VORDR_ADMIN=127.0.0.1:9180` keeps it here; rules in KDL can have a token"),
            );
        }
        Some(admin)
    }

    fn read_workers(&mut self, directive: &Directive) -> Option<Option<u32>> {
        match directive.first() {
            "auto" => Some(None),
            number => match number.parse() {
                Ok(number @ 1..=1024) => Some(Some(number)),
                _ => {
                    self.fault(directive.span_of(0), "invalid value");
                    None
                }
            },
        }
    }

    /// Whom nginx asks for the hosts that variables make.
    fn read_resolver(&mut self, scope: &Scope<'_>) -> Option<Resolver> {
        let directive = scope.find("resolver")?;
        let timeout = scope.find("resolver_timeout").and_then(|directive| self.time(directive, 0));
        let mut resolver = Resolver {
            servers: Vec::new(),
            valid: None,
            timeout: timeout.map(|time| time.value).filter(|time| !time.is_zero()),
            ipv4: true,
            ipv6: true,
            placeholders_alone: true,
        };
        for (number, word) in directive.arguments.iter().enumerate() {
            let wrong = || format!("invalid parameter: {}", word.value);
            match word.value.split_once('=') {
                Some(("valid", time)) => match parse_time(time) {
                    Some(time) => resolver.valid = Some(time),
                    None => self.fault(directive.span_of(number), wrong()),
                },
                Some((name @ ("ipv4" | "ipv6"), switch @ ("on" | "off"))) => match name {
                    "ipv4" => resolver.ipv4 = switch == "on",
                    _ => resolver.ipv6 = switch == "on",
                },
                Some(("status_zone", _)) => {}
                Some(_) => self.fault(directive.span_of(number), wrong()),
                None => match Resolver::server(&word.value) {
                    Some(server) => resolver.servers.push(server),
                    None => self.trap(
                        directive.span_of(number),
                        format!(
                            "the name server \"{}\" is not asked, as it is named by no address",
                            word.value
                        ),
                        "write its address; where there is none, the system's name servers are asked",
                    ),
                },
            }
        }
        if !resolver.ipv4 && !resolver.ipv6 {
            self.fault(directive.name.span, "\"ipv4\" and \"ipv6\" cannot both be \"off\"");
        }
        Some(resolver).filter(|resolver| !resolver.servers.is_empty())
    }

    /// How long open connections may live after a stop or a reload.
    fn read_drain(&mut self, main: &[Directive]) -> Option<Limit<Duration>> {
        let directive = main.iter().find(|directive| directive.name.value == "worker_shutdown_timeout")?;
        let time = self.time(directive, 0)?;
        Some(Limit(Some(time.value).filter(|time| !time.is_zero())))
    }

    fn read_limits(&mut self, scope: &Scope<'_>, http: &Scope<'_>) -> Limits {
        let minute = Limit(Some(Duration::from_secs(60)));
        let mut keepalive = self.read_keepalive(http);
        keepalive.except = keepalive.except.or_else(|| Some(self.usual_browsers()));
        let header = self.silence(scope.find("client_header_timeout")).map_or(minute, |time| time.value);
        Limits {
            header_timeout: Some(header),
            header_size: self.header_size(scope),
            request_line: self.request_line(scope),
            keepalive,
            lenient_heads: Some(true),
            ..Limits::default()
        }
    }

    /// A buffer holds the line, within vordr's own bounds.
    fn request_line(&mut self, scope: &Scope<'_>) -> Option<Bytes> {
        let directive = scope.find("large_client_header_buffers")?;
        self.size(directive, 1).map(|size| Bytes(size.value.0.clamp(256, 64 << 10)))
    }

    /// As many buffers as there are, within vordr's own bounds.
    fn header_size(&mut self, scope: &Scope<'_>) -> Option<Bytes> {
        let directive = scope.find("large_client_header_buffers")?;
        let size = self.size(directive, 1)?.value.0;
        match directive.first().parse::<u64>() {
            Ok(number @ 1..) => Some(Bytes(number.saturating_mul(size).clamp(1024, 1 << 20))),
            _ => {
                self.invalid(directive, 0);
                None
            }
        }
    }
}
