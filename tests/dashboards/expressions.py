"""The expressions of the dashboards, as Grafana would send them."""

import json
from dataclasses import dataclass

from running import ROOT

WRITTEN = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
# What Grafana fills in for "All", and for a look at the last minutes.
VARIABLES = {"$__rate_interval": "15s", "$server": ".*", "$route": ".*", "$upstream": ".*"}


@dataclass
class Expression:
    """One expression, and where it stands."""

    dashboard: str
    panel: str
    text: str

    def __str__(self) -> str:
        return f"{self.dashboard}, {self.panel}: {self.text}"

    def filled_in(self, instance: str) -> str:
        text = self.text.replace("$instance", instance)
        for variable, value in VARIABLES.items():
            text = text.replace(variable, value)
        return text


def panels(dashboard: dict) -> list[dict]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> list[Expression]:
    found = []
    for file in WRITTEN:
        dashboard = json.loads(file.read_text())
        for panel in panels(dashboard):
            found += [Expression(file.stem, panel["title"], target["expr"]) for target in panel["targets"]]
    return found
