"""Writes the dashboards that Grafana reads: `python3 deploy/grafana/source/build.py`, after a change here."""

import json
from pathlib import Path

from edge import EDGE
from overview import OVERVIEW
from upstreams import UPSTREAMS
from websockets import WEBSOCKETS

DASHBOARDS = [OVERVIEW, WEBSOCKETS, UPSTREAMS, EDGE]
WRITTEN = Path(__file__).resolve().parents[1] / "dashboards"


def text(dashboard) -> str:
    return json.dumps(dashboard.json(), indent=2) + "\n"


def build():
    for dashboard in DASHBOARDS:
        (WRITTEN / f"{dashboard.name}.json").write_text(text(dashboard))


if __name__ == "__main__":
    build()
