//! Variables: what `map` makes of a request, and what a request has of its own.

use super::admit::X_FORWARDED_FOR;
use super::context::Exchange;
use super::fill::{IN_ANY_URL, Into, Known};
use super::public::{believed_client, is_trusted};
use http::request::Parts;
use percent_encoding::percent_encode;
use std::net::IpAddr;
use vordr_rules::placeholder::Template;
use vordr_rules::table::{Captures, Map, PathRegex, Through};

impl Exchange {
    /// What a `map` makes of the request.
    fn look_up<'m>(&self, map: &'m Map, known: Known<'_>) -> (&'m Template, Captures) {
        if let Some(value) = map.of_unix().filter(|_| self.is_by_socket()) {
            return (value, Captures::default());
        }
        let text = self.fill_known(&map.from, known, Into::Raw);
        match client_behind(&map.through, &text, known.request) {
            Some(client) => map.find(client.to_string().as_bytes()),
            None => map.find(&text),
        }
    }

    /// Gives a variable of its own a value.
    pub fn set_variable(&mut self, name: &str, value: Vec<u8>) {
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// What the groups with a name of a regex captured: they are variables, too.
    pub(super) fn name_captures(&mut self, regex: &PathRegex, captures: &Captures) {
        for (number, name) in regex.names() {
            self.set_variable(name, captures.group(*number).unwrap_or_default().to_vec());
        }
    }

    /// Fills a variable in: its own, else what a `map` makes; one that nothing has made yet is nothing.
    pub(super) fn fill_variable(&self, name: &str, known: Known<'_>, into: Into, out: &mut Vec<u8>) {
        if let Some((_, value)) = self.variables.iter().find(|(own, _)| own == name) {
            match into {
                Into::Header | Into::Raw | Into::Query => out.extend_from_slice(value),
                Into::Url | Into::Target => {
                    out.extend(percent_encode(value, IN_ANY_URL).flat_map(str::bytes));
                }
            }
        } else if let Some(map) = self.table.maps.get(name) {
            let (value, captures) = self.look_up(map, known);
            out.extend(self.fill_known(value, Known { captures: &captures, ..known }, into));
        }
    }
}

/// Whose address stands in `X-Forwarded-For`, where a text is the address of who is believed.
fn client_behind(through: &Through, text: &[u8], request: &Parts) -> Option<IpAddr> {
    if through.proxies.is_empty() {
        return None;
    }
    let address = std::str::from_utf8(text).ok()?.parse().ok()?;
    let is_meant = is_trusted(&through.proxies, address);
    let behind = || believed_client(&request.headers, &X_FORWARDED_FOR, &through.proxies, through.recursive);
    is_meant.then(behind)?.map(|(client, _)| client)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene, values};

    /// What `X-V` is for a request under a map that makes `v`.
    fn made(map: &str, value: &str, request: &str) -> String {
        let rules = format!(
            "{map}\nserver a.test {{ listen 8080; location \"/\" {{ request {{ set X-V \"{value}\"; }}; proxy \"http://app\"; }}; }}"
        );
        let headers = Scene::under(&rules, STRANGER, request).forwarded();
        values(&headers, "x-v").concat()
    }

    #[test]
    fn a_map_makes_a_variable_of_a_text() {
        let map = r##"map v from="{arg.a}{header.x-b}" {
            case "one" "1"
            case regex=#"^(?<first>.)(.*)$"# "{2}{var.first}{host}"
            default "none"
        }"##;
        assert_eq!(made(map, "<{var.v}>", "GET /?a=ONE"), "<1>");
        assert_eq!(made(map, "<{var.v}>", "GET /?a=x\nX-B: yz"), "<yzxa.test>");
        assert_eq!(made(map, "<{var.v}>", "GET /"), "<none>");
    }

    #[test]
    fn a_map_may_ask_for_another_whose_captures_are_its_own() {
        let maps = r##"map inner from="{path}" { case regex="^/(.)" "i{1}"; }
            map v from="{var.inner}" { case regex="^i(.)" "o{1}{var.inner}"; }"##;
        assert_eq!(made(maps, "{var.v}", "GET /x"), "oxix");
    }

    #[test]
    fn the_regex_of_a_host_captures_until_that_of_a_location_does() {
        let rules = r##"server "a.example" #"~^(?<tenant>[a-z]+)\.(test|example)$"# { listen 8080
            location "/" { respond 200 template="{var.tenant} {2}"; }
            location regex="^/(x)" { respond 200 template="{var.tenant} {1}"; }
        }"##;
        let body = |host: &str, path: &str| {
            let request = format!("GET {path}\nHost: {host}");
            String::from_utf8(Scene::under(rules, STRANGER, &request).answer().body.to_vec()).unwrap()
        };
        assert_eq!(body("SHOP.test:80", "/"), "shop test");
        assert_eq!(body("shop.test", "/x"), "shop x");
        assert_eq!(body("a.example", "/"), " ");
    }

    #[test]
    fn networks_are_about_addresses_and_shares_about_any_text() {
        let map = r#"map v from="{client_ip}" { case network="192.0.2.0/24" near; default far; }"#;
        assert_eq!(made(map, "{var.v}", "GET /"), "near");
        let map = r#"map v from="{arg.id}" { case share="100%" all; default none; }"#;
        assert_eq!(made(map, "{var.v}", "GET /?id=1"), "all");
    }

    #[test]
    fn who_is_behind_proxies_of_a_map_is_looked_at_in_their_place() {
        let map = |recursive: &str| {
            format!(
                "map v from=\"{{client_ip}}\" proxies=\"192.0.2.0/24 10.0.0.1\" {recursive} {{ case network=\"192.0.2.0/24\" proxy; case network=\"198.51.100.0/24\" client; default other; }}"
            )
        };
        for (recursive, forwarded, value) in [
            ("", "198.51.100.1, 10.0.0.1", "client"),
            ("recursive=off", "198.51.100.1, 10.0.0.1", "other"),
            ("", "198.51.100.1, x", "proxy"),
            ("", "203.0.113.1, 198.51.100.1", "client"),
        ] {
            let request = format!("GET /\nX-Forwarded-For: {forwarded}");
            assert_eq!(made(&map(recursive), "{var.v}", &request), value, "{recursive} {forwarded}");
        }
        assert_eq!(made(&map(""), "{var.v}", "GET /"), "proxy");
    }

    #[test]
    fn a_variable_of_the_requests_own_comes_before_a_map() {
        let rules = "map v from=\"{host}\" { default mapped; }\nserver a.test { listen 8080; location \"/\" { \
                     redirect \"/{var.v}\"; }; }";
        let mut scene = Scene::under(rules, STRANGER, "GET /");
        assert_eq!(values(&scene.answer().headers, "location"), ["/mapped"]);
        scene.exchange.set_variable("v", b"x".to_vec());
        scene.exchange.set_variable("v", "a b?c=%20&d=\u{e9}".into());
        assert_eq!(values(&scene.answer().headers, "location"), ["/a%20b?c=%20&d=%C3%A9"]);
    }

    #[test]
    fn what_a_client_sent_is_escaped_in_a_url_and_what_the_rules_say_is_not() {
        let rules = "map v from=\"{path}\" { default \"https://b.test/?q={header.x-q}\"; }\nserver a.test { listen 8080; \
                     location \"/\" { redirect \"{var.v}\"; }; }";
        let mut scene = Scene::under(rules, STRANGER, "GET /\nX-Q: a&b c");
        assert_eq!(values(&scene.answer().headers, "location"), ["https://b.test/?q=a&b%20c"]);
    }
}
