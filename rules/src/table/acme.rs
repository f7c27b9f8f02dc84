//! Certificates that come from ACME (RFC 8555).

/// `acme`, for the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcmeAccount {
    /// Directory URL; `None` is Let's Encrypt.
    pub directory: Option<String>,
    /// CA file that the directory's certificate is checked against; `None` is the system's.
    pub ca: Option<String>,
    /// Contact address.
    pub email: Option<String>,
    /// The account that the issuer knows its customer by.
    pub external: Option<ExternalAccount>,
}

/// An account outside ACME that the ACME account is bound to (RFC 8555, section 7.3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The issuer's identifier for the key.
    pub key_id: String,
    /// The key, in base64url as the issuer gave it.
    pub key: String,
}

/// The key is a secret.
impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// `acme`, in a server's `tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acme {
    /// Contact address, where it is not the process's.
    pub email: Option<String>,
    /// The only challenge that is answered; `None` is whichever the listeners allow.
    pub challenge: Option<AcmeChallenge>,
}

/// How an issuer is shown that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// A file over plain HTTP (RFC 8555, section 8.3).
    Http01,
    /// A certificate in a TLS handshake (RFC 8737).
    TlsAlpn01,
}

impl AcmeChallenge {
    /// As the rules and the RFCs name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}
