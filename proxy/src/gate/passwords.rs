//! htpasswd files: users and the hashes of their passwords.

use super::{apr1, weak};
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use sha_crypt::ShaCrypt;
use std::collections::HashMap;

/// Longer passwords are nobody's, and cost time.
const LONGEST: usize = 1024;

/// Users and the hashes of their passwords.
#[derive(Debug)]
pub(super) struct Passwords {
    users: HashMap<String, Hash>,
    /// Verified in the place of an unknown user's, so that it takes as long.
    decoy: Hash,
}

/// A password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hash {
    /// `$2y$…`
    Bcrypt(String),
    /// `$argon2id$…`
    Argon2(String),
    /// `$apr1$…`
    Apr1(String),
    /// `$5$…` or `$6$…`
    Sha(String),
    /// `$1$…`, `{SHA}…`, `{SSHA}…` or `{PLAIN}…`, which are quickly guessed: taken where nginx's ways are asked for.
    Weak(String),
}

impl Passwords {
    /// Reads `name:hash` lines; empty ones and comments are passed over.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        Self::read_as(text, Hash::parse, "the hash is none of bcrypt, argon2, $5$, $6$ and apr1")
    }

    /// The same where hashes may be weaker.
    pub(super) fn read_weak(text: &str) -> Result<Self, String> {
        let known = "the hash is none of bcrypt, argon2, $5$, $6$, apr1, $1$, {SHA}, {SSHA} and {PLAIN}";
        Self::read_as(text, |hash| Hash::parse(hash).or_else(|| Hash::parse_weak(hash)), known)
    }

    fn read_as(text: &str, parse: impl Fn(&str) -> Option<Hash>, known: &str) -> Result<Self, String> {
        let mut users = HashMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| is_entry(line)) {
            // What follows a second colon is a comment to Apache and nginx.
            let mut parts = line.trim().split(':');
            let (name, hash) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let hash = parse(hash)
                .ok_or_else(|| format!("line {}: {known} (`htpasswd -B` writes bcrypt)", number + 1))?;
            users.insert(name.to_owned(), hash);
        }
        let decoy = users.values().next().ok_or("there is no user in it")?.clone();
        Ok(Self { users, decoy })
    }

    /// The hash of a user, and whether there is one.
    pub(super) fn of(&self, user: &str) -> (&Hash, bool) {
        self.users.get(user).map_or((&self.decoy, false), |hash| (hash, true))
    }
}

/// Whether a line of a file of secrets holds one.
pub(super) fn is_entry(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

impl Hash {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_owned();
        if ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| text.starts_with(prefix)) {
            return text.parse::<bcrypt::HashParts>().ok().map(|_| Self::Bcrypt(text));
        }
        if text.starts_with("$argon2") {
            return PasswordHash::new(&text).ok().map(|_| Self::Argon2(text));
        }
        if text.starts_with("$5$") || text.starts_with("$6$") {
            return sha_crypt::PasswordHashRef::new(&text).is_ok().then_some(Self::Sha(text));
        }
        let (salt, hash) = text.strip_prefix("$apr1$")?.split_once('$')?;
        ((1..=8).contains(&salt.len()) && hash.len() == 22).then_some(Self::Apr1(text))
    }

    fn parse_weak(text: &str) -> Option<Self> {
        let is_known = match text.strip_prefix(apr1::CRYPT) {
            Some(salted) => salted.split_once('$').is_some_and(|(salt, _)| (1..=8).contains(&salt.len())),
            None => weak::is_known(text),
        };
        is_known.then(|| Self::Weak(text.to_owned()))
    }

    /// As it stands in the file.
    pub(super) fn as_str(&self) -> &str {
        let (Self::Bcrypt(text) | Self::Argon2(text) | Self::Apr1(text) | Self::Sha(text) | Self::Weak(text)) =
            self;
        text
    }

    /// Whether it is this password's. It takes as long as its author meant it to: not for a worker's thread.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        if password.len() > LONGEST {
            return false;
        }
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Self::Apr1(text) => is_md5(text, apr1::APACHE, password),
            Self::Sha(text) => ShaCrypt::default().verify_password(password, text.as_str()).is_ok(),
            Self::Weak(text) if text.starts_with(apr1::CRYPT) => is_md5(text, apr1::CRYPT, password),
            Self::Weak(text) => weak::is_of(text, password),
        }
    }
}

fn is_md5(text: &str, prefix: &str, password: &[u8]) -> bool {
    let salted = text.strip_prefix(prefix).and_then(|rest| rest.split_once('$'));
    salted.is_some_and(|(salt, hash)| {
        let found = apr1::hash(password, salt.as_bytes(), prefix);
        verify_slices_are_equal(&found, hash.as_bytes()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // All of `password`; as htpasswd, openssl and argon2 write them.
    const BCRYPT: &str = "$2y$04$dsVB/Ycd0.UvSqWP.pdL6OJFaHpHd//4OenKqm0zXGi9miocpdxKS";
    const SHA256: &str = "$5$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC.";
    const SHA512: &str =
        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    const APR1: &str = "$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/";
    const ARGON2: &str = "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";

    #[test]
    fn each_kind_of_hash_knows_its_password() {
        for hash in [BCRYPT, APR1, ARGON2, SHA256, SHA512] {
            let passwords =
                Passwords::read(&format!("# staff\n\nann:{hash}\nbob:{hash}:a comment\n")).unwrap();
            for user in ["ann", "bob"] {
                let (found, known) = passwords.of(user);
                assert!(known && found.as_str() == hash);
            }
            let (found, _) = passwords.of("ann");
            assert!(found.is_of(b"password") && !found.is_of(b"Password"), "{hash}");
        }
    }

    #[test]
    fn an_unknown_user_has_a_hash_to_spend_time_on() {
        let passwords = Passwords::read(&format!("ann:{BCRYPT}")).unwrap();
        let (decoy, known) = passwords.of("eve");
        assert_eq!((decoy.as_str(), known), (BCRYPT, false));
    }

    #[test]
    fn what_is_no_strong_hash_is_said_with_its_line() {
        for (line, bad) in [
            ("ann:secret", true),
            ("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", true),
            ("ann:$1$saltsalt$Wj6Pyu9qbGdLKPGGCXfcM0", true),
            ("ann", true),
            ("ann:$apr1$$x", true),
            ("ann:$2y$nonsense", true),
            (&format!("ann:{BCRYPT}"), false),
        ] {
            let read = Passwords::read(&format!("# first\n{line}"));
            assert_eq!(read.as_ref().is_err_and(|reason| reason.starts_with("line 2: ")), bad, "{line}");
        }
        assert!(Passwords::read("# nobody\n").is_err());
    }

    #[test]
    fn nginxs_ways_take_weaker_hashes_and_not_those_of_des() {
        for hash in [
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0",
            "{PLAIN}password",
            BCRYPT,
        ] {
            let passwords = Passwords::read_weak(&format!("ann:{hash}")).unwrap();
            let (found, _) = passwords.of("ann");
            assert!(found.is_of(b"password") && !found.is_of(b"Password"), "{hash}");
        }
        assert!(Passwords::read_weak("ann:rqXexS6ZhobKA").unwrap_err().starts_with("line 1: "));
    }

    #[test]
    fn a_password_of_a_kilobyte_is_not_hashed() {
        let passwords = Passwords::read(&format!("ann:{BCRYPT}")).unwrap();
        assert!(!passwords.of("ann").0.is_of(&[b'x'; LONGEST + 1]));
    }
}
