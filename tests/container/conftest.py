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
NGINX_IMAGE = "vordr-test/vordr-nginx"


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
    return build(engine, "vordr", bases.RUNTIME, IMAGE)


@pytest.fixture(scope="session")
def nginx_image(engine, image) -> str:
    """The image in nginx's place, whose vordr is built already."""
    return build(engine, "nginx-compat", bases.NGINX_RUNTIME, NGINX_IMAGE)


def build(engine, target: str, base: str, name: str) -> str:
    # The engine's own builder makes every stage before the one that is asked for, and none after it.
    engine.docker(
        "build", "--build-arg", f"RUST_IMAGE={bases.BUILDER}", "--build-arg", f"BASE_IMAGE={base}",
        "--target", target, "--tag", name, ROOT,
    )
    return name


@pytest.fixture(scope="module")
def compose(engine, image, folder):
    """The compose file with stand-ins for the images that only a registry has."""
    compose = Compose(engine, folder, {"VORDR_IMAGE": image, **standins.build(engine, folder)}, ROOT)
    yield compose
    compose.down()


@pytest.fixture(scope="module")
def nginx_compose(engine, nginx_image, folder):
    """The compose file with nginx's template."""
    variables = {"VORDR_NGINX_IMAGE": nginx_image, **standins.build(engine, folder)}
    compose = Compose(engine, folder, variables, ROOT / "deploy/nginx")
    yield compose
    compose.down()
