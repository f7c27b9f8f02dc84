//! `ssl_*` of a server, and `proxy_ssl_*` towards an upstream.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::language::proxy::Tls as UpstreamTls;
use crate::language::server::Server;
use crate::language::tls::Tls;
use crate::source::{Span, Spanned};
use crate::table::{Address, CertificateFiles, ClientCa, ClientFailure, ServerTls, Sessions, TlsVersion};

impl Nginx<'_, '_> {
    /// A server's certificates, where it has any of its own, and whom it asks for one.
    pub(super) fn read_tls(&mut self, scope: &Scope<'_>, server: Span) -> Tls {
        let rejects = self.switch(scope.find("ssl_reject_handshake"), false);
        let (certificates, places) =
            self.read_certificates(scope).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let (client_ca, place) = self.read_client_ca(scope, !certificates.is_empty()).unzip();
        let runs = ServerTls {
            certificates,
            rejects,
            sessions: self.read_sessions(scope),
            acme: None,
            versions: self.read_versions(scope, "ssl_protocols"),
            client_ca,
            hsts: None,
        };
        Tls { span: server, runs, certificates: places, later_replaces: true, client_ca: place, acme: None }
    }

    /// The files of the certificates and their keys, with their places; a key that is left over is nobody's.
    fn read_certificates(&mut self, scope: &Scope<'_>) -> Vec<(CertificateFiles, (Span, Span))> {
        let (certificates, keys) = (scope.all("ssl_certificate"), scope.all("ssl_certificate_key"));
        if let Some(last) = certificates.last().filter(|_| keys.len() < certificates.len()) {
            let message =
                format!("no \"ssl_certificate_key\" is defined for certificate \"{}\"", last.first());
            self.fault(last.span_of(0), message);
        }
        let passwords = scope.find("ssl_password_file").map(|file| file.first().to_owned());
        // Where a key is lacking that was said, and nothing else is to be said of it.
        let keys = keys.into_iter().map(Some).chain(std::iter::repeat(None));
        let pairs = certificates.into_iter().zip(keys);
        pairs.map(|(cert, key)| self.read_certificate(cert, key.unwrap_or(cert), passwords.clone())).collect()
    }

    fn read_certificate(
        &mut self,
        cert: &Directive,
        key: &Directive,
        passwords: Option<String>,
    ) -> (CertificateFiles, (Span, Span)) {
        for directive in [cert, key] {
            if directive.first().contains('$') || directive.first().starts_with("data:") {
                self.refuse(directive.span_of(0), "a certificate is a file, known at load", "name the file");
            }
        }
        let files =
            CertificateFiles { chain: cert.first().to_owned(), key: key.first().to_owned(), passwords };
        (files, (cert.span_of(0), key.span_of(0)))
    }

    /// Tickets, unless they are off; what is kept where there is a place for it.
    fn read_sessions(&mut self, scope: &Scope<'_>) -> Sessions {
        if self.switch(scope.find("ssl_session_tickets"), true) {
            return Sessions::Tickets;
        }
        let places = scope.find("ssl_session_cache").map(|cache| cache.arguments.as_slice());
        let keeps = |place: &Spanned<String>| !matches!(place.value.as_str(), "off" | "none");
        if places.unwrap_or_default().iter().any(keeps) { Sessions::Kept } else { Sessions::Off }
    }

    /// A server without a certificate shows that of the default server of its address.
    pub(super) fn share_certificates(&mut self, servers: &mut [Server]) {
        let lacking = |server: &Server| {
            let address = server.listens.iter().find(|listen| listen.tls.is_some())?.address.value.clone();
            (!server.tls.as_ref().is_some_and(shows)).then_some(address)
        };
        for number in 0..servers.len() {
            let Some(address) = servers.get(number).and_then(lacking) else { continue };
            let shared = default_of(&address, servers).and_then(|default| default.tls.clone());
            let Some(server) = servers.get_mut(number) else { continue };
            match shared.filter(shows) {
                Some(mut tls) => {
                    let own = server.tls.take().map(|own| (own.runs.client_ca, own.client_ca));
                    (tls.runs.client_ca, tls.client_ca) = own.unwrap_or_default();
                    server.tls = Some(tls);
                }
                None => self.fault(
                    server.span,
                    "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive",
                ),
            }
        }
    }

    fn read_client_ca(&mut self, scope: &Scope<'_>, shows_its_own: bool) -> Option<(ClientCa, Span)> {
        let verify = scope.find("ssl_verify_client").filter(|verify| verify.first() != "off")?;
        let (require, on_failure) = match verify.first() {
            "on" => (true, ClientFailure::Answer),
            "optional" => (false, ClientFailure::Answer),
            "optional_no_ca" => (false, ClientFailure::Admit),
            other => {
                self.fault(verify.span_of(0), format!("invalid value \"{other}\""));
                return None;
            }
        };
        let file = |name: &str| scope.find(name).map(|directive| directive.first().to_owned());
        let authorities = scope.find("ssl_client_certificate");
        if authorities.is_none() && on_failure != ClientFailure::Admit && shows_its_own {
            self.fault(verify.name.span, "no ssl_client_certificate for ssl_verify_client");
            return None;
        }
        let ca = ClientCa {
            file: file("ssl_client_certificate"),
            more: file("ssl_trusted_certificate"),
            crl: file("ssl_crl"),
            depth: Some(self.read_depth(scope)),
            require,
            on_failure,
        };
        Some((ca, authorities.unwrap_or(verify).span_of(0)))
    }

    fn read_depth(&mut self, scope: &Scope<'_>) -> usize {
        let Some(depth) = scope.find("ssl_verify_depth") else { return 1 };
        depth.first().parse().unwrap_or_else(|_| {
            self.fault(depth.span_of(0), "invalid number");
            1
        })
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
        let name = name.and_then(|name| self.template(&name, variables));
        let name = name.or_else(|| host.map(literal));
        let file = |name: &str| scope.find(name).map(|directive| directive.first().to_owned());
        let client = file("proxy_ssl_certificate").zip(file("proxy_ssl_certificate_key"));
        UpstreamTls {
            min: self.read_versions(scope, "proxy_ssl_protocols").first().copied(),
            verify: Some(verify),
            sni: name,
            ca: file("proxy_ssl_trusted_certificate").filter(|_| verify),
            passwords: file("proxy_ssl_password_file").filter(|_| client.is_some()),
            client,
        }
    }
}

/// Whether a handshake comes to something.
fn shows(tls: &Tls) -> bool {
    !tls.runs.certificates.is_empty() || tls.runs.rejects
}

/// The server of an address for hosts that no other has.
fn default_of<'s>(address: &Address, servers: &'s [Server]) -> Option<&'s Server> {
    let here = |server: &&Server| server.listens.iter().any(|listen| listen.address.value == *address);
    let named = servers.iter().filter(here).find(|server| server.default.is_some());
    named.or_else(|| servers.iter().find(here))
}
