//! Files whose names a request has a part in: it leads out of no folder.

use std::path::{Component, Path};
use vordr_rules::placeholder::{Part, Template};

/// Whether a request brought a `..` along that the rules do not have.
pub(crate) fn leads_out(path: &Path, template: &Template) -> bool {
    let upwards = |path: &Path| path.components().filter(|part| *part == Component::ParentDir).count();
    // What stands beside a placeholder is not all of a name.
    let last = template.parts.len().saturating_sub(1);
    let written = template.parts.iter().enumerate().map(|(number, part)| match part {
        Part::Text(text) => {
            let names: Vec<&str> = text.split('/').collect();
            let whole = usize::from(number > 0)..names.len() - usize::from(number < last);
            names.get(whole).unwrap_or_default().iter().filter(|name| **name == "..").count()
        }
        Part::Placeholder(_) => 0,
    });
    upwards(path) > written.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nobody_is_led_out_of_the_folder_but_by_the_rules() {
        for (template, filled, out) in [
            ("/etc/{arg.f}", "/etc/users", false),
            ("/etc/{arg.f}", "/etc/a..b", false),
            ("/etc/{arg.f}", "/etc/../srv/users", true),
            ("/etc/{arg.f}.users", "/etc/../srv/mine.users", true),
            ("/etc/{arg.f}", "/etc/..", true),
            ("/etc/../srv/{arg.f}", "/etc/../srv/users", false),
            ("/etc/../srv/{arg.f}", "/etc/../srv/../users", true),
            ("/etc/..{arg.d}/{arg.f}", "/etc/..a/../users", true),
            ("/etc/{arg.d}../{arg.f}", "/etc/a../../users", true),
            ("/etc/{arg.d}/../{arg.f}", "/etc/a/../users", false),
        ] {
            let template = Template::compile(template).unwrap();
            assert_eq!(leads_out(Path::new(filled), &template), out, "{filled}");
        }
    }
}
