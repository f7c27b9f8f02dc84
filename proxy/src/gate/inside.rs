//! `auth location`: a location of the same server decides, by what it answers to the head of the request.

use super::Known;
use super::auth::Refusal;
use crate::ask::Asker;
use crate::exchange::{Admission, Exchange, Failure, Learnt, stripped};
use crate::files::{Find, Folders};
use crate::upstream::Upstreams;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use std::time::Instant;
use vordr_rules::table::{Action, Auth};

/// Asks the location of a path whether the request may come in, and notes what it answers.
pub(super) async fn check(
    (asker, known): (&Asker, Known<'_>),
    path: &str,
    auth: &Auth,
    exchange: &Exchange,
    request: &Parts,
    learnt: &mut Learnt,
) -> Result<(), Refusal> {
    let (status, headers) = match ask((asker, known), path, exchange, request).await {
        Ok(answer) => answer,
        Err(reason) => return Err(decided(StatusCode::INTERNAL_SERVER_ERROR, reason)),
    };
    match status {
        status if status.is_success() => {
            super::forward::take(auth, &headers, learnt);
            learnt.answer = headers;
            Ok(())
        }
        StatusCode::UNAUTHORIZED => Err(match super::forward::asked_by(&headers) {
            Some(failure) => Refusal::Own(failure),
            None => decided(StatusCode::UNAUTHORIZED, "it says so without a challenge".to_owned()),
        }),
        StatusCode::FORBIDDEN => Err(decided(StatusCode::FORBIDDEN, "it says so".to_owned())),
        other => {
            let reason = format!("{path} answered {}", other.as_u16());
            Err(decided(StatusCode::INTERNAL_SERVER_ERROR, reason))
        }
    }
}

fn decided(status: StatusCode, reason: String) -> Refusal {
    Refusal::Own(Failure::Decided(status, reason))
}

/// What a location answers; why it does not.
async fn ask(
    (asker, known): (&Asker, Known<'_>),
    path: &str,
    exchange: &Exchange,
    request: &Parts,
) -> Result<(StatusCode, HeaderMap), String> {
    let mut inner = match exchange.question(path, request) {
        Ok(inner) => inner,
        Err(status) => return Ok((status, HeaderMap::new())),
    };
    match status_here(known.folders, &mut inner, request).await {
        Some(status) => Ok((status, HeaderMap::new())),
        None => ask_upstream((asker, known.upstreams), path, &mut inner, request, Request::default()).await,
    }
}

impl Known<'_> {
    /// The status that a request comes to in the location that it is in, where nobody is sent what is answered.
    pub(crate) async fn ask_within(
        self,
        exchange: &mut Exchange,
        request: &Parts,
    ) -> Result<StatusCode, String> {
        if let Some(status) = status_here(self.folders, exchange, request).await {
            return Ok(status);
        }
        let Some(asker) = &self.credentials.asker else { return Err("nobody can be asked".to_owned()) };
        exchange.fill_afterwards(request);
        let mut question = Request::new(Full::new(exchange.own_body.clone().unwrap_or_default()));
        let method = exchange.own_method.as_ref().unwrap_or_else(|| exchange.method(request));
        *question.method_mut() = method.clone();
        let path = request.uri.path_and_query().map_or("/", |both| both.as_str());
        let asked = ask_upstream((asker, self.upstreams), path, exchange, request, question).await;
        asked.map(|(status, _)| status)
    }
}

/// The status of what is answered without an upstream; `None` where one is to be asked. What one location leaves to the next
/// ends after a few.
async fn status_here(folders: &Folders, inner: &mut Exchange, request: &Parts) -> Option<StatusCode> {
    loop {
        let admission = match inner.action() {
            Some(Action::Proxy(_)) => return None,
            Some(Action::Respond(respond)) => return Some(respond.status),
            Some(Action::Redirect(redirect)) => return Some(redirect.status),
            Some(Action::StubStatus) => return Some(StatusCode::OK),
            Some(Action::Files(_)) => match find(folders, inner, request).await {
                Ok(Find::File(_) | Find::Listing(..)) => return Some(StatusCode::OK),
                Ok(Find::Folder(_)) => return Some(StatusCode::MOVED_PERMANENTLY),
                Ok(Find::Index(path)) => {
                    let query = inner.current_query(request).map(str::to_owned);
                    inner.search(&path, query.as_deref(), request)
                }
                Ok(Find::Nothing) => inner.do_otherwise(request),
                Err(failure) => return Some(failure.status()),
            },
            Some(Action::Enter(_) | Action::Search(_)) => inner.act(request),
            None => return Some(StatusCode::NOT_FOUND),
        };
        if let Admission::Answer(answer) = admission {
            return Some(answer.status);
        }
    }
}

async fn find(folders: &Folders, inner: &Exchange, request: &Parts) -> Result<Find, Failure> {
    folders.find(inner.seek(request)?).await
}

/// What the upstream of a location answers; why it does not.
async fn ask_upstream(
    (asker, upstreams): (&Asker, &Upstreams),
    path: &str,
    inner: &mut Exchange,
    request: &Parts,
    mut question: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap), String> {
    upstreams.fill(inner, request).await.map_err(|failure| failure.detail(None))?;
    let tls = inner.proxy().is_some_and(|proxy| inner.speaks_tls(proxy));
    let target = upstreams.choose(inner, request, &[]).map_err(|failure| failure.detail(None))?;
    let place = match tls {
        // The name that its certificate bears.
        true => {
            inner.reached.as_ref().and_then(|reached| reached.authority().to_str().ok()).unwrap_or_default()
        }
        false => target.member().name(),
    };
    if place.starts_with("unix:") {
        return Err(format!("{path}: a Unix socket is not asked"));
    }
    let seen = inner.upstream_path(request);
    let seen = seen.as_deref().map_or(path, |seen| std::str::from_utf8(seen).unwrap_or(path));
    let scheme = if tls { "https" } else { "http" };
    let place = place.split(" | ").next().unwrap_or_default();
    *question.uri_mut() =
        format!("{scheme}://{place}{seen}").parse().map_err(|error| format!("{place}{seen}: {error}"))?;
    let mut headers = stripped(&request.headers);
    // Its placeholders are filled in from the request that it is about.
    inner.forward(request, &mut headers);
    [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].iter().for_each(|name| drop(headers.remove(name)));
    *question.headers_mut() = headers;
    if let Some(reached) = inner.reached.as_mut() {
        reached.attempt = Some((Instant::now(), None));
    }
    let answer = asker.ask(question).await?;
    let head = answer.into_parts().0;
    Ok((head.status, head.headers))
}
