//! `{client_cert.PART}`: what the certificate that a client showed says, verified or not.

/// A part of the certificate that a client showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificatePart {
    /// Whose it is, narrowest part first (RFC 4514).
    Subject,
    /// Who made it out, in the same form.
    Issuer,
    /// Its number, in hexadecimal digits.
    Serial,
    /// SHA-1 of all of it, in hexadecimal digits.
    Fingerprint,
    /// All of it, PEM.
    Pem,
    /// The same with a tab before each line but the first.
    PemLines,
    /// The same, escaped as in a URL.
    PemEscaped,
    /// From when on it is valid, as `Nov 21 10:00:00 2026 GMT`.
    From,
    /// Until when.
    Until,
    /// How many whole days it is valid for from now on.
    DaysLeft,
}

impl CertificatePart {
    /// Each with its name.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("subject", Self::Subject),
        ("issuer", Self::Issuer),
        ("serial", Self::Serial),
        ("fingerprint", Self::Fingerprint),
        ("pem", Self::Pem),
        ("pem_lines", Self::PemLines),
        ("pem_escaped", Self::PemEscaped),
        ("from", Self::From),
        ("until", Self::Until),
        ("days_left", Self::DaysLeft),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }

    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, part)| *part == self).map_or("", |(name, _)| name)
    }
}
