//! `auth`: each kind asked in the order written; all must agree.

use super::authorization::of_scheme;
use super::credentials::Credentials;
use super::{Gate, Known};
use super::{forward, inside, jwt, user_file};
use crate::exchange::{Answer, Exchange, Failure, Learnt};
use crate::observe::Observer;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use vordr_rules::table::{Auth, AuthKind, Ways};

/// Why a request is not let in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// By vordr.
    Own(Failure),
    /// By another server, in its words.
    Theirs(Failure, Box<Answer>),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        let (Self::Own(failure) | Self::Theirs(failure, _)) = self;
        failure.status()
    }

    /// Whether it asks for credentials.
    fn asks(&self) -> bool {
        self.status() == StatusCode::UNAUTHORIZED
    }

    /// Whether nobody else is asked any more: it neither asks for credentials nor forbids.
    fn is_final(&self) -> bool {
        !self.asks() && self.status() != StatusCode::FORBIDDEN
    }
}

/// Whether it asks for anything: nginx's does not where its realm comes to `off`.
fn asks(auth: &Auth, exchange: &Exchange, request: &Parts) -> bool {
    match &auth.kind {
        AuthKind::Basic { realm, ways: Ways::Nginx, .. } => exchange.key(realm, request) != b"off",
        _ => true,
    }
}

impl Gate {
    /// Whether the request may come in, and what is known of its user then.
    pub(super) async fn check_credentials(
        &self,
        known: Known<'_>,
        exchange: &Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Result<Learnt, Refusal> {
        let is_open = || !exchange.auths().iter().any(|auth| asks(auth, exchange, request));
        if exchange.is_address_allowed() == Some(false) && is_open() {
            // Nothing is left that would make up for it.
            return Err(Refusal::Own(Failure::Address));
        }
        let mut learnt = Learnt::default();
        let mut refused: Option<Refusal> = None;
        for auth in exchange.auths() {
            if !asks(auth, exchange, request) {
                continue;
            }
            match self.check_one(auth, known, exchange, (request, observer), &mut learnt).await {
                Ok(()) if exchange.one_is_enough() => return Ok(learnt),
                Ok(()) => {}
                Err(refusal) if exchange.one_is_enough() && refusal.is_final() => return Err(refusal),
                // What asks for credentials is said before what forbids.
                Err(refusal) if exchange.one_is_enough() => {
                    refused = Some(refused.filter(Refusal::asks).unwrap_or(refusal));
                }
                Err(refusal) => {
                    refused = Some(refusal);
                    break;
                }
            }
        }
        let Some(refusal) = refused else { return Ok(learnt) };
        let delay = exchange.auths().iter().find_map(|auth| auth.delay).filter(|_| refusal.asks());
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        Err(refusal)
    }

    async fn check_one(
        &self,
        auth: &Auth,
        known: Known<'_>,
        exchange: &Exchange,
        (request, observer): (&Parts, &Observer),
        learnt: &mut Learnt,
    ) -> Result<(), Refusal> {
        let credentials = known.credentials;
        match &auth.kind {
            AuthKind::Basic { file, realm, ways } => {
                let realm = exchange.key(realm, request);
                let client = exchange.public.client.address;
                let passwords = match file.as_text() {
                    Some(file) => match credentials.passwords(file, *ways) {
                        Some(file) => file.now(observer).await,
                        None => return Err(lost(file)),
                    },
                    None => user_file::read(exchange.key(file, request), file, *ways).await?,
                };
                let user = self.basic.user(passwords, request, client).await.map_err(Refusal::Own)?;
                let shown = of_scheme(request, "basic").is_some();
                let user = user.ok_or_else(|| refused(shown, basic(&realm, *ways)))?;
                learnt.copy(auth, |name| (name == "user").then(|| user.clone()));
                learnt.user = Some(user);
                Ok(())
            }
            AuthKind::Key { header, file } => {
                let key = request.headers.get(header).map(HeaderValue::as_bytes);
                check_token(file, key, format!("ApiKey header=\"{header}\""), credentials, observer).await
            }
            AuthKind::Bearer { file } => {
                let token = of_scheme(request, "bearer").map(str::as_bytes);
                check_token(file, token, "Bearer".to_owned(), credentials, observer).await
            }
            AuthKind::Jwt { jwks, issuer, audience } => {
                let keys = credentials.keys.get(jwks).zip(credentials.asker.as_ref());
                let Some((keys, asker)) = keys else { return Err(lost(jwks)) };
                let wanted = jwt::Wanted { issuer: issuer.as_deref(), audience: audience.as_deref() };
                jwt::check((keys, asker), wanted, auth, (request, observer), learnt).await
            }
            AuthKind::Location { path } => {
                let Some(asker) = &credentials.asker else { return Err(lost(path)) };
                inside::check((asker, known), path, auth, exchange, request, learnt).await
            }
            AuthKind::Forward { url } => {
                let Some(asker) = &credentials.asker else { return Err(lost(url)) };
                forward::check(asker, url, auth, exchange, request, learnt).await
            }
        }
    }
}

/// Whether a file has this key or token.
async fn check_token(
    file: &str,
    token: Option<&[u8]>,
    challenge: String,
    credentials: &Credentials,
    observer: &Observer,
) -> Result<(), Refusal> {
    let Some(file) = credentials.tokens.get(file) else { return Err(lost(file)) };
    let tokens = file.now(observer).await;
    match token.is_some_and(|token| tokens.has(token)) {
        true => Ok(()),
        false => Err(refused(token.is_some(), challenge)),
    }
}

/// `Basic realm="staging", charset="UTF-8"` (RFC 7617, section 2).
fn basic(realm: &[u8], ways: Ways) -> String {
    let quoted = String::from_utf8_lossy(realm).replace('\\', "\\\\").replace('"', "\\\"");
    let charset = if ways == Ways::Nginx { "" } else { ", charset=\"UTF-8\"" };
    format!("Basic realm=\"{quoted}\"{charset}")
}

fn refused(shown: bool, challenge: String) -> Refusal {
    let why = if shown { "these credentials are not let in here" } else { "credentials are needed here" };
    Refusal::Own(unauthorized(why, &challenge))
}

/// A 401 with what it asks for.
pub(super) fn unauthorized(why: &'static str, challenge: &str) -> Failure {
    let challenge = HeaderValue::from_str(challenge).unwrap_or(HeaderValue::from_static("Basic"));
    Failure::Auth { why, challenges: vec![challenge] }
}

/// Everything that the rules name is read before they are in force.
fn lost(what: &str) -> Refusal {
    Refusal::Own(Failure::Undecided(format!("{what} was not read")))
}
