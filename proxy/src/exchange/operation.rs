//! The operator's changes to headers, in the order written.

use super::context::Exchange;
use super::headers::Headers;
use http::HeaderName;
use http::request::Parts;
use vordr_rules::table::HeaderOperation;

/// Applies `operations` to `message`; placeholders are filled in from `request`. A value that is not fit for a
/// header once it is filled in is left out.
pub(super) fn apply(
    exchange: &Exchange,
    operations: &[HeaderOperation],
    request: &Parts,
    message: &mut impl Headers,
) {
    for operation in operations {
        match operation {
            HeaderOperation::Set(name, value) => match exchange.header_value(value, request) {
                Some(value) => message.set(name, value),
                None => message.remove(name),
            },
            HeaderOperation::Add(name, value) => {
                if let Some(value) = exchange.header_value(value, request) {
                    message.add(name, value);
                }
            }
            HeaderOperation::Default(name, value) => {
                if !message.headers().contains_key(name) {
                    exchange
                        .header_value(value, request)
                        .into_iter()
                        .for_each(|value| message.set(name, value));
                }
            }
            HeaderOperation::Remove(name) => message.remove(name),
            HeaderOperation::RemovePrefix(prefix) => remove_prefix(prefix, message),
        }
    }
}

fn remove_prefix(prefix: &str, message: &mut impl Headers) {
    let fits = |name: &&HeaderName| name.as_str().starts_with(prefix) && !frames(name);
    let names: Vec<HeaderName> = message.headers().keys().filter(fits).cloned().collect();
    names.iter().for_each(|name| message.remove(name));
}

/// What frames the message stays, whatever it starts with.
fn frames(name: &HeaderName) -> bool {
    matches!(
        *name,
        http::header::CONTENT_LENGTH
            | http::header::TRANSFER_ENCODING
            | http::header::CONNECTION
            | http::header::UPGRADE
    )
}
