"""Whatever the dashboards and the alerts ask, a Prometheus that watches a busy vordr has an answer."""

import json
import subprocess
import time

from expressions import WRITTEN, expressions
from running import ROOT

# What only comes in a situation that these tests cannot make.
NOT_FIRING = {
    "VordrDnsStale": "needs five minutes without DNS; promtool's test makes them",
}


def without_data(asked, ask, seconds: float = 60) -> list:
    """Those that nothing comes of, however often they are asked until then."""
    end = time.monotonic() + seconds
    while (asked := [one for one in asked if not ask(one)]) and time.monotonic() < end:
        time.sleep(1)
    return asked


def test_every_expression_of_every_dashboard_gives_data(prometheus, vordr):
    instance = f"127.0.0.1:{vordr.metrics}"
    asked = expressions()
    empty = without_data(asked, lambda one: prometheus.query(one.filled_in(instance)))
    print(f"{len(asked) - len(empty)} of {len(asked)} expressions of {len(WRITTEN)} dashboards return data")
    assert not empty, "\n".join(map(str, empty))


def test_every_variable_has_something_to_choose(prometheus):
    for file in WRITTEN:
        for variable in json.loads(file.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                asked = variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
                match, label = asked.rsplit(", ", 1)
                filled = match.replace("$instance", ".*").replace("$server", ".*")
                assert prometheus.label_values(label, filled), variable["name"]


def test_every_rule_is_evaluated_and_gives_data(prometheus):
    groups = prometheus.ask("rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}, rules
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert recorded and without_data(recorded, prometheus.query) == []
    alerts = {rule["name"]: rule["query"] for rule in rules if rule["type"] == "alerting"}
    expected = without_data(alerts.keys() - NOT_FIRING.keys(), lambda name: prometheus.query(alerts[name]))
    silent = {*expected, *(name for name in NOT_FIRING if not prometheus.query(alerts[name]))}
    print(f"{len(recorded)} recording rules, and {len(alerts) - len(silent)} of {len(alerts)} alerts return data")
    assert silent == NOT_FIRING.keys()
    for name in silent:
        # Not for want of the metric.
        assert prometheus.query(alerts[name].rsplit(" > ", 1)[0]), name


def test_the_alerts_come_when_they_should_and_not_before():
    tests = sorted((ROOT / "deploy/prometheus/tests").glob("*.yml"))
    done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True)
    assert tests and done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_explained(prometheus):
    documented = (ROOT / "docs/observability.md").read_text()
    groups = prometheus.ask("rules")["data"]["groups"]
    for name in [rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"]:
        assert f"`{name}`" in documented, name


def test_promtool_finds_nothing_to_say_about_the_metrics(prometheus, vordr):
    page = vordr.page()
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (done.stdout + done.stderr).strip()


def test_every_metric_is_documented(prometheus, vordr):
    documented = (ROOT / "docs/observability.md").read_text()
    families = {line.split()[2] for line in vordr.page().splitlines() if line.startswith("# TYPE vordr_")}
    assert [name for name in sorted(families) if f"`{name}`" not in documented] == []
