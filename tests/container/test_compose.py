"""docker-compose.yml: each profile starts its own services and only them, and they do what they are for."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from compose import eventually

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def is_healthy(compose, service):
    return lambda: compose.state(service)["Health"]["Status"] == "healthy"


@pytest.fixture
def proxy(compose):
    compose.up("proxy")
    yield compose
    compose.down()


@pytest.fixture
def production(compose):
    """Before a tunnel whose name does not resolve, as nothing does here."""
    compose.up("production", OCAPISTAINE_TARGET_URL="https://tunnel.invalid")
    yield compose
    compose.down()


def test_proxy_is_an_app_with_vordr_in_front(engine, proxy):
    assert proxy.services().keys() == {"app", "vordr"}
    eventually("healthy", is_healthy(proxy, "vordr"))
    eventually("the app's answer", lambda: engine.curl("http://127.0.0.1:8080/x") == (200, "the app: /x"))


def test_vordr_stops_in_time_while_a_websocket_is_open(engine, proxy):
    eventually("the app's answer", lambda: engine.curl("http://127.0.0.1:8080/")[0] == 200)
    stream = subprocess.Popen(
        engine.inside(sys.executable, HERE / "stream.py", 8080), stdout=subprocess.PIPE, text=True
    )
    try:
        assert stream.stdout.readline() == "open\n"
        begun = time.monotonic()
        engine.docker("stop", proxy.services()["vordr"])
        lasted = time.monotonic() - begun
        print(f"stopped after {lasted:.1f} s")
        assert lasted < 10
        # Killed, it would be 137.
        assert proxy.state("vordr")["ExitCode"] == 0
        assert stream.communicate(timeout=10)[0] == "ended\n"
    finally:
        stream.kill()
        stream.wait()


def test_production_starts_before_its_tunnel_resolves(engine, production):
    assert production.services().keys() == {"edge"}
    eventually("healthy", is_healthy(production, "edge"))
    status, page = engine.curl("http://127.0.0.1:8080/")
    assert status == 503
    assert "resolve" in page, page


def test_production_without_its_variable_names_it(compose):
    try:
        compose.up("production")
        eventually("the variable's name", lambda: "OCAPISTAINE_TARGET_URL" in compose.logs("edge"))
        eventually("its end", lambda: compose.state("edge")["ExitCode"] == 1)
    finally:
        compose.down()


def test_monitoring_is_prometheus_and_grafana(engine, compose):
    try:
        compose.up("monitoring")
        assert compose.services().keys() == {"prometheus", "grafana"}
        eventually("Prometheus", lambda: engine.curl("http://127.0.0.1:9090/-/ready")[0] == 200)
        eventually("Grafana's stand-in", lambda: engine.curl("http://127.0.0.1:3000/")[0] == 200)
    finally:
        compose.down()


def query(engine, expression: str) -> list:
    asked = ["--get", "--data-urlencode", f"query={expression}"]
    status, answer = engine.curl(*asked, "http://127.0.0.1:9090/api/v1/query")
    assert status == 200, answer
    return json.loads(answer)["data"]["result"]


def test_monitoring_sees_what_vordr_does(engine, compose):
    """Two profiles together: requests are seen, rules are evaluated. tests/dashboards asks for all the rest."""
    try:
        compose.up("proxy", "monitoring")
        assert compose.services().keys() == {"app", "vordr", "prometheus", "grafana"}

        def seen():
            engine.curl("http://127.0.0.1:8080/")
            rate = query(engine, 'sum(rate(vordr_http_requests_total{code="200"}[1m]))')
            return rate and float(rate[0]["value"][1]) > 0

        eventually("Prometheus", lambda: engine.curl("http://127.0.0.1:9090/-/ready")[0] == 200)
        eventually("requests in Prometheus", seen, 120)
        assert [target["value"][1] for target in query(engine, 'up{job="vordr"}')] == ["1"]
        eventually("a recorded share", lambda: query(engine, "instance_server_route:vordr_http_failed:share5m"))
        groups = json.loads(engine.curl("http://127.0.0.1:9090/api/v1/rules")[1])["data"]["groups"]
        assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    finally:
        compose.down()


def test_nothing_is_left_when_all_is_down(engine, compose):
    compose.up("proxy")
    assert "vordr" in {process.name for process in engine.processes().values()}
    assert engine.mounts() != []
    compose.down()
    assert compose.services() == {}
    assert {process.name for process in engine.processes().values()} <= {"dockerd", "containerd"}
    assert engine.mounts() == []
