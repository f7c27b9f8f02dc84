//! The certificates of loaded rules, read and judged before anything is served.

use super::certificate::{Certificate, Flaw};
use super::client::Authorities;
use super::files::{self, FileFlaw, Stamp};
use rustls_pki_types::CertificateDer;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vordr_rules::table::{CertificateFiles, Server};
use vordr_rules::{Diagnostic, Loaded, Span, TlsPlaces};
use x509_parser::prelude::{FromDer, X509Certificate};

/// With less than this left a certificate should have been renewed; a short-lived one has a third of its life.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// What came of reading every certificate.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub found: Vec<Diagnostic>,
    pub read: Vec<FromFiles>,
}

/// A certificate in files, and the servers that show it, by their first hosts.
#[derive(Debug)]
pub(crate) struct FromFiles {
    pub(super) files: CertificateFiles,
    pub(super) servers: Vec<String>,
    pub(super) certificate: Arc<Certificate>,
    /// How the files stood before they were read.
    pub(super) stamps: [Stamp; 3],
}

/// Reads and judges every certificate that the rules name. Files are read once, however many servers name them.
pub(crate) fn inspect(loaded: &Loaded) -> Inspected {
    let mut inspected = Inspected { found: Vec::new(), read: Vec::new() };
    let mut known: HashMap<&CertificateFiles, Option<usize>> = HashMap::new();
    for places in &loaded.tls_places {
        let Some(server) = loaded.table.servers.get(places.server.0) else { continue };
        let Some(tls) = &server.tls else { continue };
        if let (Some(ca), Some(span)) = (&tls.client_ca, places.client_ca)
            && let Err(flaw) = Authorities::read(ca).and_then(|read| read.judge())
        {
            let files = ca.files().cloned().collect::<Vec<_>>().join(", ");
            let message = format!("cannot use the clients' authorities {files}: {flaw}");
            inspected.found.push(Diagnostic::error("bad-client-ca", span, message));
        }
        let mut shown = Vec::new();
        for (files, spans) in tls.certificates.iter().zip(&places.certificates) {
            let at = *known.entry(files).or_insert_with(|| inspected.read(files, *spans));
            shown.extend(inspected.judge(at, server, *spans).map(|certificate| (certificate, spans.0)));
        }
        inspected.found.extend(twice(&shown, places.later_replaces));
        inspected.found.extend(coverage(&shown, server, places));
    }
    inspected
}

impl Inspected {
    /// Reads a certificate; where that fails, the first server that names it is told.
    fn read(&mut self, files: &CertificateFiles, (cert, key): (Span, Span)) -> Option<usize> {
        let stamps = Stamp::of_files(files);
        match files::read(files) {
            Ok(certificate) => {
                let (files, certificate) = (files.clone(), Arc::new(certificate));
                self.read.push(FromFiles { files, servers: Vec::new(), certificate, stamps });
                Some(self.read.len() - 1)
            }
            Err(flaw) => {
                self.found.push(error(&flaw, if flaw.is_the_keys() { key } else { cert }));
                None
            }
        }
    }

    /// Judges a certificate of a server by itself, where it could be read.
    fn judge(
        &mut self,
        at: Option<usize>,
        server: &Server,
        (cert, key): (Span, Span),
    ) -> Option<Arc<Certificate>> {
        let from = self.read.get_mut(at?)?;
        from.servers.push(server.name().to_owned());
        if files::is_open(&from.files.key) {
            let message = format!("everybody on this machine can read the key {}", from.files.key);
            let warning = Diagnostic::warning("open-key", key, message);
            self.found.push(warning.label("its owner alone should: `chmod 600`"));
        }
        self.found.extend(validity(&from.certificate, SystemTime::now(), cert));
        self.found.extend(chain(&from.certificate, cert));
        Some(from.certificate.clone())
    }
}

fn error(flaw: &FileFlaw, span: Span) -> Diagnostic {
    let code = match flaw {
        FileFlaw::Chain(..) | FileFlaw::Key(..) | FileFlaw::Passwords(..) => "unreadable-certificate",
        FileFlaw::Content(_, Flaw::WrongKey) => "wrong-key",
        FileFlaw::Content(..) | FileFlaw::Locked(..) => "bad-certificate",
    };
    Diagnostic::error(code, span, flaw.to_string())
}

