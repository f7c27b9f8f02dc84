//! An edge proxy that is embedded in a program or run on its own.

pub mod exchange;
