"""The parts of the tests: an origin, vordr before it, load on both, and Prometheus that watches."""

import sys
import time
from pathlib import Path

import pytest
from load import Load
from origin import Origin
from processes import Prometheus, Vordr
from running import ROOT

# Long enough for most rates to have something to work with; the others are waited for.
WATCHED = 15

sys.path.insert(0, str(ROOT / "deploy/grafana/source"))
sys.dont_write_bytecode = True


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("dashboards")


@pytest.fixture(scope="session")
def vordr(folder):
    origin = Origin()
    vordr = Vordr(folder, origin.port)
    yield vordr
    vordr.stop()
    origin.close()


@pytest.fixture(scope="session")
def prometheus(folder, vordr):
    """One that has watched vordr under load for a while, and goes on."""
    load, prometheus = Load(vordr), Prometheus(folder, vordr.metrics)
    load.start()
    time.sleep(WATCHED)
    yield prometheus
    load.stop()
    prometheus.stop()
    assert not load.problems, "\n".join(load.problems[:20])
