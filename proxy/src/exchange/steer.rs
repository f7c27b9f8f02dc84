//! `X-Accel-Redirect`: an upstream has another location answer.

use super::admit::Admission;
use super::context::Exchange;
use super::failure::Failure;
use super::headers::Headers;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, EXPIRES, HeaderName, SET_COOKIE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use vordr_rules::table::{LocationId, normal_path};

const REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
/// What of the upstream's answer stays, as in nginx; its type besides.
const KEPT: [HeaderName; 5] = [SET_COOKIE, CONTENT_DISPOSITION, CACHE_CONTROL, EXPIRES, ACCEPT_RANGES];

/// Where an upstream leads, and what stays of its answer.
#[derive(Debug)]
pub(super) struct Steered {
    /// A path, perhaps with a query, or `@` and a location's name; nothing once it was followed.
    target: Option<HeaderValue>,
    kept: HeaderMap,
}

/// A path that climbs nowhere: what it is made of may have come from a client.
fn safe_path(path: &str) -> Option<Cow<'_, [u8]>> {
    normal_path(path).filter(|_| !climbs(path))
}

/// Whether it has `..` for a segment, decoded or not.
fn climbs(path: &str) -> bool {
    let decoded = percent_decode_str(path).collect::<Vec<_>>();
    decoded.split(|byte| *byte == b'/').any(|segment| segment == b"..")
}

impl Exchange {
    /// Whether the upstream's answer leads to another location, which is then to be followed
    /// ([`Exchange::falls_back`] for [`Failure::Elsewhere`]).
    pub fn is_steered(&mut self, answer: &HeaderMap) -> bool {
        let Some(target) = answer.get(&REDIRECT) else { return false };
        if !self.settings().is_some_and(|settings| settings.steering.redirect) {
            return false;
        }
        let mut kept = HeaderMap::new();
        for name in KEPT.iter().chain([&CONTENT_TYPE]) {
            answer.get_all(name).iter().for_each(|value| {
                kept.append(name, value.clone());
            });
        }
        self.remember(answer);
        self.steered = Some(Box::new(Steered { target: Some(target.clone()), kept }));
        true
    }

    /// Goes on where the upstream leads.
    pub(super) fn follow(&mut self, request: &Parts) -> Option<Admission> {
        let target = self.steered.as_mut()?.target.take()?;
        // What was asked for is done; what there is now is only read.
        self.asks_anew = true;
        (self.status, self.first_byte) = (None, None);
        let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
        Some(match target.strip_prefix('@') {
            Some(name) => match self.named_location(name) {
                Some(location) => self.enter_named(location, request),
                None => self.refuse(Failure::Responded(StatusCode::INTERNAL_SERVER_ERROR), request),
            },
            None => {
                let (path, query) =
                    target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
                match safe_path(path) {
                    Some(path) => self.search(&path, query, request),
                    None => self.refuse(Failure::Responded(StatusCode::NOT_FOUND), request),
                }
            }
        })
    }

    fn named_location(&self, name: &str) -> Option<LocationId> {
        let locations = &self.server()?.locations;
        locations.iter().position(|location| location.called.as_deref() == Some(name)).map(LocationId)
    }

    /// Puts what stays of the answer that led here into the one that is given; `is_own` where no upstream gives it.
    pub(super) fn keep_steered(&self, status: StatusCode, message: &mut impl Headers, is_own: bool) {
        let Some(steered) = &self.steered else { return };
        for (name, value) in &steered.kept {
            if *name != CONTENT_TYPE {
                message.add(name, value.clone());
            } else if is_own && status.is_success() {
                message.set(name, value.clone());
            }
        }
    }
}
