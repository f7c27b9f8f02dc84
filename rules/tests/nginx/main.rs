//! nginx's syntax: what is made of it, and what is said of what cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod any_text;
mod broken;
mod read;
mod same;
mod support;

use vordr_rules::{InMemory, Loaded, load, render};

/// Files that the others speak of.
fn world() -> InMemory {
    InMemory::default()
        .with_file("conf.d/a.conf", "server { listen 8081; server_name a.example; return 204; }\n")
        .with_file("conf.d/b.conf", "server { listen 8081; server_name b.example; return 204; }\n")
        .with_file(
            "snippets/headers.conf",
            "proxy_set_header Host $host;\nproxy_set_header X-Real-IP $remote_addr;\n",
        )
        .with_file("snippets/loop.conf", "include snippets/loop.conf;\n")
        .with_file("snippets/broken.conf", "server {\n    listn 80;\n}\n")
}

/// Loads a text that is to load.
fn loaded(name: &str, text: &str) -> Loaded {
    load(name, text, &world())
        .unwrap_or_else(|found| panic!("{text}\n{}", render::human(&found, render::Drawing::Plain)))
}
