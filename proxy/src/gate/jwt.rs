//! `auth jwt`: a bearer token whose issuer signed it (RFC 6750).

use super::auth::{Refusal, unauthorized};
use super::authorization::of_scheme;
use super::issuer::Issuer;
use super::token::{Claims, Doubt, KeySet, text};
use super::watched::Watched;
use crate::ask::Asker;
use crate::exchange::{Failure, Learnt};
use crate::observe::Observer;
use http::request::Parts;
use std::sync::Arc;
use vordr_rules::table::Auth;

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// A file.
    File(Arc<Watched<KeySet>>),
    /// A URL.
    Issuer(Arc<Issuer>),
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// `iss`
    pub issuer: Option<&'a str>,
    /// `aud`
    pub audience: Option<&'a str>,
}

/// Holds the request's token against the keys.
pub(super) async fn check(
    (keys, asker): (&Keys, &Asker),
    wanted: Wanted<'_>,
    auth: &Auth,
    (request, observer): (&Parts, &Observer),
    learnt: &mut Learnt,
) -> Result<(), Refusal> {
    let Some(token) = of_scheme(request, "bearer") else {
        return Err(Refusal::Own(unauthorized("a token is needed here", "Bearer")));
    };
    match claims(keys, asker, wanted, token, observer).await {
        Ok(claims) => {
            learnt.copy(auth, |name| claims.get(name).and_then(text));
            learnt.user = claims.get("sub").and_then(text).or(learnt.user.take());
            Ok(())
        }
        Err(Failure::Auth { why, .. }) => {
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{why}\"");
            Err(Refusal::Own(unauthorized(why, &challenge)))
        }
        Err(failure) => Err(Refusal::Own(failure)),
    }
}

async fn claims(
    keys: &Keys,
    asker: &Asker,
    wanted: Wanted<'_>,
    token: &str,
    observer: &Observer,
) -> Result<Claims, Failure> {
    let known = match keys {
        Keys::File(file) => file.now(observer).await,
        Keys::Issuer(issuer) => issuer.keys(asker).await.map_err(Failure::Undecided)?,
    };
    let judge = |keys: &KeySet| keys.claims(token, wanted.issuer, wanted.audience);
    let mut judged = judge(&known);
    if let (Err(Doubt::UnknownKey), Keys::Issuer(issuer)) = (&judged, keys)
        && let Some(newer) = issuer.newer(&known, asker).await
    {
        judged = judge(&newer);
    }
    if let Keys::Issuer(issuer) = keys
        && let Some(reason) = issuer.take_problem()
    {
        observer.log().error("keys were not fetched; those before stay", &[("reason", &reason)]);
    }
    judged.map_err(|doubt| match doubt {
        Doubt::UnknownKey => unauthorized("the token is not signed by a key of its issuer", "Bearer"),
        Doubt::Wrong(why) => unauthorized(why, "Bearer"),
    })
}
