//! `request { … }` and `response { … }`: changes to headers.

use crate::diagnostic::Diagnostic;
use crate::nginx::variables_in;
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Placeholder, Template, TemplateError};
use crate::source::{Span, Spanned};
use crate::table::{FieldName, HeaderOperation};
use crate::word::Word;
use http::{HeaderName, HeaderValue};
use kdl::KdlNode;

pub(super) static REQUEST: Word =
    Word::simple("request", "", "Changes to the request's headers, after vordr's own.").block(&[OPERATIONS]);
pub(super) static RESPONSE: Word =
    Word::simple("response", "", "Changes to the response's headers, after the upstream's and CORS.")
        .block(&[OPERATIONS, &[&TRAILER]]);

const OPERATIONS: &[&Word] = &[&SET, &ADD, &DEFAULT, &REMOVE];
static SET: Word = Word::simple("set", "NAME VALUE", "Replace a header.").properties(ERRORS).many();
static ADD: Word = Word::simple("add", "NAME VALUE", "Append a header.").properties(ERRORS).many();
static DEFAULT: Word =
    Word::simple("default", "NAME VALUE", "Set a header where there is none.").properties(ERRORS).many();

static TRAILER: Word =
    Word::simple("trailer", "NAME VALUE", "Send a header behind the body.").properties(ERRORS).many();

/// `errors=off`: on answers that are no failure alone.
const ERRORS: &[&str] = &["errors"];

static REMOVE: Word =
    Word::simple("remove", "NAME…", "Delete headers; a `*` at the end stands for any ending.").many();

/// Headers that frame a message or belong to one connection: never the operator's (RFC 9110, section 7.6.1).
pub(crate) const NOT_TO_BE_HAD: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

pub(super) fn read(
    kdl: &KdlNode,
    word: &'static Word,
    reading: &mut Reading<'_>,
) -> Vec<Spanned<HeaderOperation>> {
    let node = Node::open(kdl, word, reading);
    let operations =
        node.block().into_iter().flat_map(|(of, kdl)| read_operation(kdl, of, word, reading)).collect();
    node.finish(reading);
    operations
}

fn read_operation(
    kdl: &KdlNode,
    word: &'static Word,
    parent: &'static Word,
    reading: &mut Reading<'_>,
) -> Vec<Spanned<HeaderOperation>> {
    let mut node = Node::open(kdl, word, reading);
    let span = node.span;
    let operations = match word.name {
        "remove" => {
            node.need_some::<String>(reading).into_iter().filter_map(|name| removal(&name, reading)).collect()
        }
        _ => {
            let name = node
                .need::<FieldName>(reading)
                .filter(|name| may_be_had(name.value.as_str(), name.span, reading));
            let value =
                node.need::<String>(reading).and_then(|value| header_template(value, word.name, reading));
            if let Some(value) = value.as_ref().filter(|_| parent.name == REQUEST.name) {
                check_body(value, reading);
            }
            let errors = node.property::<bool>("errors", reading);
            check_errors(errors.as_ref(), parent, reading);
            let only_success = errors.is_some_and(|errors| !errors.value);
            let operation =
                name.zip(value).map(|(name, value)| operation(word.name, name.value, value.value));
            let on_success = |operation| match only_success {
                true => HeaderOperation::OnSuccess(Box::new(operation)),
                false => operation,
            };
            operation.map(on_success).into_iter().collect::<Vec<_>>()
        }
    };
    node.finish(reading);
    operations.into_iter().map(|operation| Spanned::new(operation, span)).collect()
}

/// A request has no status yet.
fn check_errors(errors: Option<&Spanned<bool>>, parent: &Word, reading: &mut Reading<'_>) {
    if let Some(errors) = errors.filter(|_| parent.name == REQUEST.name) {
        let message = "`errors` is about answers, and this is a request";
        reading.report(Diagnostic::error("surplus-property", errors.span, message).label("leave it out"));
    }
}

/// What goes to the upstream is filled in before the request's body has passed.
pub(super) fn check_body(template: &Spanned<Template>, reading: &mut Reading<'_>) {
    if template.value.asks_for_body() {
        let message = "`{request_body}` is not known before it has gone to the upstream";
        reading.report(
            Diagnostic::error("bad-placeholder", template.span, message)
                .label("it may stand in a log-format and in `response`"),
        );
    }
}

