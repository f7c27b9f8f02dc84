"""The image in nginx's place: what people mount, set and call for nginx's own does the same here."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from compose import eventually

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE.parents[1] / "deploy/nginx/templates"
# As strict as people run nginx's image without root.
STRICT = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


@pytest.fixture
def run(engine, nginx_image):
    """Starts a container that ends with the test; its name."""
    started = []

    def start(*options, command=()):
        name = f"in-nginxs-place-{len(started)}"
        started.append(name)
        engine.docker("run", "--detach", "--name", name, "--network", "host", *options, nginx_image, *command)
        return name

    yield start
    for name in started:
        engine.docker("rm", "--force", name)


@pytest.fixture
def app(engine, image, folder):
    """The app of the compose file, alone on port 8000."""
    import standins

    variables = standins.build(engine, folder)
    engine.docker("run", "--detach", "--name", "the-app", "--network", "host", variables["APP_IMAGE"])
    yield "http://127.0.0.1:8000"
    engine.docker("rm", "--force", "the-app")


def template(*options, **variables):
    """The options that bring the tunnel's template along."""
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    return ["--volume", f"{TEMPLATES}:/etc/nginx/templates:ro", *given, *options]


def answers(engine, url, status=200):
    return eventually(f"{status} of {url}", lambda: (found := engine.curl(url))[0] == status and found[1])


def test_it_says_how_it_is_run(engine, nginx_image):
    config = engine.inspect(nginx_image)["Config"]
    assert config["User"] == "101:101"
    assert config["Entrypoint"] == ["/docker-entrypoint.sh"]
    assert config["Cmd"] == ["nginx", "-g", "daemon off;"]
    assert config["StopSignal"] == "SIGQUIT"
    assert config["Healthcheck"]["Test"] == ["CMD", "vordr", "health"]
    assert list(config["ExposedPorts"]) == ["80/tcp"]


def test_the_stock_page_is_served_with_a_read_only_root_and_no_capability(engine, run):
    name = run(*STRICT)
    assert "vordr is running" in answers(engine, "http://127.0.0.1/")
    eventually("healthy", lambda: engine.inspect(name)["State"]["Health"]["Status"] == "healthy")
    running = [process for process in engine.processes().values() if process.name in ("nginx", "vordr")]
    assert [process.users for process in running] == [["101"] * 4]
    logs = engine.docker("logs", name)
    assert '"GET / HTTP/1.1" 200' in logs
    assert "[notice]" in logs


def test_the_tunnels_template_is_filled_in_where_nginxs_image_has_it(engine, run, app):
    name = run(*template(OCAPISTAINE_TARGET_URL=app))
    assert answers(engine, "http://127.0.0.1/x?y=1") == "the app: /x?y=1"
    rules = engine.docker("exec", name, "nginx", "-T")
    assert "# configuration file /etc/nginx/conf.d/default.conf:" in rules
    assert f"proxy_pass {app};" in rules and "${" not in rules
    assert "Running envsubst on /etc/nginx/templates/default.conf.template" in engine.docker("logs", name)
    assert "test is successful" in engine.docker("exec", name, "nginx", "-t")
    assert app in engine.docker("exec", name, "vordr", "show")


def test_a_websocket_through_the_template_lives_until_the_stop_is_over(engine, run, app):
    name = run(*template(OCAPISTAINE_TARGET_URL=app))
    answers(engine, "http://127.0.0.1/")
    stream = subprocess.Popen(engine.inside(sys.executable, HERE / "stream.py", 80), stdout=subprocess.PIPE, text=True)
    try:
        assert stream.stdout.readline() == "open\n"
        begun = time.monotonic()
        engine.docker("stop", name)
        lasted = time.monotonic() - begun
        print(f"stopped after {lasted:.1f} s")
        assert lasted < 10
        # Killed, it would be 137.
        assert engine.inspect(name)["State"]["ExitCode"] == 0
        assert stream.communicate(timeout=10)[0] == "ended\n"
    finally:
        stream.kill()
        stream.wait()


