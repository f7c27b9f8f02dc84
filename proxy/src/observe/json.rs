//! A log line in JSON, written field by field.
//!
//! Every request has one, so it is written straight into the log's buffer: through serde it cost
//! more than finding the route. What needs escaping is left to `serde_json`.

use std::time::Duration;

/// An object under way, at the end of a buffer.
#[derive(Debug)]
pub(super) struct Object<'b> {
    bytes: &'b mut Vec<u8>,
}

impl<'b> Object<'b> {
    pub(super) fn begin(bytes: &'b mut Vec<u8>) -> Self {
        bytes.push(b'{');
        Self { bytes }
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.bytes.extend_from_slice(b"}\n");
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        // Without a way out in between: this is done for many bytes at once.
        if value.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(value.as_bytes());
            self.bytes.push(b'"');
        } else {
            // Writing a text to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut *self.bytes, value);
        }
    }

    /// A text, where there is one.
    pub(super) fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A duration in seconds, to the microsecond.
    pub(super) fn seconds(&mut self, key: &str, value: Duration) {
        self.number(key, value.as_secs());
        let micros = value.subsec_micros();
        let digits = [100_000, 10_000, 1_000, 100, 10, 1].map(|unit| b'0' + (micros / unit % 10) as u8);
        self.bytes.push(b'.');
        self.bytes.extend_from_slice(&digits);
    }

    /// An object within this one.
    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.bytes.push(b'{');
        fill(self);
        self.bytes.push(b'}');
    }

    /// Every key is a plain word of ours.
    fn key(&mut self, key: &str) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }
}

/// Stands for itself in a JSON string (RFC 8259, section 7).
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_line_is_read_back_as_what_was_written_whatever_bytes_it_holds() {
        let odd = "quote \" back \\ newline \n nul \0 é \u{2028}";
        let mut bytes = Vec::new();
        let mut line = Object::begin(&mut bytes);
        line.text("a", odd);
        line.maybe("absent", None);
        line.number("n", u64::MAX);
        line.object("inner", |inner| {
            inner.seconds("s", Duration::from_micros(1_002_003));
            inner.text("t", "");
        });
        line.end();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read, json!({ "a": odd, "n": u64::MAX, "inner": { "s": 1.002003, "t": "" } }));
    }
}
