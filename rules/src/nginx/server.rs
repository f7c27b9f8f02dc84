//! `server`: its names, its addresses, its locations.

use super::Nginx;
use super::changing::{changing, named_groups};
use super::location::Kind;
use super::scope::Scope;
use super::steps::{Here, may_end};
use super::tree::Directive;
use super::variable::Variables;
use crate::diagnostic::Diagnostic;
use crate::language::location::{Location, Path};
use crate::language::server::{Server, host_regex, read_host};
use crate::language::steps::Step;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::Address;
use std::collections::HashMap;

impl Nginx<'_, '_> {
    pub(super) fn read_server(
        &mut self,
        directive: &Directive,
        around: &Scope<'_>,
        http: &[Directive],
    ) -> Server {
        let scope = around.within(directive.inside());
        let listens = self.read_listens(directive);
        let hosts = self.read_hosts(directive);
        let mut variables = Variables::default();
        variables.set_text("server_name", &name_of(directive));
        for regex in hosts.iter().filter_map(|host| host_regex(&host.value)) {
            regex.names().iter().for_each(|(_, name)| variables.set_by_request(name));
        }
        if let [only] = listens.list.as_slice()
            && let Some(port) = only.address.value.port().filter(|port| *port > 0)
        {
            variables.set_text("server_port", &port.to_string());
        }
        let speaks_tls = listens.list.iter().any(|listen| listen.tls.is_some());
        let tls = speaks_tls.then(|| self.read_tls(&scope, directive.name.span));
        let mut settings = self.read_server_settings(&scope, directive.name.span);
        self.look_over(directive, http, &mut variables);
        let mut locations = Vec::new();
        let steps = self.read_server_locations(directive, &scope, &mut variables, &mut locations);
        settings.access_logs = self.read_access_logs(&Scope::of(directive.inside()), &variables);
        if speaks_tls {
            settings.on_error = self.read_first_error_pages(&scope, &variables);
        }
        let early = self.read_early(&scope, &variables);
        Server {
            span: directive.name.span,
            merge_slashes: Some(self.switch(scope.find("merge_slashes"), true)),
            hosts,
            default: listens.default.map(|span| Spanned::new(true, span)),
            listens: listens.list,
            tls,
            steps,
            locations,
            settings,
            early,
        }
    }

    fn read_hosts(&mut self, server: &Directive) -> Vec<Spanned<String>> {
        let mut hosts: Vec<Spanned<String>> = Vec::new();
        let names = server.inside().iter().filter(|directive| directive.name.value == "server_name");
        for name in names.flat_map(|directive| &directive.arguments) {
            for host in self.read_name(name) {
                if !hosts.iter().any(|known| known.value == host.value) {
                    hosts.push(host);
                }
            }
        }
        hosts
    }

