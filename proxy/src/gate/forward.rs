//! `auth forward`: another server decides, by what it knows of the request's head.

use super::auth::{Refusal, unauthorized};
use crate::ask::{self, Asker};
use crate::exchange::{Answer, Exchange, Failure, Learnt};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, LOCATION,
    SET_COOKIE, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response};
use http_body_util::Full;
use vordr_rules::table::Auth;

/// What a refusal may tell the client.
const PASSED_ON: [HeaderName; 6] =
    [WWW_AUTHENTICATE, LOCATION, SET_COOKIE, CONTENT_TYPE, CONTENT_ENCODING, CACHE_CONTROL];
const NOT_LET_IN: &str = "whoever decides does not let it in";

/// Asks `url` whether the request may come in, and copies what the answer tells.
pub(super) async fn check(
    asker: &Asker,
    url: &str,
    auth: &Auth,
    exchange: &Exchange,
    request: &Parts,
    learnt: &mut Learnt,
) -> Result<(), Refusal> {
    let undecided = |reason| Refusal::Own(Failure::Undecided(reason));
    let question = question(url, exchange, request).map_err(undecided)?;
    let answer = asker.ask(question).await.map_err(undecided)?;
    let status = answer.status();
    if status.is_success() {
        take(auth, answer.headers(), learnt);
        learnt.answer = answer.into_parts().0.headers;
        return Ok(());
    }
    match matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308 | 401 | 403) {
        true => Err(passed_on(answer)),
        false => Err(undecided(format!("{url} answered {}", status.as_u16()))),
    }
}

/// A GET with the head of the request, and where that was going.
fn question(url: &str, exchange: &Exchange, request: &Parts) -> Result<Request<Full<Bytes>>, String> {
    let mut question = Request::new(Full::default());
    *question.method_mut() = Method::GET;
    *question.uri_mut() = ask::url(url)?;
    let headers = question.headers_mut();
    *headers = exchange.told_to_others(request);
    // What it says in its refusal is said to the client, which `compress` may pack.
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT, ACCEPT_ENCODING] {
        headers.remove(name);
    }
    Ok(question)
}

/// `copy="X-User X-Groups"`: the first of them is who it is.
pub(super) fn take(auth: &Auth, headers: &HeaderMap, learnt: &mut Learnt) {
    let told = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        Some(values.join(", ")).filter(|_| !values.is_empty())
    };
    learnt.copy(auth, told);
    if learnt.user.is_none() {
        learnt.user = auth.copy.first().and_then(|(from, _)| told(from));
    }
}

fn passed_on(theirs: Response<Bytes>) -> Refusal {
    let (head, body) = theirs.into_parts();
    let mut answer = Answer::empty(head.status);
    for name in PASSED_ON {
        for value in head.headers.get_all(&name) {
            answer.headers.append(name.clone(), value.clone());
        }
    }
    answer.body = body;
    let failure = asked_by(&head.headers).unwrap_or_else(|| unauthorized(NOT_LET_IN, "Basic"));
    Refusal::Theirs(failure, Box::new(answer))
}

/// What whoever decides asks for: there may be several ways to be let in.
pub(super) fn asked_by(headers: &HeaderMap) -> Option<Failure> {
    let challenges: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    (!challenges.is_empty()).then_some(Failure::Auth { why: NOT_LET_IN, challenges })
}
