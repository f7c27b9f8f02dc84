//! Files of rules, as text.

use crate::nginx::is_nginx;
use crate::surroundings::Surroundings;
use std::io;

/// What stands for bytes that are no text.
pub(crate) const NO_TEXT: char = char::REPLACEMENT_CHARACTER;

/// Reads a file of rules. In nginx's syntax bytes that are no UTF-8 may be in comments, and are told of where they are not.
///
/// # Errors
///
/// What the system says, or which line is not UTF-8.
pub fn read_text(path: &str, surroundings: &dyn Surroundings) -> io::Result<String> {
    let bytes = surroundings.read(path)?;
    if is_nginx(path) {
        return Ok(lenient(bytes));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })
}

/// A text with [`NO_TEXT`] in the place of what is none.
pub(crate) fn lenient(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{InMemory, load};

    fn world(path: &str, text: &[u8]) -> InMemory {
        InMemory::default().with_file(path, text)
    }

    #[test]
    fn the_line_that_is_no_text_is_told() {
        let read = |text| read_text("a.kdl", &world("a.kdl", text));
        assert_eq!(read("// für\n".as_bytes()).unwrap(), "// für\n");
        assert_eq!(read(b"a\n// f\xfcr\n").unwrap_err().to_string(), "line 2 is not UTF-8");
    }

    #[test]
    fn a_comment_of_nginxs_may_be_no_text_and_a_word_may_not() {
        let message = |path: &str, world: &InMemory| {
            let text = read_text(path, world).unwrap();
            let found = load(path, &text, world).err()?;
            Some(found.iter().next().unwrap().message.clone())
        };
        let served = |body: &[u8]| {
            let parts = [b"http { server { listen 80; return 200 '", body, b"'; } } # f\xfcr\n"];
            let world = world("a.conf", &parts.concat()).with_file("b.conf", "include a.conf;");
            ["a.conf", "b.conf"].map(|path| message(path, &world))
        };
        assert_eq!(served("für".as_bytes()), [None, None]);
        let told = Some("this word is not UTF-8".to_owned());
        assert_eq!(served(b"f\xfcr"), [told.clone(), told]);
    }
}
