//! `sticky`: how a client is known, so that it stays with one server.

use aws_lc_rs::{hmac, pbkdf2};
use http::HeaderValue;
use std::num::NonZeroU32;

/// How often a mark's hash is repeated where there is no secret: whoever reads a cookie has to do the same for every
/// address he tries.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(19_999);

/// The cookie that names a server, without telling its address.
///
/// It is made of nothing but what the rules have, so every vordr with the same rules makes the same, before a restart
/// and after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its value.
    value: String,
    plain: HeaderValue,
    secure: HeaderValue,
}

impl Mark {
    /// The mark of a server of a pool, as a cookie of this name.
    pub(super) fn new(cookie: &str, pool: &str, address: &str, secret: Option<&str>) -> Self {
        let value = format!("{:016x}", hash(pool, address, secret));
        let header = |more: &str| {
            HeaderValue::try_from(format!("{cookie}={value}; Path=/; HttpOnly; SameSite=Lax{more}"))
                .unwrap_or(HeaderValue::from_static(""))
        };
        Self { plain: header(""), secure: header("; Secure"), value }
    }

    /// Whether a client's cookie names this server.
    pub(super) fn is(&self, value: &str) -> bool {
        self.value == value
    }

    /// The header that gives it to a client.
    pub(super) fn header(&self, over_tls: bool) -> HeaderValue {
        if over_tls { self.secure.clone() } else { self.plain.clone() }
    }
}

fn hash(pool: &str, address: &str, secret: Option<&str>) -> u64 {
    let mut hash = [0; 8];
    let salt = format!("vordr sticky {pool}");
    match secret {
        Some(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = hmac::sign(&key, format!("{salt}\0{address}").as_bytes());
            hash.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        }
        None => {
            let (salt, address) = (salt.as_bytes(), address.as_bytes());
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, address, &mut hash);
        }
    }
    u64::from_be_bytes(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mark_is_the_same_wherever_it_is_made_and_tells_no_address() {
        for secret in [None, Some("hush")] {
            let mark = Mark::new("sid", "app", "10.1.2.3:8000", secret);
            assert_eq!(mark, Mark::new("sid", "app", "10.1.2.3:8000", secret));
            assert_ne!(mark.value, Mark::new("sid", "app", "10.1.2.4:8000", secret).value);
            assert_ne!(mark.value, Mark::new("sid", "other", "10.1.2.3:8000", secret).value);
            assert_eq!(mark.value.len(), 16);
            assert!(mark.is(&mark.value.clone()) && !mark.is("") && !mark.is("10.1.2.3:8000"));
        }
    }

    #[test]
    fn without_the_secret_nobody_can_make_it() {
        let mark = |secret| Mark::new("sid", "app", "10.1.2.3:8000", secret).value;
        assert_ne!(mark(Some("hush")), mark(None));
        assert_ne!(mark(Some("hush")), mark(Some("hushed")));
    }

    #[test]
    fn its_cookie_is_for_http_alone_and_for_tls_alone_where_there_is_tls() {
        let mark = Mark::new("sid", "app", "10.1.2.3:8000", None);
        let plain = mark.header(false);
        let plain = plain.to_str().unwrap();
        assert!(plain.starts_with("sid=") && plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{plain}");
        assert!(mark.header(true).to_str().unwrap().ends_with("; SameSite=Lax; Secure"));
    }
}
