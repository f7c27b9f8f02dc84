//! `ssl_*` of a server, and `proxy_ssl_*` towards an upstream.

use super::Nginx;
use super::scope::Scope;
use super::variable::Variables;
use crate::language::proxy::Tls as UpstreamTls;
use crate::language::server::Server;
use crate::language::tls::Tls;
use crate::source::Span;
use crate::table::{Address, ServerTls, TlsVersion};

impl Nginx<'_, '_> {
    /// A server's certificate, where it has one of its own.
    pub(super) fn read_tls(&mut self, scope: &Scope<'_>, server: Span) -> Option<Tls> {
        let (certificates, keys) = (scope.all("ssl_certificate"), scope.all("ssl_certificate_key"));
        let cert = certificates.first()?;
        let Some(key) = keys.first() else {
            let message =
                format!("no \"ssl_certificate_key\" is defined for certificate \"{}\"", cert.first());
            self.fault(cert.span_of(0), message);
            return None;
        };
        if let Some(second) = certificates.get(1) {
            self.refuse(
                second.name.span,
                "a server has one certificate here",
                "keep the one that all clients know",
            );
        }
        for directive in [cert, key] {
            if directive.first().contains('$') || directive.first().starts_with("data:") {
                self.refuse(directive.span_of(0), "a certificate is a file, known at load", "name the file");
            }
        }
        let client_ca = self.read_client_ca(scope);
        let runs = ServerTls {
            certificate: Some((cert.first().to_owned(), key.first().to_owned())),
            acme: None,
            versions: self.read_versions(scope, "ssl_protocols"),
            client_ca: client_ca.as_ref().map(|(file, require, _)| (file.clone(), *require)),
            hsts: None,
        };
        let client_ca = client_ca.map(|(_, _, span)| span);
        let (cert, key) = (Some(cert.span_of(0)), Some(key.span_of(0)));
        Some(Tls { span: server, runs, cert, key, client_ca, acme: None })
    }

    /// A server without a certificate shows that of the default server of its address, and asks clients for none.
    pub(super) fn share_certificates(&mut self, servers: &mut [Server]) {
        let lacking = |server: &Server| {
            let address = server.listens.iter().find(|listen| listen.tls.is_some())?.address.value.clone();
            server.tls.is_none().then_some(address)
        };
        for number in 0..servers.len() {
            let Some(address) = servers.get(number).and_then(lacking) else { continue };
            let shared = default_of(&address, servers).and_then(|default| default.tls.clone());
            let Some(server) = servers.get_mut(number) else { continue };
            match shared {
                Some(mut tls) => {
                    (tls.runs.client_ca, tls.client_ca) = (None, None);
                    server.tls = Some(tls);
                }
                None => self.fault(
                    server.span,
                    "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive",
                ),
            }
        }
    }

    fn read_client_ca(&mut self, scope: &Scope<'_>) -> Option<(String, bool, Span)> {
        let verify = scope.find("ssl_verify_client").filter(|verify| verify.first() != "off")?;
        let require = match verify.first() {
            "on" => true,
            "optional" => false,
            other => {
                let message = format!("a client's certificate is checked, never \"{other}\"");
                self.refuse(verify.span_of(0), message, "write `on` or `optional`");
                return None;
            }
        };
        if let Some(more) = scope.find("ssl_trusted_certificate") {
            let message = "clients' certificates are checked by those of \"ssl_client_certificate\" alone";
            self.refuse(more.name.span, message, "put all of them into that file");
        }
        match scope.find("ssl_client_certificate") {
            Some(ca) => Some((ca.first().to_owned(), require, ca.span_of(0))),
            None => {
                self.fault(verify.name.span, "no ssl_client_certificate for ssl_verify_client");
                None
            }
        }
    }

    /// The versions that are named and still thought safe; all of them where none is named.
    fn read_versions(&mut self, scope: &Scope<'_>, name: &str) -> Vec<TlsVersion> {
        let all = vec![TlsVersion::Tls12, TlsVersion::Tls13];
        let Some(directive) = scope.find(name) else { return all };
        let mut versions = Vec::new();
        for (number, word) in directive.arguments.iter().enumerate() {
            match word.value.as_str() {
                "TLSv1.2" => versions.push(TlsVersion::Tls12),
                "TLSv1.3" => versions.push(TlsVersion::Tls13),
                old @ ("SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.1") => {
                    let message = format!("{old} is not spoken, as RFC 8996 asks");
                    self.trap(directive.span_of(number), message, "leave it out");
                }
                other => self.fault(directive.span_of(number), format!("invalid value \"{other}\"")),
            }
        }
        versions.sort_unstable();
        versions.dedup();
        if versions.is_empty() { all } else { versions }
    }

    /// How TLS is spoken with an upstream that is called by `host`, or by a request.
    pub(super) fn read_upstream_tls(
        &mut self,
        scope: &Scope<'_>,
        host: Option<&str>,
        variables: &Variables,
    ) -> UpstreamTls {
        let verify = self.switch(scope.find("proxy_ssl_verify"), false);
        if !self.switch(scope.find("proxy_ssl_server_name"), false)
            && let Some(pass) = scope.find("proxy_pass")
        {
            self.trap(
                pass.name.span,
                "\"proxy_ssl_server_name\" is off, so nginx names no host in the handshake; vordr names it all the same",
                "write `proxy_ssl_server_name on;`",
            );
        }
        let name = scope.find("proxy_ssl_name").and_then(|name| name.arguments.first()).cloned();
        let name = name.and_then(|name| self.constant(&name, variables)).map(|name| name.value);
        let file = |name: &str| scope.find(name).map(|directive| directive.first().to_owned());
        UpstreamTls {
            min: self.read_versions(scope, "proxy_ssl_protocols").first().copied(),
            verify: Some(verify),
            sni: name.or_else(|| host.map(str::to_owned)),
            ca: file("proxy_ssl_trusted_certificate").filter(|_| verify),
            client: file("proxy_ssl_certificate").zip(file("proxy_ssl_certificate_key")),
        }
    }
}

/// The server of an address for hosts that no other has.
fn default_of<'s>(address: &Address, servers: &'s [Server]) -> Option<&'s Server> {
    let here = |server: &&Server| server.listens.iter().any(|listen| listen.address.value == *address);
    let named = servers.iter().filter(here).find(|server| server.default.is_some());
    named.or_else(|| servers.iter().find(here))
}
