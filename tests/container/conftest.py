"""The parts of the tests: an engine, vordr's image built in it once, and the compose file's profiles."""

import os
import shutil
import tempfile
from pathlib import Path

import bases
import pytest
import standins
from compose import Compose
from engine import Engine, why_not

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "vordr-test/vordr"


@pytest.fixture(scope="session")
def folder():
    """Where the engine lives. CONTAINER_STATE names a folder that keeps its images for the next run."""
    kept = os.environ.get("CONTAINER_STATE")
    # Short, as the path of a socket may have 107 characters.
    folder = Path(kept or tempfile.mkdtemp(prefix="vordr-", dir="/tmp")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    if not kept:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engine(folder):
    reason = why_not()
    if reason:
        pytest.skip(f"no container engine: {reason}")
    engine = Engine(folder)
    try:
        if not engine.comes_up():
            pytest.skip(f"no container engine: dockerd did not start here, and said: {engine.said()}")
        # From an earlier run, where the state is kept.
        for container in engine.docker("ps", "--all", "--quiet").split():
            engine.docker("rm", "--force", container)
        yield engine
    finally:
        engine.stop()
    assert str(folder) not in Path("/proc/self/mountinfo").read_text(), "a mount is left behind"


@pytest.fixture(scope="session")
def image(engine, folder) -> str:
    """vordr's image, built by the Dockerfile as anybody would build it."""
    bases.make(engine, folder)
    engine.docker(
        "build", "--build-arg", f"RUST_IMAGE={bases.BUILDER}", "--build-arg", f"BASE_IMAGE={bases.RUNTIME}",
        "--tag", IMAGE, ROOT,
    )
    return IMAGE


@pytest.fixture(scope="module")
def compose(engine, image, folder):
    """The compose file with stand-ins for the images that only a registry has."""
    compose = Compose(engine, folder, {"VORDR_IMAGE": image, **standins.build(engine, folder)})
    yield compose
    compose.down()
