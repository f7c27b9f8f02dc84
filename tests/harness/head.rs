//! The head of a message as it went over the wire: nothing normalised, order kept.

/// A request's or a response's head.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// Every byte, the last empty line included.
    pub(crate) raw: String,
}

impl Head {
    /// The first line.
    pub(crate) fn start(&self) -> &str {
        self.raw.split("\r\n").next().unwrap_or_default()
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.start().split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.start().split(' ').nth(1).unwrap_or_default()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        let status = self.start().split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status line: {:?}", self.start()))
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every value of a header, in order.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.fields().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// How the message's body is framed; `bodiless` where its kind can have none.
    pub(crate) fn framing(&self, is_response: bool) -> Framing {
        let chunked = self.header("Transfer-Encoding").is_some_and(|coding| coding.contains("chunked"));
        let length = self.header("Content-Length").and_then(|length| length.parse().ok());
        match (is_response, chunked, length) {
            (true, ..) if self.status() < 200 || matches!(self.status(), 204 | 304) => Framing::Length(0),
            (_, true, _) => Framing::Chunked,
            (_, false, Some(length)) => Framing::Length(length),
            (true, false, None) => Framing::ToEnd,
            (false, false, None) => Framing::Length(0),
        }
    }

    /// Every header, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.raw.split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()))
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    ToEnd,
}
