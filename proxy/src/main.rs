//! The vordr binary.
fn main() {}