def test_a_variable_that_is_missing_is_named(engine, run):
    name = run(*template())
    state = eventually("its end", lambda: (s := engine.inspect(name)["State"])["Status"] == "exited" and s)
    assert state["ExitCode"] == 1
    logs = engine.docker("logs", name)
    assert "OCAPISTAINE_TARGET_URL" in logs and "/etc/nginx/conf.d/default.conf:" in logs


def test_a_tunnel_that_is_not_there_keeps_nothing_from_starting(engine, run):
    run(*template(OCAPISTAINE_TARGET_URL="https://tunnel.invalid"))
    status = eventually("an answer", lambda: engine.curl("http://127.0.0.1/")[0])
    assert status in (502, 503, 504)


def test_it_runs_as_any_user_on_another_port_with_a_read_only_root(engine, run, tmp_path):
    tmp_path.chmod(0o755)
    rules = tmp_path / "nginx.conf"
    rules.write_text(
        "pid /tmp/nginx.pid;\nevents {}\nhttp {\n  server { listen 8080; location / { return 200 mine; } }\n}\n"
    )
    name = run(
        *STRICT, "--user", "1000:1000", "--tmpfs", "/tmp", "--volume", f"{rules}:/etc/nginx/nginx.conf:ro"
    )
    assert answers(engine, "http://127.0.0.1:8080/") == "mine"
    assert engine.docker("exec", name, "cat", "/tmp/nginx.pid") == "1"


def test_templates_go_where_the_variables_say(engine, run, app):
    run(
        *STRICT,
        *template(
            "--tmpfs", "/rules:uid=101,gid=101", "--env", "NGINX_ENVSUBST_OUTPUT_DIR=/rules",
            "--env", "NGINX_ENVSUBST_FILTER=^OCAPISTAINE_",
            OCAPISTAINE_TARGET_URL=app, http_upgrade="never",
        ),
        command=["vordr", "run", "/rules/default.conf"],
    )
    assert answers(engine, "http://127.0.0.1/x") == "the app: /x"


def test_a_script_of_ones_own_is_run_before_it_starts(engine, run, tmp_path):
    tmp_path.chmod(0o755)
    script = tmp_path / "40-page.sh"
    script.write_text("#!/bin/sh\necho 'server { listen 8081; return 200 made; }' >/etc/nginx/conf.d/made.conf\n")
    script.chmod(0o755)
    run("--volume", f"{script}:/docker-entrypoint.d/40-page.sh:ro")
    assert answers(engine, "http://127.0.0.1:8081/") == "made"


def test_a_reload_by_nginxs_name_takes_newer_rules_in(engine, run):
    name = run()
    answers(engine, "http://127.0.0.1/")
    page = "server { listen 80; return 200 newer; }"
    engine.docker("exec", name, "sh", "-c", f"echo '{page}' >/etc/nginx/conf.d/default.conf && nginx -s reload")
    eventually("newer rules", lambda: engine.curl("http://127.0.0.1/") == (200, "newer"))


def test_what_peoples_commands_call_is_there(engine, nginx_image):
    for command in (["curl", "--version"], ["envsubst", "--version"], ["sh", "-c", "echo sh"], ["nginx-debug", "-v"]):
        engine.docker("run", "--rm", "--network", "none", nginx_image, *command)


def test_profiles_of_the_compose_file_start_what_they_say(engine, nginx_compose):
    try:
        nginx_compose.up("proxy")
        assert nginx_compose.services().keys() == {"app", "proxy"}
        # All services share one network here, where the port is the container's.
        assert answers(engine, "http://127.0.0.1/x") == "the app: /x"
    finally:
        nginx_compose.down()
    try:
        nginx_compose.up("production", "monitoring", OCAPISTAINE_TARGET_URL="https://tunnel.invalid")
        assert nginx_compose.services().keys() == {"edge", "prometheus", "grafana"}
        eventually("healthy", lambda: nginx_compose.state("edge")["Health"]["Status"] == "healthy")
        eventually("Prometheus", lambda: engine.curl("http://127.0.0.1:9090/-/ready")[0] == 200)
        eventually("metrics", lambda: "vordr_build_info" in engine.curl("http://127.0.0.1:9113/metrics")[1])
    finally:
        nginx_compose.down()
