//! What the documentation says is true: its rules load, its links lead somewhere, each word has its page.
//!
//! A block is opened by three backticks and `kdl`, then perhaps words: `fails=CODE` for one that must fail so,
//! `in=WORD` for one that stands within a `server`, `location`, `upstream`, `proxy`, `tls` or `vordr`, or among
//! `settings`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod links;
mod loading;
mod pages;
mod text;
