"""The compose file's profile `monitoring` puts everything where Prometheus and Grafana look for it."""

import json

import pytest
import yaml
from expressions import WRITTEN
from running import ROOT


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text())


@pytest.fixture(scope="module")
def services() -> dict:
    return read("docker-compose.yml")["services"]


def mounts(service: dict) -> dict[str, str]:
    """Where something is in the container, and where it comes from."""
    return {inside: outside for outside, inside, *_ in (volume.split(":") for volume in service["volumes"])}


def test_the_profile_is_prometheus_and_grafana(services):
    both = {"prometheus", "grafana"}
    assert {name for name, service in services.items() if "monitoring" in service["profiles"]} == both
    for name in both:
        assert all((ROOT / outside).is_dir() for outside in mounts(services[name]).values())
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_prometheus_has_its_rules_and_scrapes_what_the_other_profiles_call_vordr(services):
    assert mounts(services["prometheus"])["/etc/prometheus"] == "./deploy/prometheus"
    scraping = read("deploy/prometheus/prometheus.yml")
    files = [file for pattern in scraping["rule_files"] for file in (ROOT / "deploy/prometheus").glob(pattern)]
    assert {file.stem for file in files} == {"alerts", "recording"}
    assert scraping["scrape_configs"][0]["static_configs"] == [{"targets": ["vordr:9113"]}]
    assert "vordr" in services
    assert services["edge"]["networks"]["default"]["aliases"] == ["vordr"]
    assert {services[name]["environment"]["METRICS"] for name in ("vordr", "edge")} == {"0.0.0.0:9113"}


def test_grafana_finds_the_dashboards_and_they_find_their_data(services):
    inside = mounts(services["grafana"])
    provider = read("deploy/grafana/provisioning/dashboards/vordr.yml")["providers"][0]
    assert inside[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    for kind in ("datasources", "dashboards"):
        assert inside[f"/etc/grafana/provisioning/{kind}"] == f"./deploy/grafana/provisioning/{kind}"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/overview.json"
    source = read("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    for file in WRITTEN:
        variable = json.loads(file.read_text())["templating"]["list"][0]
        assert (variable["type"], variable["query"]) == ("datasource", source["type"])
        assert variable["current"] == {"text": source["name"], "value": source["uid"]}
