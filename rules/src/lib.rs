//! The rule language of vordr: KDL text in; a routing [`table::Table`], or diagnostics, out.

pub mod placeholder;
pub mod table;
