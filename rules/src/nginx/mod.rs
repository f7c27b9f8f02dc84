//! nginx's syntax: the same [`language::File`](crate::language::File) as KDL makes, of the directives that vordr honours.
//!
//! What nginx does and KDL does not by default is said outright in the values that are made, so that a file does here
//! what it did there. What cannot be honoured is reported, with what to write instead; `VORDR_NGINX_COMPAT=warn` makes
//! warnings of those reports.

mod afterwards;
mod answer;
mod buffering;
mod changing;
mod charset;
mod check;
pub(crate) mod directive;
mod early;
mod error_log;
mod error_page;
mod files;
mod fix;
mod folder_redirect;
mod geo;
mod globals;
mod header;
mod keepalive;
mod lexer;
mod limits;
mod listen;
mod location;
mod log;
mod map;
mod media;
mod methods;
mod outline;
mod pass;
mod process;
mod proxy;
mod real_ip;
mod referers;
mod scope;
mod send_rate;
mod server;
mod settings;
mod static_packing;
mod steps;
mod store;
mod substitute;
mod tls;
mod tree;
mod tries;
mod twins;
mod upstream;
mod value;
mod variable;

pub(crate) use globals::of_command_line;
pub use globals::{COMMAND_LINE, Globals, globals};
pub(crate) use outline::{Comment, Outline};
pub use variable::NGINX;
pub(crate) use variable::variables_in;

use crate::diagnostic::{Diagnostic, Severity};
use crate::language::File;
use crate::node::Reading;
use crate::source::{Span, Spanned};
use crate::surroundings::Surroundings;
use crate::table::PathRegex;
use directive::Context;
pub use directive::Support;
use scope::Scope;
use std::collections::{HashMap, HashSet};
use tree::Directive;

/// Whether a file is read as nginx's syntax: where its name ends in `.conf`.
pub fn is_nginx(name: &str) -> bool {
    name.ends_with(".conf")
}

/// Whether what cannot be honoured is only warned of.
pub(crate) fn is_lenient(surroundings: &dyn Surroundings) -> bool {
    surroundings.variable("VORDR_NGINX_COMPAT").is_some_and(|compat| compat == "warn")
}

/// A directive, and what becomes of it.
#[derive(Debug, Clone)]
pub struct KnownDirective {
    /// Its name; `server` is there twice, as it is one thing in `http` and another in `upstream`.
    pub name: &'static str,
    /// Where it may stand, as nginx's documentation names the places.
    pub contexts: Vec<&'static str>,
    /// How many arguments it takes at least.
    pub least: usize,
    /// Whether it has a block.
    pub has_block: bool,
    /// What vordr makes of it.
    pub support: Support,
}

/// Every directive that is known, in the order of the alphabet.
pub fn known_directives() -> impl Iterator<Item = KnownDirective> {
    let mut all: Vec<KnownDirective> = directive::all().map(known).collect();
    all.sort_by_key(|known| known.name);
    all.into_iter()
}

fn known(definition: &directive::Definition) -> KnownDirective {
    let least = match definition.arguments {
        directive::Arguments::Flag => 1,
        directive::Arguments::Between(least, _) => least,
    };
    KnownDirective {
        name: definition.name,
        contexts: definition.contexts.names().collect(),
        least,
        has_block: definition.block != directive::Block::None,
        support: definition.support,
    }
}

/// Reads a text and whatever it includes, after what `nginx -g` said; and what both say of the process.
pub(crate) fn read(name: &str, text: &str, lenient: bool, reading: &mut Reading<'_>) -> Read {
    let mut outside = globals::command_line(reading);
    let mut directives = tree::read(name, text, reading);
    let main = main_context(&directives);
    if main == Context::MAIN {
        // One block, so that what stands in both is told as nginx tells it.
        outside.append(&mut directives);
    }
    let mut nginx = Nginx::new(reading, lenient);
    check::check(&mut outside, Context::MAIN, &mut nginx);
    check::check(&mut directives, main, &mut nginx);
    let file = nginx.read(&outside, &directives);
    Read { file, globals: Globals::of(&outside), seen: nginx.seen }
}

/// What a file of nginx's says.
pub(crate) struct Read {
    pub file: File,
    pub globals: Globals,
    /// Every directive that stands where it may.
    pub seen: Vec<Seen>,
}

/// A directive in a file.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub name: &'static str,
    /// Its arguments, as one text.
    pub arguments: String,
    pub span: Span,
    pub support: Support,
}

/// A file of servers alone, as `conf.d/*.conf` are, is read as if it stood in `http`.
fn main_context(directives: &[Directive]) -> Context {
    let stands = |directive: &Directive, context: Context| {
        directive::named(&directive.name.value).any(|definition| definition.contexts.is_in(context))
    };
    let only_in_http =
        |directive: &Directive| !stands(directive, Context::MAIN) && stands(directive, Context::HTTP);
    let is_whole =
        directives.iter().any(|directive| matches!(directive.name.value.as_str(), "http" | "events"));
    match !is_whole && directives.iter().any(only_in_http) {
        true => Context::HTTP,
        false => Context::MAIN,
    }
}

