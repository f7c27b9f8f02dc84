//! The command line: what is printed, and with which exit code.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Rules in a file of their own, gone when dropped.
struct Rules(std::path::PathBuf);

impl Rules {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vordr-command-line-{name}-{}.kdl", std::process::id()));
        std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn vordr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vordr"));
    command.args(arguments).env_remove("VORDR_CONFIG").stdin(Stdio::null());
    command
}

fn ran(arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = vordr(arguments).output().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

const GOOD: &str = r#"
server "a.example" {
    listen 8080
    location "/a b" { respond 200 one; }
    location "/" { respond 200 two; }
    location regex="^/c" { respond 200 three; }
    location "/c/d" final=on { respond 200 four; }
}
"#;

#[test]
fn a_reader_that_has_gone_away_is_a_quiet_success() {
    let rules = Rules::new("pipe", GOOD);
    let path = rules.path();
    for arguments in [
        &["schema"][..],
        &["help"],
        &["help", "location"],
        &["completions", "bash"],
        &["show", path],
        &["check", path],
        &["check", "--format", "json", path],
        &["explain", "-c", path, "GET", "http://a.example:8080/"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = vordr(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert!(output.status.success(), "{arguments:?}: {}", output.status);
    }
}

#[test]
fn faults_keep_their_exit_code_where_nobody_reads_them() {
    let rules = Rules::new("faults", "server {");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for command in ["check", "show", "fmt", "run"] {
        let status = vordr(&[command, rules.path()]).stderr(writer.try_clone().unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{command}");
    }
}

#[test]
fn one_server_on_one_address_is_counted_as_such() {
    let rules = Rules::new("one", GOOD);
    let (good, said) = ran(&["check", rules.path()]);
    assert!(good && said.ends_with("the rules are good (1 server, 1 address)\n"), "{said}");
}

#[test]
fn a_warning_is_no_place_to_mend() {
    let text = GOOD.replace("listen 8080", "listn 8080").replace("^/c", "^/").replace("/c/d", "/e");
    let text = text.replace(" final=on", "");
    let rules = Rules::new("warned", &text);
    let (good, said) = ran(&["check", rules.path()]);
    assert!(!good && said.contains("warning[dead-route]") && said.contains("error[unknown-node]"), "{said}");
    assert!(said.ends_with(&format!("vordr: 1 place to mend in {}\n", rules.path())), "{said}");
}

fn explained(url: &str) -> (bool, String) {
    let rules = Rules::new(&format!("explain-{}", url.len()), GOOD);
    ran(&["explain", "-c", rules.path(), "GET", url])
}

#[test]
fn explain_compares_the_decoded_path_as_the_search_does() {
    let (good, said) = explained("http://a.example:8080/a%20b");
    assert!(good && said.contains("location  /a b  "), "{said}");
    assert!(said.contains("/  ("), "{said}");
    assert!(!said.contains(":5)  its path does not fit"), "{said}");
    assert!(said.contains(":5)  a longer prefix wins over it"), "{said}");
}

#[test]
fn explain_says_what_won() {
    let (_, said) = explained("http://a.example:8080/c/d/e");
    assert!(said.contains("~ ^/c  (") && said.contains("the longest prefix has `final=on`"), "{said}");
    let (_, said) = explained("http://a.example:8080/c/x");
    assert!(said.contains("location  ~ ^/c  (") && said.contains(":5)  a regex wins over it"), "{said}");
}

#[test]
fn explain_looks_at_no_location_for_a_path_that_is_none() {
    let (good, said) = explained("http://a.example:8080/../../x");
    assert!(good && said.contains("answer    400") && !said.contains("not chosen"), "{said}");
}

#[test]
fn explain_says_that_nothing_listens_on_a_port() {
    let (good, said) = explained("http://a.example/");
    assert!(!good && said == "vordr: nothing listens on port 80; the rules listen on :8080\n", "{said}");
    let (good, said) = explained("https://a.example:8080/xx");
    assert!(!good && said.contains(":8080 speaks http: write `http://…`"), "{said}");
}

#[test]
fn fmt_replaces_a_file_as_a_whole_and_keeps_the_link_to_it() {
    let rules = Rules::new("fmt", "server   \"a.example\" { listen 8080 }\n");
    let link = format!("{}.link", rules.path());
    std::os::unix::fs::symlink(rules.path(), &link).unwrap();
    let (good, said) = ran(&["fmt", &link]);
    let linked = std::fs::symlink_metadata(&link).unwrap().is_symlink();
    std::fs::remove_file(&link).unwrap();
    assert!(good && linked, "{said}");
    assert_eq!(std::fs::read_to_string(rules.path()).unwrap(), "server \"a.example\" { listen 8080; }\n");
}

#[test]
fn fmt_leaves_a_file_in_nginxs_syntax_as_it_is() {
    let text = "server { listen 8080; return 204; }\n";
    let path = std::env::temp_dir().join(format!("vordr-fmt-{}.conf", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let (good, said) = ran(&["fmt", path.to_str().unwrap()]);
    let left = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(!good && said.contains("is in nginx's syntax") && said.contains("vordr import"), "{said}");
    assert_eq!(left, text);
}
