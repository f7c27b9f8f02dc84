"""vordr's image: what is in it, who runs in it, and how it starts and is asked how it is."""

import bases
import pytest
from compose import eventually

# Measured: vordr is 25 MB, the Debian below it 82.
LIMIT_OF_VORDR = 28_000_000
LIMIT_OF_ALL = 120_000_000


@pytest.fixture(scope="module")
def container(engine, image):
    """The image as it is, with no word after its name."""
    name = "vordr-as-it-is"
    engine.docker("run", "--detach", "--name", name, "--network", "host", "--read-only", "--cap-drop", "ALL", image)
    yield name
    engine.docker("rm", "--force", name)


def test_it_is_small(engine, image):
    size, base = (engine.inspect(name)["Size"] for name in (image, bases.RUNTIME))
    print(f"{size / 1e6:.1f} MB, {(size - base) / 1e6:.1f} of them vordr's")
    assert size - base < LIMIT_OF_VORDR
    assert size < LIMIT_OF_ALL


def test_it_says_how_it_is_run(engine, image):
    config = engine.inspect(image)["Config"]
    assert config["User"] == "101:101"
    assert config["Healthcheck"]["Test"] == ["CMD", "vordr", "health"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]


def test_it_knows_whom_to_trust(engine, image):
    roots = engine.docker("run", "--rm", "--network", "none", image, "cat", "/etc/ssl/certs/ca-certificates.crt")
    assert roots.count("BEGIN CERTIFICATE") > 50


def test_rules_are_checked_without_a_start(engine, image):
    assert "the rules are good" in engine.docker("run", "--rm", "--network", "none", image, "vordr", "check")


def test_an_operator_sees_the_rules_that_hold(engine, container):
    assert "vordr is running" in engine.docker("exec", container, "vordr", "show")


def test_it_becomes_healthy(engine, container):
    eventually("healthy", lambda: engine.inspect(container)["State"]["Health"]["Status"] == "healthy")


def test_the_quickstart_page_is_served(engine, container):
    status, page = engine.curl("http://127.0.0.1:8080/")
    assert status == 200
    assert "vordr is running" in page


def test_no_process_is_roots(engine, container):
    running = [process for process in engine.processes().values() if process.name == "vordr"]
    assert [process.users for process in running] == [["101"] * 4]


def test_a_container_whose_port_is_taken_ends_and_says_why(engine, container, image):
    name = "vordr-twice"
    try:
        engine.docker("run", "--detach", "--name", name, "--network", "host", image)
        state = eventually("its end", lambda: (s := engine.inspect(name)["State"])["Status"] == "exited" and s)
        assert state["ExitCode"] == 1
        assert "another program listens there already" in engine.docker("logs", name)
    finally:
        engine.docker("rm", "--force", name)


def test_health_checks_leave_no_zombie(engine, container):
    def checks():
        return engine.inspect(container)["State"]["Health"]["Log"]

    eventually("three health checks", lambda: len(checks()) >= 3)
    assert {check["ExitCode"] for check in checks()} == {0}
    assert [process for process in engine.processes().values() if process.is_zombie] == []