fn operation(word: &str, name: FieldName, value: Template) -> HeaderOperation {
    match word {
        "set" => HeaderOperation::Set(name, value),
        "add" => HeaderOperation::Add(name, value),
        "trailer" => HeaderOperation::Trailer(name, value),
        _ => HeaderOperation::Default(name, value),
    }
}

fn removal(name: &Spanned<String>, reading: &mut Reading<'_>) -> Option<HeaderOperation> {
    let lower = name.value.to_ascii_lowercase();
    if let Some(prefix) = lower.strip_suffix('*') {
        if prefix.is_empty() || prefix.parse::<HeaderName>().is_err() {
            let message = format!("`{}` would remove every header", name.value);
            reading.report(
                Diagnostic::error("wrong-value", name.span, message)
                    .label("write at least the first letters"),
            );
            return None;
        }
        return Some(HeaderOperation::RemovePrefix(prefix.to_owned()));
    }
    let name = reading.value::<HeaderName>(name, "remove")?;
    may_be_had(name.value.as_str(), name.span, reading).then_some(HeaderOperation::Remove(name.value))
}

pub(super) fn may_be_had(name: &str, span: Span, reading: &mut Reading<'_>) -> bool {
    let fine = !NOT_TO_BE_HAD.contains(&name);
    if !fine {
        let message =
            format!("`{name}` frames the message or belongs to the connection: vordr sets it itself");
        reading.report(Diagnostic::error("reserved-header", span, message).label("leave it out"));
    }
    fine
}

/// A header's value with placeholders; its fixed parts must be fit for a header.
fn header_template(
    value: Spanned<String>,
    word: &str,
    reading: &mut Reading<'_>,
) -> Option<Spanned<Template>> {
    if HeaderValue::from_str(&value.value).is_err() {
        let message = format!("`{word}`: a header's value has no control characters");
        reading.report(Diagnostic::error("wrong-value", value.span, message));
        return None;
    }
    template(value, word, reading)
}

/// Text with placeholders.
pub(super) fn template(
    text: Spanned<String>,
    word: &str,
    reading: &mut Reading<'_>,
) -> Option<Spanned<Template>> {
    let template = compiled(text, word, reading)?;
    ask_for_variables(&template, reading);
    Some(template)
}

/// What a text asks for has to be made somewhere, or remembered of an answer.
pub(super) fn ask_for_variables(template: &Spanned<Template>, reading: &mut Reading<'_>) {
    let asked = template.value.variables().map(|name| Spanned::new(name.to_owned(), template.span));
    reading.variables.extend(asked);
    reading.keeps_bodies |= template.value.asks_for_body();
    reading.weighs_heads |= template.value.weighs_heads();
    reading.counts_connections |= template.value.counts_connections();
    reading.upstream_headers.extend(template.value.upstream_headers().map(|name| name.as_str().to_owned()));
}

/// Text with placeholders, whoever makes its variables.
pub(super) fn compiled(
    text: Spanned<String>,
    word: &str,
    reading: &mut Reading<'_>,
) -> Option<Spanned<Template>> {
    let error = match Template::compile(&reading.with_placeholders(&text)) {
        Ok(template) => {
            warn_of_variables(&template, text.span, word, reading);
            return Some(Spanned::new(template, text.span));
        }
        Err(error) => error,
    };
    let found = Diagnostic::error("bad-placeholder", text.span, format!("`{word}`: {error}"));
    let found = match error {
        TemplateError::Unknown { nearest: Some(meant), .. } => {
            found.label(format!("did you mean `{{{meant}}}`?"))
        }
        TemplateError::Unknown { .. } => found.label("unknown"),
        _ => found.label("a literal brace is written twice: `{{`"),
    };
    reading.report(found.help("vordr help placeholders"));
    None
}

/// A `$host` is text. Whoever writes it comes from nginx, as a rule.
fn warn_of_variables(template: &Template, span: Span, word: &str, reading: &mut Reading<'_>) {
    // `$5` is a sum, too.
    let has_captures = matches!(word, "rewrite" | "redirect");
    let texts = template.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Placeholder(_) => None,
    });
    for (name, placeholder) in texts.flat_map(variables_in) {
        if matches!(placeholder, Placeholder::Capture(_)) && !has_captures {
            continue;
        }
        let message = format!("`${name}` stands for nothing here, and is passed on as it is");
        reading.report(
            Diagnostic::warning("nginx-variable", span, message)
                .label(format!("write `{{{placeholder}}}`"))
                .help("vordr help placeholders"),
        );
    }
}
