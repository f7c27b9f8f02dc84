//! Who may come: by address, and by credentials.

use super::Ways;
use crate::placeholder::Template;
use http::HeaderName;
use ipnet::IpNet;
use std::time::Duration;

/// `allow` and `deny`: the first that holds decides; none lets pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// In the order written.
    pub rules: Vec<AccessRule>,
}

/// One `allow` or `deny`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// Whether a match lets pass.
    pub allow: bool,
    /// Whom it matches.
    pub whom: Whom,
}

/// Who is meant by an `allow` or `deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Everybody.
    All,
    /// Whoever comes through a Unix socket, and is introduced by nobody.
    Unix,
    /// Whose address is in a network.
    Network(IpNet),
}

/// `satisfy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Satisfy {
    /// Address and credentials.
    #[default]
    All,
    /// Either.
    Any,
    /// The address, or any one `auth`.
    One,
}

/// One `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Its kind, with what that needs.
    pub kind: AuthKind,
    /// How long whoever is refused with a 401 waits for it.
    pub delay: Option<Duration>,
    /// Request headers set from what was learnt: (`claim` or header, request header).
    pub copy: Vec<(String, HeaderName)>,
}

/// The kinds of `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthKind {
    /// Password file, realm.
    Basic {
        /// Path of the htpasswd file; one that depends on the request is read for each.
        file: Template,
        /// Shown to the user.
        realm: Template,
        /// nginx's ways take weaker hashes too, say no charset, and ask for nothing where the realm is `off`.
        ways: Ways,
    },
    /// A header that must hold one of the keys of a file.
    Key {
        /// The header's name.
        header: HeaderName,
        /// Path of the file, a key a line.
        file: String,
    },
    /// `Authorization: Bearer` with one of the tokens of a file.
    Bearer {
        /// Path of the file, a token a line.
        file: String,
    },
    /// A JSON web token.
    Jwt {
        /// URL of the keys.
        jwks: String,
        /// Expected `iss`.
        issuer: Option<String>,
        /// Expected `aud`.
        audience: Option<String>,
    },
    /// A location of the same server decides: asked by GET, without a body.
    Location {
        /// Its path.
        path: String,
    },
    /// Another server decides.
    Forward {
        /// Its URL.
        url: String,
    },
}
