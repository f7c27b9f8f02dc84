//! What of an upstream's answer is put right, written out.

use super::text::{Page, quoted, switch, template};
use crate::table::{CookieFlags, LocationFix, Proxy, Replacement, Wanted};

pub(super) fn write(proxy: &Proxy, page: &mut Page) {
    match &proxy.location_fix {
        LocationFix::Auto => page.line("location-fix auto", None),
        LocationFix::Off => page.line("location-fix off", None),
        LocationFix::Own(rules) => replacements("location-fix", rules, page),
    }
    replacements("cookie-domain", &proxy.cookies.domains, page);
    replacements("cookie-path", &proxy.cookies.paths, page);
    proxy.cookies.flags.iter().for_each(|flags| page.line(&flags_line(flags), None));
}

fn replacements(word: &str, rules: &[Replacement], page: &mut Page) {
    for Replacement { from, to } in rules {
        page.line(&format!("{word} {} {}", wanted(from), template(to)), None);
    }
}

fn wanted(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Text(text) => template(text),
        Wanted::Regex(regex) => format!("regex={}", quoted(regex.as_str())),
    }
}

fn flags_line(flags: &CookieFlags) -> String {
    let flag =
        |name: &str, on: Option<bool>| on.map(|on| format!(" {name}={}", switch(on))).unwrap_or_default();
    let same_site = flags.same_site.map(|same_site| format!(" samesite={}", same_site.name()));
    let filled = flags.filled.as_ref().map(|filled| format!(" flags={}", template(filled)));
    format!(
        "cookie-flags {}{}{}{}{}",
        wanted(&flags.of),
        flag("secure", flags.secure),
        flag("httponly", flags.http_only),
        same_site.unwrap_or_default(),
        filled.unwrap_or_default()
    )
}
