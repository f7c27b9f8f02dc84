//! A program with vordr inside: `cargo run --example embed`, then `curl localhost:8080`.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use vordr::{StartError, Vordr};

const RULES: &str = r#"
    server "*" {
        listen 8080
        location "/" { respond 200 "hello from within\n"; }
    }
"#;

fn main() -> Result<(), StartError> {
    let handle = Vordr::from_text("rules", RULES)?.start()?;
    println!("listening on {:?}; press Enter to stop", handle.addresses());
    let _ = std::io::stdin().read_line(&mut String::new());
    handle.stop();
    handle.wait();
    Ok(())
}