    /// The hosts of one name: `.a.example` is two of them.
    fn read_name(&mut self, name: &Spanned<String>) -> Vec<Spanned<String>> {
        let written = name.value.as_str();
        let host = |text: String| Spanned::new(text, name.span);
        let wanted = match written {
            // A host is compared in lower case.
            _ if written.starts_with('~') && written.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                vec![host(written.replacen('~', "~(?i)", 1))]
            }
            _ => match written.strip_prefix('.') {
                Some(bare) => vec![host(bare.to_owned()), host(format!("*.{bare}"))],
                None => vec![host(written.to_owned())],
            },
        };
        wanted.into_iter().filter_map(|host| read_host(host, self.reading)).collect()
    }

    fn read_server_locations(
        &mut self,
        server: &Directive,
        scope: &Scope<'_>,
        variables: &mut Variables,
        locations: &mut Vec<Location>,
    ) -> Vec<Step> {
        let everything = Kind::Prefix { path: "/".to_owned(), is_final: false };
        self.file_variables(&everything, scope, variables);
        self.read_sets(server.inside(), variables);
        self.read_referers(scope, variables);
        let mut first = server.inside();
        let returned = first.iter().position(|directive| directive.name.value == "return");
        // A `return` of the server comes before any location is looked for, unless a rewriting leads past it.
        let ends = returned.filter(|_| !may_end(server.inside()));
        if let Some(at) = ends {
            first = first.get(..at).unwrap_or_default();
        }
        let here = Here { location: None, kind: &everything, scope, variables };
        let steps = self.read_first_steps(first, &here, locations);
        if let Some(answered) = ends.and_then(|at| server.inside().get(at)) {
            let location = self.answering(answered, &everything, scope, variables);
            locations.extend(location);
            return steps;
        }
        for directive in server.inside().iter().filter(|directive| directive.name.value == "location") {
            self.read_location(directive, None, scope, variables, locations);
        }
        let has = |wanted: &str| {
            locations
                .iter()
                .flat_map(|location| &location.paths)
                .any(|path| matches!(path, Path::RawPrefix(path) if path.value == wanted))
        };
        if !has("/") {
            let location = self.nothing_here(&everything, scope, server.name.span, variables);
            locations.push(location);
        }
        steps
    }

    /// What is to be known of a server's variables before it is read.
    fn look_over(&mut self, server: &Directive, http: &[Directive], variables: &mut Variables) {
        let groups = named_groups(server);
        self.changing = changing(server, http, &groups);
        self.has_captures = captures(server.inside());
        self.made = 0;
        for name in groups.iter().chain(&self.changing) {
            let placeholder = Part::Placeholder(Placeholder::Variable(name.clone()));
            variables.set(name, Template { parts: vec![placeholder] });
        }
    }

    /// Every server gets a name of its own on each of its addresses: of those that clash nginx keeps the first.
    pub(super) fn name_servers(&mut self, servers: &mut [Server]) {
        let mut taken: HashMap<(Address, String), Span> = HashMap::new();
        let mut nameless = 1;
        let defaults = defaults(servers);
        for (number, server) in servers.iter_mut().enumerate() {
            let addresses: Vec<Address> = addresses(server).cloned().collect();
            server.hosts.retain(|host| {
                let clash = addresses
                    .iter()
                    .find(|address| taken.contains_key(&((*address).clone(), host.value.clone())));
                if let Some(address) = clash {
                    let message = format!("conflicting server name \"{}\" on {address}, ignored", host.value);
                    let warning = Diagnostic::warning("nginx-trap", host.span, message);
                    self.reading.report(warning.label("an earlier server has it"));
                }
                clash.is_none()
            });
            if server.hosts.is_empty() {
                let is_taken = |name: &str| {
                    addresses.iter().any(|address| taken.contains_key(&(address.clone(), name.to_owned())))
                };
                let is_default = |address: &Address| defaults.get(address) == Some(&number);
                // Whoever names no host is its own, which goes without saying where it is the default one.
                let mut name = String::new();
                if is_taken("") || addresses.iter().all(is_default) {
                    "_".clone_into(&mut name);
                }
                while is_taken(&name) {
                    nameless += 1;
                    name = format!("_{nameless}");
                }
                server.hosts.push(Spanned::new(name, server.span));
                for address in &addresses {
                    taken.entry((address.clone(), String::new())).or_insert(server.span);
                }
            }
            for host in &server.hosts {
                for address in &addresses {
                    taken.insert((address.clone(), host.value.clone()), host.span);
                }
            }
        }
    }
}

fn addresses(server: &Server) -> impl Iterator<Item = &Address> {
    server.listens.iter().map(|listen| &listen.address.value)
}

/// Which of the servers of each address takes what no other one does.
fn defaults(servers: &[Server]) -> HashMap<Address, usize> {
    let mut defaults = HashMap::new();
    let said = servers.iter().enumerate().filter(|(_, server)| server.default.is_some());
    for (number, server) in said.chain(servers.iter().enumerate()) {
        for address in addresses(server) {
            defaults.entry(address.clone()).or_insert(number);
        }
    }
    defaults
}

/// `$server_name`: the first name, a regex as it is written.
fn name_of(server: &Directive) -> String {
    let name = server.inside().iter().find(|directive| directive.name.value == "server_name");
    let written = name.map(Directive::first).unwrap_or_default();
    match written.starts_with('~') {
        true => written.to_owned(),
        false => written.strip_prefix('.').unwrap_or(written).to_ascii_lowercase(),
    }
}

/// Whether a regex in an `if` or a `rewrite` captures.
fn captures(block: &[Directive]) -> bool {
    block.iter().any(|directive| match directive.name.value.as_str() {
        "rewrite" => true,
        "if" => {
            directive.arguments.iter().any(|word| word.value.contains('~')) || captures(directive.inside())
        }
        "location" => captures(directive.inside()),
        _ => false,
    })
}
