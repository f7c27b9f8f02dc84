//! What a container in nginx's place starts with: scripts in their order, templates filled in by nginx's rules.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder in the place of a container's root.
struct Container {
    root: TempDir,
    variables: Vec<(String, String)>,
}

impl Container {
    /// Without scripts.
    fn empty() -> Self {
        let container = Self { root: tempfile::tempdir().unwrap(), variables: Vec::new() };
        container.write("/etc/nginx/nginx.conf", "worker_processes 1;\nevents {}\n");
        container.make("/docker-entrypoint.d");
        container.make("/etc/nginx/conf.d");
        container.bring("docker-entrypoint.sh", "/docker-entrypoint.sh");
        container
    }

    /// With the scripts of the image.
    fn new() -> Self {
        let container = Self::empty();
        for script in fs::read_dir(source("docker-entrypoint.d")).unwrap() {
            let name = script.unwrap().file_name();
            let path = format!("docker-entrypoint.d/{}", name.to_str().unwrap());
            container.bring(&path, &format!("/{path}"));
        }
        container
    }

    /// With one more variable in the environment.
    fn with(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("ROOT", self.root.path().to_str().unwrap());
        self.variables.push((name.to_owned(), value));
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn make(&self, folder: &str) {
        fs::create_dir_all(self.at(folder)).unwrap();
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A script that is executable.
    fn script(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A script of the image, with this container's folders in the place of the root's.
    fn bring(&self, from: &str, to: &str) {
        let mut text = fs::read_to_string(source(from)).unwrap();
        for folder in ["/etc/nginx", "/docker-entrypoint.d", "/etc/resolv.conf"] {
            text = text.replace(folder, self.at(folder).to_str().unwrap());
        }
        self.script(to, &text);
    }

    fn run(&self, command: &[&str]) -> Output {
        let mut dash = Command::new("dash");
        dash.env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.at("/bin").display()));
        dash.envs(self.variables.iter().cloned());
        dash.arg(self.at("/docker-entrypoint.sh")).args(command).output().unwrap()
    }

    /// What is said on the way to an `nginx` that ends at once, this container's folder left out.
    fn start(&self) -> String {
        self.script("/bin/nginx", "#!/bin/sh\necho nginx is here with \"$@\"\n");
        let output = self.run(&["nginx", "-g", "daemon off;"]);
        assert!(output.status.success(), "{output:?}");
        self.said(&output)
    }

    fn said(&self, output: &Output) -> String {
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        said.replace(self.root.path().to_str().unwrap(), "")
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx").join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn scripts_come_in_the_order_of_their_versions_and_the_command_last() {
    let container = Container::empty();
    container.script("/docker-entrypoint.d/10-later.sh", "#!/bin/sh\necho later\n");
    container.script("/docker-entrypoint.d/9-sooner.sh", "#!/bin/sh\necho sooner\n");
    container.script("/docker-entrypoint.d/sub/11-deep.sh", "#!/bin/sh\necho deep\n");
    container.write("/docker-entrypoint.d/12-not-executable.sh", "#!/bin/sh\necho never\n");
    container.write("/docker-entrypoint.d/13-not-executable.envsh", "echo never\n");
    container.script("/docker-entrypoint.d/14-something *", "#!/bin/sh\necho never\n");
    assert_eq!(
        container.start(),
        "/docker-entrypoint.sh: Launching /docker-entrypoint.d/9-sooner.sh\n\
         sooner\n\
         /docker-entrypoint.sh: Launching /docker-entrypoint.d/10-later.sh\n\
         later\n\
         /docker-entrypoint.sh: Ignoring /docker-entrypoint.d/12-not-executable.sh, not executable\n\
         /docker-entrypoint.sh: Ignoring /docker-entrypoint.d/13-not-executable.envsh, not executable\n\
         /docker-entrypoint.sh: Ignoring /docker-entrypoint.d/14-something *\n\
         /docker-entrypoint.sh: Launching /docker-entrypoint.d/sub/11-deep.sh\n\
         deep\n\
         nginx is here with -g daemon off;\n"
    );
}

#[test]
fn what_a_sourced_script_exports_is_there_for_scripts_and_the_command() {
    let container = Container::empty().with("NGINX_ENTRYPOINT_QUIET_LOGS", "1");
    container.script("/docker-entrypoint.d/1.envsh", "export TOLD=\"told $1\"\nnot_exported=1\n");
    container.script("/docker-entrypoint.d/2.sh", "#!/bin/sh\necho \"script: $TOLD${not_exported:-}\"\n");
    container.script("/bin/nginx", "#!/bin/sh\necho \"command: $TOLD\"\n");
    let output = container.run(&["nginx"]);
    assert_eq!(container.said(&output), "script: told nginx\ncommand: told nginx\n");
}

#[test]
fn a_script_that_fails_ends_the_start() {
    let container = Container::empty();
    container.script("/docker-entrypoint.d/1.sh", "#!/bin/sh\nexit 3\n");
    container.script("/bin/nginx", "#!/bin/sh\necho never\n");
    let output = container.run(&["nginx"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!container.said(&output).contains("never"));
}

#[test]
fn any_other_command_is_run_as_it_is() {
    let container = Container::new();
    container.write("/etc/nginx/templates/a.conf.template", "");
    let output = container.run(&["sh", "-c", "echo $0 \"$@\"", "one", "two three"]);
    assert_eq!(container.said(&output), "one two three\n");
    assert!(!container.at("/etc/nginx/conf.d/a.conf").exists());
    for command in ["nginx-debug", "vordr"] {
        container.script(&format!("/bin/{command}"), "#!/bin/sh\n");
        assert!(container.run(&[command]).status.success());
        assert!(container.at("/etc/nginx/conf.d/a.conf").exists(), "{command}");
        fs::remove_file(container.at("/etc/nginx/conf.d/a.conf")).unwrap();
    }
}

#[test]
fn a_template_has_the_variables_that_are_there_and_nginxs_own_stay() {
    let container = Container::new().with("TARGET", "https://a.example").with("EMPTY", "").with("A_1", "x y");
    let template = "proxy_pass $TARGET/${TARGET};\n\
                    set $host \"${EMPTY}$EMPTY-$UNKNOWN-${UNKNOWN}\";\n\
                    # $A_1 $A_12 \\$TARGET $$TARGET $1 ${A_1:-z} $ {A_1}\n";
    container.write("/etc/nginx/templates/default.conf.template", template);
    let said = container.start();
    assert_eq!(
        container.read("/etc/nginx/conf.d/default.conf"),
        "proxy_pass https://a.example/https://a.example;\n\
         set $host \"-$UNKNOWN-${UNKNOWN}\";\n\
         # x y $A_12 \\https://a.example $https://a.example $1 ${A_1:-z} $ {A_1}\n"
    );
    let line = "20-envsubst-on-templates.sh: Running envsubst on /etc/nginx/templates/default.conf.template to \
                /etc/nginx/conf.d/default.conf\n";
    assert!(said.contains(line), "{said}");
}

#[test]
fn sub_directories_are_kept_and_other_files_left_alone() {
    let container = Container::new().with("V", "1");
    for path in ["a.conf.template", "sub/deep er/b.conf.template", "c.conf", "d.template.bak"] {
        container.write(&format!("/etc/nginx/templates/{path}"), "$V");
    }
    container.start();
    for path in ["a.conf", "sub/deep er/b.conf"] {
        assert_eq!(container.read(&format!("/etc/nginx/conf.d/{path}")), "1");
    }
    assert!(!container.at("/etc/nginx/conf.d/c.conf").exists());
    assert!(!container.at("/etc/nginx/conf.d/d.template.bak").exists());
}

#[test]
fn folders_and_suffix_are_where_and_what_the_variables_say() {
    let container = Container::new()
        .with("V", "1")
        .with("NGINX_ENVSUBST_TEMPLATE_DIR", "ROOT/elsewhere/in")
        .with("NGINX_ENVSUBST_OUTPUT_DIR", "ROOT/elsewhere/out")
        .with("NGINX_ENVSUBST_TEMPLATE_SUFFIX", ".tpl");
    container.make("/elsewhere/out");
    container.write("/elsewhere/in/a.conf.tpl", "$V");
    container.write("/elsewhere/in/b.conf.template", "$V");
    container.write("/etc/nginx/templates/c.conf.tpl", "$V");
    container.start();
    assert_eq!(container.read("/elsewhere/out/a.conf"), "1");
    assert!(!container.at("/elsewhere/out/b.conf").exists());
    assert!(!container.at("/etc/nginx/conf.d/c.conf").exists());
}

#[test]
fn a_filter_says_which_variables_are_filled_in() {
    let container = Container::new()
        .with("APP_URL", "http://app")
        .with("APP_PORT", "80")
        .with("OTHER_APP_URL", "no")
        .with("NGINX_ENVSUBST_FILTER", "^APP_|_PORT$");
    container.write("/etc/nginx/templates/a.conf.template", "$APP_URL:$APP_PORT $OTHER_APP_URL $PATH");
    container.start();
    assert_eq!(container.read("/etc/nginx/conf.d/a.conf"), "http://app:80 $OTHER_APP_URL $PATH");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_start_goes_on() {
    let container = Container::new().with("NGINX_ENVSUBST_OUTPUT_DIR", "ROOT/nowhere");
    container.write("/etc/nginx/templates/a.conf.template", "$PATH");
    let said = container.start();
    let line =
        "20-envsubst-on-templates.sh: ERROR: /etc/nginx/templates exists, but /nowhere cannot be written\n";
    assert!(said.contains(line) && said.contains("nginx is here"), "{said}");
}

#[test]
fn templates_of_streams_go_to_a_folder_and_a_block_of_their_own() {
    let container = Container::new().with("PORT", "5432");
    container.write("/etc/nginx/templates/db.conf.stream-template", "listen $PORT;");
    container.start();
    assert_eq!(container.read("/etc/nginx/stream-conf.d/db.conf"), "listen 5432;");
    assert!(!container.at("/etc/nginx/conf.d/db.conf").exists());
    let block = "stream {\n    include ROOT/etc/nginx/stream-conf.d/*.conf;\n}\n";
    let block = block.replace("ROOT", container.root.path().to_str().unwrap());
    assert!(container.read("/etc/nginx/nginx.conf").ends_with(&block));
    // It is there already at the next start.
    let said = container.start();
    assert!(said.contains("has a stream block"), "{said}");
    assert_eq!(container.read("/etc/nginx/nginx.conf").matches("stream {").count(), 1);
}

#[test]
fn stream_folder_and_suffix_are_what_the_variables_say() {
    let container = Container::new()
        .with("NGINX_ENVSUBST_STREAM_TEMPLATE_SUFFIX", ".tcp")
        .with("NGINX_ENVSUBST_STREAM_OUTPUT_DIR", "ROOT/tcp");
    container.write("/etc/nginx/templates/db.conf.tcp", "listen 1;");
    container.write("/etc/nginx/templates/e.conf.stream-template", "listen 2;");
    container.start();
    assert_eq!(container.read("/tcp/db.conf"), "listen 1;");
    assert!(!container.at("/etc/nginx/stream-conf.d").exists());
}

#[test]
fn local_resolvers_are_there_for_templates_where_they_are_asked_for() {
    let resolv = "search a.example\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\noptions ndots:5\n";
    let template = "resolver ${NGINX_LOCAL_RESOLVERS};";
    let asked = Container::new().with("NGINX_ENTRYPOINT_LOCAL_RESOLVERS", "1");
    let not_asked = Container::new();
    for container in [&asked, &not_asked] {
        container.write("/etc/resolv.conf", resolv);
        container.write("/etc/nginx/templates/a.conf.template", template);
        container.start();
    }
    assert_eq!(asked.read("/etc/nginx/conf.d/a.conf"), "resolver 192.0.2.1 [fe80::1];");
    assert_eq!(not_asked.read("/etc/nginx/conf.d/a.conf"), template);
}

#[test]
fn workers_are_tuned_where_that_is_asked_for() {
    let asked = Container::new().with("NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE", "1");
    let not_asked = Container::new();
    for (container, workers) in [(&asked, "auto"), (&not_asked, "1")] {
        container.start();
        assert_eq!(
            container.read("/etc/nginx/nginx.conf"),
            format!("worker_processes {workers};\nevents {{}}\n")
        );
    }
}

#[test]
fn quiet_logs_are_no_logs() {
    let container = Container::new().with("NGINX_ENTRYPOINT_QUIET_LOGS", "1").with("V", "1");
    container.write("/etc/nginx/templates/a.conf.template", "$V");
    assert_eq!(container.start(), "nginx is here with -g daemon off;\n");
    assert_eq!(container.read("/etc/nginx/conf.d/a.conf"), "1");
}