fn validity(certificate: &Certificate, now: SystemTime, span: Span) -> Option<Diagnostic> {
    let (from, until) = (certificate.not_before(), certificate.not_after());
    let lifetime = until.duration_since(from).unwrap_or_default();
    let warning = |code, message| Some(Diagnostic::warning(code, span, message));
    if now < from {
        let message = format!("this certificate is valid from {} on, which is not yet", day(from));
        return warning("certificate-not-yet-valid", message);
    }
    match until.duration_since(now) {
        Err(_) => warning("expired-certificate", format!("this certificate has expired on {}", day(until))),
        Ok(left) if left < SOON.min(lifetime / 3) => {
            let days = left.as_secs() / (24 * 3600);
            let message = format!("this certificate expires on {}, in {days} days", day(until));
            warning("certificate-expires-soon", message)
        }
        Ok(_) => None,
    }
}

/// `2026-11-21`
fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// A chain that is out of order; or a certificate that says where its issuer's is to be had, and comes without it.
fn chain(certificate: &Certificate, span: Span) -> Option<Diagnostic> {
    let parsed: Vec<_> = certificate.chain().iter().filter_map(parse).collect();
    let out_of_order = parsed.windows(2).any(|pair| match pair {
        [lower, upper] => lower.issuer() != upper.subject(),
        _ => false,
    });
    let alone = match parsed.as_slice() {
        [own] => own.issuer() != own.subject() && names_its_issuer(own),
        _ => false,
    };
    let warning = |message: &str| Some(Diagnostic::warning("incomplete-chain", span, message));
    if out_of_order {
        return warning("the certificates in this file are not each the issuer of the one before")
            .map(|warning| warning.label("the server's own first, then its issuer's, and so on"));
    }
    if alone {
        return warning("the issuer's certificate is missing in this file").map(|warning| {
            warning.label("many clients need it").help("name the full chain: certbot calls it fullchain.pem")
        });
    }
    None
}

fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}

/// Whether it has the extension that every public issuer puts in (RFC 5280, section 4.2.2.1).
fn names_its_issuer(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|found| found.oid.to_id_string() == "1.3.6.1.5.5.7.1.1")
}

/// Certificates whose keys are of the same kind as that of one before: of these two, clients see one.
fn twice(shown: &[(Arc<Certificate>, Span)], later_replaces: bool) -> Vec<Diagnostic> {
    let mut known = BTreeSet::new();
    let repeated = shown.iter().filter(|(certificate, _)| !known.insert(certificate.kind()));
    repeated
        .map(|(certificate, span)| {
            let kind = certificate.kind().name();
            let message =
                format!("this server has an earlier certificate with a key of the same kind ({kind})");
            match later_replaces {
                true => Diagnostic::warning("duplicate-certificate", *span, message)
                    .label("it takes the place of that one, which is never shown"),
                false => Diagnostic::error("duplicate-certificate", *span, message)
                    .label("leave one out: a server shows one for each kind of key"),
            }
        })
        .collect()
}

/// No certificate is made out to who names no host, to a `*` alone or at the end of a host, nor to a regex.
fn coverage(shown: &[(Arc<Certificate>, Span)], server: &Server, places: &TlsPlaces) -> Vec<Diagnostic> {
    let hosts = server
        .hosts
        .iter()
        .zip(&places.hosts)
        .filter(|(host, _)| !host.is_empty() && !host.ends_with('*') && !host.starts_with('~'));
    hosts
        .filter(|(host, _)| shown.iter().any(|(certificate, _)| !certificate.covers(host)))
        .map(|(host, span)| {
            let whose = if shown.len() > 1 { "a certificate" } else { "the certificate" };
            let message = format!("{whose} of this server is not made out to `{host}`");
            Diagnostic::warning("uncovered-host", *span, message)
                .label("clients will refuse it for this host")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// What is said of a certificate that is valid for so many days, so many days after it was made out.
    fn said(lifetime: u32, after: i64) -> Option<&'static str> {
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let start = SystemTime::UNIX_EPOCH + DAY * 20_000;
        params.not_before = start.into();
        params.not_after = (start + DAY * lifetime).into();
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let certificate =
            Certificate::from_pem(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let hours = Duration::from_secs(3600);
        let passed = DAY * u32::try_from(after.unsigned_abs()).unwrap();
        let now = if after < 0 { start - passed } else { start + passed + hours };
        validity(&certificate, now, Span::default()).map(|found| found.code)
    }

    #[test]
    fn a_certificate_warns_before_it_runs_out_and_a_short_lived_one_later() {
        assert_eq!(said(90, -1), Some("certificate-not-yet-valid"));
        assert_eq!(said(90, 0), None);
        assert_eq!(said(90, 75), None);
        assert_eq!(said(90, 76), Some("certificate-expires-soon"));
        assert_eq!(said(90, 90), Some("expired-certificate"));
        assert_eq!(said(6, 3), None);
        assert_eq!(said(6, 4), Some("certificate-expires-soon"));
    }
}
