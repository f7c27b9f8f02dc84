//! `{client_cert.PART}`: what the certificate that a client showed says.

use super::distinguished_name::written;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls_pki_types::CertificateDer;
use sha1::{Digest, Sha1};
use vordr_rules::placeholder::CertificatePart;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// What stays as it is in a part of a URL (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const DAY: i64 = 24 * 3600;

/// A part of a certificate, as text; `now` in seconds since 1970.
pub(super) fn told(certificate: &CertificateDer<'_>, part: CertificatePart, now: i64) -> Option<String> {
    let parsed = || X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed);
    Some(match part {
        CertificatePart::Pem => pem(certificate),
        CertificatePart::PemLines => pem(certificate).trim_end().replace('\n', "\n\t"),
        CertificatePart::PemEscaped => utf8_percent_encode(&pem(certificate), UNRESERVED).to_string(),
        CertificatePart::Fingerprint => lower_hex(&Sha1::digest(certificate)),
        CertificatePart::Subject => written(parsed()?.subject()),
        CertificatePart::Issuer => written(parsed()?.issuer()),
        CertificatePart::Serial => serial(parsed()?.raw_serial()),
        CertificatePart::From => day(parsed()?.validity().not_before)?,
        CertificatePart::Until => day(parsed()?.validity().not_after)?,
        CertificatePart::DaysLeft => {
            let left = parsed()?.validity().not_after.timestamp().saturating_sub(now);
            (left / DAY).max(0).to_string()
        }
    })
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem + "-----END CERTIFICATE-----\n"
}

fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without the zeros that only keep it from being negative.
fn serial(bytes: &[u8]) -> String {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    bytes.iter().skip(first).map(|byte| format!("{byte:02X}")).collect()
}

/// `Nov 21 10:00:00 2026 GMT`
fn day(time: ASN1Time) -> Option<String> {
    let time = Timestamp::from_second(time.timestamp()).ok()?;
    Some(time.strftime("%b %e %H:%M:%S %Y GMT").to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_part_is_written_as_openssl_writes_it() {
        let mut params = rcgen::CertificateParams::default();
        params.serial_number = Some(vec![0x00, 0xab, 0x01].into());
        params.not_before = rcgen::date_time_ymd(2026, 11, 1);
        params.not_after = rcgen::date_time_ymd(2026, 11, 21);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let told = |part| told(made.der(), part, 1_793_491_200 + DAY / 2).unwrap();
        assert_eq!(told(CertificatePart::Serial), "AB01");
        assert_eq!(told(CertificatePart::From), "Nov  1 00:00:00 2026 GMT");
        assert_eq!(told(CertificatePart::Until), "Nov 21 00:00:00 2026 GMT");
        assert_eq!(told(CertificatePart::DaysLeft), "19");
        assert_eq!(told(CertificatePart::Fingerprint).len(), 40);
        assert_eq!(told(CertificatePart::Pem), made.pem().replace("\r\n", "\n"));
        let lines = told(CertificatePart::PemLines);
        assert!(
            lines.starts_with("-----BEGIN CERTIFICATE-----\n\tMI")
                && lines.ends_with("\n\t-----END CERTIFICATE-----")
        );
        assert!(told(CertificatePart::PemEscaped).starts_with("-----BEGIN%20CERTIFICATE-----%0AMI"));
    }
}
