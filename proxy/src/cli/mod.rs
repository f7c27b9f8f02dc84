//! The command line.

mod addresses;
mod admin;
mod explain;
mod fmt;
mod health;
mod help;
mod import;
mod markdown;
mod nginx;
mod reload;
mod replace;
mod revoke;
mod rules;
mod say;
mod top;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use say::{complain, say};
use std::process::ExitCode;
use vordr::{StartError, Vordr};

/// An edge proxy that says why.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the rules are, where nothing is said.
const DEFAULT_RULES: &str = "/etc/vordr/vordr.kdl";
/// Where nginx's are, which are taken where there are none of vordr's own.
const NGINX_RULES: &str = "/etc/nginx/nginx.conf";

fn default_rules() -> &'static str {
    let there = |path: &str| std::path::Path::new(path).exists();
    if !there(DEFAULT_RULES) && there(NGINX_RULES) { NGINX_RULES } else { DEFAULT_RULES }
}

/// The file of rules that a command is about.
#[derive(Debug, clap::Args)]
struct RulesFile {
    /// The rules.
    #[arg(value_name = "FILE", env = "VORDR_CONFIG", default_value = default_rules())]
    path: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; SIGHUP loads the rules again, SIGUSR1 opens the logs anew, SIGTERM and SIGINT stop within `drain`.
    Run {
        #[command(flatten)]
        rules: RulesFile,
        /// Load the rules again whenever one of their files changes.
        #[arg(long)]
        watch: bool,
        /// Listen beside a vordr that runs already, which may then be stopped; both need this.
        #[arg(long)]
        reuse_port: bool,
    },
    /// Load the rules, and report all that is to be mended.
    Check {
        #[command(flatten)]
        rules: RulesFile,
        /// For people or for programs.
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
    /// Tell which location takes a request, and why the others do not.
    Explain(explain::Explain),
    /// Print the effective rules: environment filled in, templates merged, defaults written out.
    Show(RulesFile),
    /// Lay rules out canonically, comments kept.
    Fmt(fmt::Fmt),
    /// Print a file of nginx's as KDL, and on stderr what becomes of it otherwise.
    Import(import::Import),
    /// Ask a running vordr to load its rules again; exit 1 where the old ones stay.
    Reload(RulesFile),
    /// Watch a running vordr in the terminal: requests, routes, upstreams, certificates.
    Top(RulesFile),
    /// Ask a running vordr how it is; exit 0 if it is well.
    Health(RulesFile),
    /// Have the issuer revoke a certificate from ACME; a vordr that runs orders a new one.
    Revoke(revoke::Revoke),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print every word of the rule language, for editors.
    Schema,
    /// Explain a word of the rule language.
    Help {
        /// The word: `location`, `location.websocket`, `proxy`.
        word: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Reads the arguments and does what they say.
pub(crate) fn main() -> ExitCode {
    let mut words = std::env::args_os().peekable();
    if words.peek().is_some_and(nginx::is_called) {
        return nginx::main(words);
    }
    match Arguments::parse().command {
        Command::Run { rules, watch, reuse_port } => run(&rules.path, watch, reuse_port),
        Command::Reload(rules) => reload::run(&rules.path),
        Command::Check { rules, format } => rules::check(&rules.path, matches!(format, Format::Json)),
        Command::Explain(explain) => explain.run(),
        Command::Show(rules) => rules::show(&rules.path),
        Command::Fmt(fmt) => fmt.run(),
        Command::Import(import) => import.run(),
        Command::Top(rules) => top::run(&rules.path),
        Command::Health(rules) => health::run(&rules.path),
        Command::Revoke(revoke) => revoke.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "vordr", &mut script);
            say(&String::from_utf8_lossy(&script))
        }
        Command::Schema => say(&format!("{:#}\n", vordr::rules::schema::schema())),
        Command::Help { word: None } => {
            // Printing to a closed pipe is nobody's fault.
            let _ = Arguments::command().print_help();
            say(&format!("\nWords of the rules: vordr help WORD\n{}\n", help::words()))
        }
        Command::Help { word: Some(word) } => help::word(&word),
    }
}

fn run(path: &str, watch: bool, reuse_port: bool) -> ExitCode {
    let served = Vordr::from_file(path).and_then(|vordr| {
        rules::print(vordr.warnings());
        let vordr = if watch { vordr.watching() } else { vordr };
        vordr::run(if reuse_port { vordr.sharing_ports() } else { vordr })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says why vordr does not start: the diagnostics, or one line.
fn fail(error: &StartError) -> ExitCode {
    if let StartError::Rules(diagnostics) = error {
        rules::print(diagnostics);
    }
    complain(&format!("vordr: {error}"));
    ExitCode::FAILURE
}
