//! Text with placeholders, compiled once into parts.

use super::Placeholder;
use http::HeaderName;
use std::fmt;

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    /// In order; neighbouring literals are joined.
    pub parts: Vec<Part>,
}

/// One piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// Filled in for each request.
    Placeholder(Placeholder),
}

/// Why a text with placeholders cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such placeholder.
    #[error("there is no placeholder `{{{name}}}`")]
    Unknown {
        /// What stands between the braces.
        name: String,
        /// What it was most likely meant to be.
        nearest: Option<&'static str>,
    },
    /// A `{` without its `}`.
    #[error("`{{` is not closed")]
    Unclosed,
    /// A `}` without its `{`.
    #[error("`}}` closes nothing")]
    Unopened,
}

impl Template {
    /// Compiles a text; `{{` and `}}` stand for braces.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(brace);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(from.get(..1).unwrap_or_default());
                rest = after;
                continue;
            }
            let after = from.strip_prefix('{').ok_or(TemplateError::Unopened)?;
            let (name, behind) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Placeholder(Placeholder::named(name)?));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The whole text, where nothing is to be filled in.
    pub fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The headers of the upstream's answer that are asked for.
    pub fn upstream_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(Placeholder::UpstreamHeader(name)) => Some(name),
            Part::Placeholder(Placeholder::UpstreamCookie(_)) => Some(&http::header::SET_COOKIE),
            _ => None,
        })
    }

    /// Whether the request's body is asked for.
    pub fn asks_for_body(&self) -> bool {
        self.parts.contains(&Part::Placeholder(Placeholder::RequestBody))
    }

    /// Whether it is asked how large heads are that go to an upstream, or come from one.
    pub fn weighs_heads(&self) -> bool {
        let is_weight = |part: &Part| {
            matches!(part, Part::Placeholder(Placeholder::UpstreamReceived | Placeholder::UpstreamSent))
        };
        self.parts.iter().any(is_weight)
    }

    /// Whether it is asked how many connections there are.
    pub fn counts_connections(&self) -> bool {
        let is_count = |part: &Part| {
            matches!(
                part,
                Part::Placeholder(
                    Placeholder::ConnectionsActive
                        | Placeholder::ConnectionsReading
                        | Placeholder::ConnectionsWriting
                        | Placeholder::ConnectionsWaiting
                )
            )
        };
        self.parts.iter().any(is_count)
    }

    /// The variables asked for.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(Placeholder::Variable(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The same with captures in the place of the variables that are a regex's groups.
    pub(crate) fn with_groups(mut self, group: impl Fn(&str) -> Option<usize>) -> Self {
        for part in &mut self.parts {
            if let Part::Placeholder(Placeholder::Variable(name)) = part
                && let Some(number) = group(name)
            {
                *part = Part::Placeholder(Placeholder::Capture(number));
            }
        }
        self
    }

    /// The highest capture asked for; 0 where there is none.
    pub fn highest_capture(&self) -> usize {
        let captures = self.parts.iter().map(|part| match part {
            Part::Placeholder(Placeholder::Capture(number)) => *number,
            _ => 0,
        });
        captures.max().unwrap_or(0)
    }
}

/// As an author would write it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Placeholder(placeholder) => write!(f, "{{{placeholder}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_and_placeholders_become_parts_and_are_written_back_as_they_were() {
        let written = "https://{host}{uri}?id={request_id}&h={header.x-tenant}&{1}{var.a_B1}";
        let template = Template::compile(written).unwrap();
        assert_eq!(template.parts.len(), 10);
        assert_eq!(template.to_string(), written);
        assert_eq!(template.highest_capture(), 1);
    }

    #[test]
    fn doubled_braces_are_literal() {
        let template = Template::compile("{{a}} {host}").unwrap();
        assert_eq!(template.parts.first(), Some(&Part::Text("{a} ".into())));
        assert_eq!(template.to_string(), "{{a}} {host}");
        assert_eq!(Template::compile("{{}}").unwrap().as_text(), Some("{}"));
    }

    #[test]
    fn an_unknown_placeholder_names_its_nearest() {
        assert_eq!(
            Template::compile("{clientip}"),
            Err(TemplateError::Unknown { name: "clientip".into(), nearest: Some("client_ip") })
        );
        assert!(Template::compile("{0}").is_err());
        assert!(Template::compile("{header.a b}").is_err());
        assert!(Template::compile("{var.a-b}").is_err());
        assert_eq!(Template::compile("{host"), Err(TemplateError::Unclosed));
        assert_eq!(Template::compile("a}"), Err(TemplateError::Unopened));
    }
}
