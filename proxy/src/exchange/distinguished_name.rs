//! The names in a certificate as text.

use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use std::fmt::Write;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

/// A name as RFC 4514 writes it: `CN=alice,OU=ops,O=Example`. Whatever a name consists of cannot be taken for another
/// part of it.
pub(super) fn written(name: &X509Name<'_>) -> String {
    let parts: Vec<String> =
        name.iter_rdn().map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+")).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// The subject of a certificate.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<HeaderValue> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    HeaderValue::try_from(written(parsed.subject())).ok()
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type();
    match (oid2abbrev(kind, oid_registry()), attribute.as_str()) {
        (Ok(name), Ok(value)) => format!("{name}={}", escaped(value)),
        // RFC 4514, section 2.4: what has no text is written as its bytes.
        (_, _) => {
            let bytes = attribute.attr_value().data;
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}=#{digits}", kind.to_id_string())
        }
    }
}

/// RFC 4514, section 2.4; and whatever no header may hold.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, c) in value.char_indices() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => out.extend(['\\', c]),
            ' ' | '#' if at == 0 => out.extend(['\\', c]),
            ' ' if at == last => out.push_str("\\ "),
            ' '..='~' => out.push(c),
            _ => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\{byte:02X}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn subject_of(parts: &[(DnType, &str)]) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        subject(certificate.der()).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn the_narrowest_part_of_a_name_comes_first() {
        let parts = [
            (DnType::CountryName, "NO"),
            (DnType::OrganizationName, "Example"),
            (DnType::CommonName, "alice"),
        ];
        assert_eq!(subject_of(&parts), "CN=alice,O=Example,C=NO");
    }

    #[test]
    fn a_part_cannot_pass_for_another() {
        assert_eq!(subject_of(&[(DnType::CommonName, "a,O=root")]), r"CN=a\,O\=root");
        assert_eq!(subject_of(&[(DnType::CommonName, " a\r\nX: y ")]), r"CN=\ a\0D\0AX: y\ ");
        assert_eq!(subject_of(&[(DnType::CommonName, "Ås")]), r"CN=\C3\85s");
    }

    #[test]
    fn no_name_at_all_is_empty() {
        assert_eq!(subject_of(&[]), "");
    }
}
