//! `store`: where the file of an upstream's answer is.

use super::context::Exchange;
use super::fill::Into;
use super::leads_out::leads_out;
use http::request::Parts;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use vordr_rules::placeholder::Template;

impl Exchange {
    /// The path that `template` is filled in to; `None` where a request leads it out of its folders.
    pub(crate) fn place_of_copy(&self, template: &Template, request: &Parts) -> Option<PathBuf> {
        let path = self.fill(template, request, Into::Raw);
        let is_folder = path.ends_with(b"/") || path.contains(&0);
        let path = PathBuf::from(OsString::from_vec(path));
        (!is_folder && !leads_out(&path, template)).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene};
    use super::*;

    fn place(template: &str, target: &str) -> Option<String> {
        let rules = "server a.test { listen 8080; location \"/\" { proxy \"http://a\"; }; }";
        let mut scene = Scene::under(rules, STRANGER, &format!("GET {target}"));
        scene.admit();
        let template = Template::compile(template).unwrap();
        Some(scene.exchange.place_of_copy(&template, &scene.request)?.display().to_string())
    }

    #[test]
    fn a_copy_is_where_the_rules_say_and_never_outside() {
        for (template, target, at) in [
            ("/srv{path}", "/a%20b/c?d", Some("/srv/a b/c")),
            ("/srv{path}", "/a/../../b", None),
            ("/srv{path}", "/a/../b", Some("/srv/b")),
            ("/srv{path}", "/a%2f..%2f..%2fb", None),
            ("/srv/{arg.f}", "/?f=x/y", Some("/srv/x/y")),
            ("/srv/{arg.f}", "/?f=../x", None),
            ("/srv/{arg.f}", "/?f=x/../../y", None),
            ("/srv/{arg.f}", "/?f=x..y", Some("/srv/x..y")),
            ("/srv/{arg.f}", "/?f=%2e%2e/x", Some("/srv/%2e%2e/x")),
            ("/srv{uri}", "/a?/../../x", None),
            ("/srv{path}", "/a/", None),
            ("/srv/../own{path}", "/a", Some("/srv/../own/a")),
        ] {
            assert_eq!(place(template, target).as_deref(), at, "{template} {target}");
        }
    }
}