/// A reading of nginx's syntax.
struct Nginx<'r, 'w> {
    reading: &'r mut Reading<'w>,
    /// `VORDR_NGINX_COMPAT=warn`.
    lenient: bool,
    /// Each `map`, `geo` and `split_clients`, by the variable that it makes, without its `$`.
    maps: HashMap<String, map::Making>,
    /// Those of them whose variable is asked for.
    wanted_maps: Vec<String>,
    /// What is `set` in any server, as it is known outside of them.
    set_by_requests: variable::Variables,
    /// What `auth_request_set` makes of the answer that let a request in, in any location.
    set_by_auth: HashMap<String, Vec<Spanned<String>>>,
    /// Each `upstream`, by its name in nginx.
    upstreams: HashMap<String, upstream::Written>,
    /// Every directive that stands where it may.
    seen: Vec<Seen>,
    /// The variables of the present server that a request gives their value, without their `$`.
    changing: HashSet<String>,
    /// Whether `if` and `rewrite` of the present server capture, too.
    has_captures: bool,
    /// Whether `$document_root`, `$realpath_root` or `$request_filename` stands anywhere.
    asks_for_files: bool,
    /// Whether `proxy_pass_header` lets some of `X-Accel-*` through anywhere: then each location says what is not.
    passes_steering: bool,
    /// Each regex of a location or an `if`, compiled once however often it stands.
    regexes: HashMap<String, PathRegex>,
    /// How many locations of the present server had to be given a name.
    made: usize,
    /// How each address is spoken with.
    spoken: listen::Spoken,
    /// Each `limit_req_zone` and `limit_conn_zone`, by its name.
    zones: HashMap<String, limits::Zone>,
    /// Each `log_format`.
    formats: Vec<log::Format>,
}

impl<'r, 'w> Nginx<'r, 'w> {
    fn new(reading: &'r mut Reading<'w>, lenient: bool) -> Self {
        Self {
            reading,
            lenient,
            maps: HashMap::new(),
            wanted_maps: Vec::new(),
            set_by_requests: variable::Variables::default(),
            set_by_auth: HashMap::new(),
            upstreams: HashMap::new(),
            changing: HashSet::new(),
            has_captures: false,
            asks_for_files: false,
            passes_steering: false,
            regexes: HashMap::new(),
            made: 0,
            seen: Vec::new(),
            spoken: listen::Spoken::default(),
            zones: HashMap::new(),
            formats: Vec::new(),
        }
    }

    /// `servers` are those of a file that has them outside of any `http`.
    fn read(&mut self, outside: &[Directive], servers: &[Directive]) -> File {
        let mut file = File::default();
        let http = outside.iter().filter(|directive| directive.name.value == "http").map(Directive::inside);
        for directives in http.chain(Some(servers).filter(|servers| !servers.is_empty())) {
            self.read_http(outside, directives, &mut file);
        }
        file
    }

    fn read_http(&mut self, main: &[Directive], http: &[Directive], file: &mut File) {
        let named = |name: &'static str| http.iter().filter(move |directive| directive.name.value == name);
        for map in named("map").chain(named("geo")).chain(named("split_clients")) {
            self.read_map(map);
        }
        self.set_by_requests = variable::set_in(http);
        for name in named("server").flat_map(changing::named_groups) {
            self.set_by_requests.set_by_request(&name);
        }
        self.note_auth_sets(http);
        for zone in named("limit_req_zone").chain(named("limit_conn_zone")) {
            self.read_zone(zone);
        }
        for upstream in named("upstream") {
            self.read_upstream(upstream);
        }
        for format in named("log_format") {
            self.note_format(format);
        }
        let scope = Scope::of(http);
        self.asks_for_files = scope.has_below(&|directive| {
            let mut words = directive.arguments.iter().map(|word| word.value.as_str());
            let names = ["document_root", "realpath_root", "request_filename"];
            words.any(|word| names.iter().any(|name| word.contains(name)))
        });
        self.passes_steering = scope.has_below(&settings::passes_steering);
        let servers: Vec<&Directive> = named("server").collect();
        self.spoken = listen::Spoken::by(&servers);
        file.process = self.read_process(main, http, &servers);
        for server in &servers {
            let server = self.read_server(server, &scope, http);
            file.servers.push(server);
        }
        self.share_certificates(&mut file.servers);
        self.name_servers(&mut file.servers);
        if let Some(process) = &mut file.process {
            process.value.log_formats = self.finish_formats();
        }
        file.upstreams = self.finish_upstreams();
        file.maps = self.finish_maps();
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.reading.report(diagnostic);
    }

    /// Something that nginx would take and vordr cannot honour; it is left out where that is asked for.
    fn refuse(&mut self, span: Span, message: impl Into<String>, remedy: &str) {
        let mut found = Diagnostic::error("not-honoured", span, message).label(remedy);
        if self.lenient {
            found.severity = Severity::Warning;
        } else {
            found = found.help("VORDR_NGINX_COMPAT=warn starts all the same, without it");
        }
        self.report(found);
    }

    /// Something that nginx itself refuses, in its words.
    fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error("nginx-syntax", span, message));
    }

    /// Something that is honoured, and does most likely not do what it was written for.
    fn trap(&mut self, span: Span, message: impl Into<String>, remedy: &str) {
        self.report(Diagnostic::warning("nginx-trap", span, message).label(remedy));
    }
}

/// A value that is made up where a directive stands.
fn at<T>(directive: &Directive, value: T) -> Spanned<T> {
    Spanned::new(value, directive.name.span)
}
