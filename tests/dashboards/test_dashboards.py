"""The dashboards as files: what Grafana demands of them, and what somebody who opens one for the first time does."""

import json
import re
import shutil
import subprocess

import build
import pytest
from expressions import WRITTEN, panels
from processes import HERE
from running import ROOT

# Made once, beside the tests' Python.
TYPES = ROOT / ".venv/dashboards/types"


@pytest.fixture(params=WRITTEN, ids=lambda file: file.stem)
def dashboard(request) -> dict:
    return json.loads(request.param.read_text())


def test_what_is_committed_is_what_the_source_gives():
    assert [file.stem for file in WRITTEN] == sorted(dashboard.name for dashboard in build.DASHBOARDS)
    for dashboard in build.DASHBOARDS:
        written = (build.WRITTEN / f"{dashboard.name}.json").read_text()
        assert written == build.text(dashboard), f"run make dashboards: {dashboard.name} is not up to date"
        assert len(written) < 1_000_000


def test_every_panel_has_a_unit_a_description_and_a_legend(dashboard):
    for panel in panels(dashboard):
        title = panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert len(panel["description"].split()) >= 5 and panel["description"].endswith("."), title
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all(legends) and len(set(legends)) == len(legends), title


def test_a_legend_asks_for_labels_that_its_expression_keeps(dashboard):
    for panel in panels(dashboard):
        for target in panel["targets"]:
            kept = " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in kept or "by (" not in target["expr"], f"{panel['title']}: {label}"


def test_panels_fill_the_width_and_never_overlap(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert {x for x, _ in taken} == set(range(24))


def test_numbers_and_names_are_once_each():
    uids = [json.loads(file.read_text())["uid"] for file in WRITTEN]
    assert len(set(uids)) == len(WRITTEN) == 4
    for file in WRITTEN:
        numbers = [panel["id"] for panel in json.loads(file.read_text())["panels"]]
        assert len(set(numbers)) == len(numbers)


@pytest.fixture(scope="module")
def types():
    """A folder with Grafana's published types and a compiler, as the lock has them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is missing, so the dashboards are not held against Grafana's types")
    lock = (HERE / "schema/package-lock.json").read_text()
    installed = TYPES / "package-lock.json"
    if not ((TYPES / "node_modules/.bin/tsc").exists() and installed.read_text() == lock):
        shutil.rmtree(TYPES, ignore_errors=True)
        shutil.copytree(HERE / "schema", TYPES)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=TYPES, check=True)
    for file in (HERE / "schema").glob("*.*s*"):
        shutil.copy(file, TYPES)
    yield TYPES
    for made in TYPES.glob("dashboard-*.ts"):
        made.unlink()


def compiled(types) -> str:
    return subprocess.run(
        [types / "node_modules/.bin/tsc", "--project", types], capture_output=True, text=True
    ).stdout


def as_typescript(types, name: str, text: str):
    program = f"import type {{ Written }} from './shape';\nexport const dashboard: Written = {text};\n"
    (types / f"dashboard-{name}.ts").write_text(program)


def test_grafanas_published_types_have_nothing_against_them(types):
    for file in WRITTEN:
        as_typescript(types, file.stem, file.read_text())
    complaints = compiled(types)
    assert complaints == ""


def test_grafanas_published_types_would_notice(types):
    """Otherwise the test above proves nothing."""
    text = WRITTEN[0].read_text()
    faults = {
        '"mode": "multi"': '"mode": "multy"', '"refresh": 2': '"refresh": 7', '"graphMode"': '"graphMood"',
        '"showPoints"': '"showPoint"', '"unit": "reqps"': '"unit": 5',
    }
    for right, wrong in faults.items():
        assert right in text
        text = text.replace(right, wrong, 1)
    as_typescript(types, WRITTEN[0].stem, text)
    assert compiled(types).count("error TS") == len(faults)
