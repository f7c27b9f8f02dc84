//! The answers to challenges that are under way.

use super::failure::Failure;
use super::temporary;
use crate::tls::Certificates;
use arc_swap::ArcSwap;
use instant_acme::KeyAuthorization;
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::AcmeChallenge;

/// Where http-01 is asked for (RFC 8555, section 8.3).
const PREFIX: &str = "/.well-known/acme-challenge/";

/// The answers to http-01, by their token. A token is known while its challenge is under way, and no longer.
#[derive(Debug, Default)]
pub(crate) struct Tokens(ArcSwap<HashMap<String, String>>);

impl Tokens {
    /// The answer for a path, where it is that of a known token.
    pub(crate) fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PREFIX)?;
        self.0.load().get(token).cloned()
    }

    fn change(&self, change: impl Fn(&mut HashMap<String, String>)) {
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            change(&mut known);
            known
        });
    }
}

/// Everything that answers challenges.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub tokens: Arc<Tokens>,
    pub certificates: Arc<Certificates>,
}

/// An answer that is given until this is dropped.
#[derive(Debug)]
pub(super) struct Answering {
    answers: Answers,
    /// The token, or the name.
    key: String,
    challenge: AcmeChallenge,
}

impl Answers {
    /// Answers a challenge from now on.
    pub(super) fn give(
        &self,
        challenge: AcmeChallenge,
        name: &str,
        token: &str,
        proof: &KeyAuthorization,
    ) -> Result<Answering, Failure> {
        let key = match challenge {
            AcmeChallenge::Http01 => {
                self.tokens.change(|known| drop(known.insert(token.to_owned(), proof.as_str().to_owned())));
                token
            }
            AcmeChallenge::TlsAlpn01 => {
                let certificate = temporary::challenge(name, proof.digest().as_ref())?;
                self.certificates.answer_challenge(name, certificate);
                name
            }
        };
        Ok(Answering { answers: self.clone(), key: key.to_owned(), challenge })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        match self.challenge {
            AcmeChallenge::Http01 => self.answers.tokens.change(|known| drop(known.remove(&self.key))),
            AcmeChallenge::TlsAlpn01 => self.answers.certificates.end_challenge(&self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_tokens_are_answered_and_only_at_their_place() {
        let tokens = Tokens::default();
        tokens.change(|known| drop(known.insert("abc".to_owned(), "abc.xyz".to_owned())));
        assert_eq!(tokens.answer("/.well-known/acme-challenge/abc").as_deref(), Some("abc.xyz"));
        for path in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/other", "/abc", "abc", ""] {
            assert_eq!(tokens.answer(path), None, "{path}");
        }
    }
}
