"""Images in place of those that only a registry has.

Prometheus is Debian's own, with the configuration that the compose file mounts. Grafana is not in Debian: a server of
one page takes its place, so what Grafana would make of its files is not tested, only the files themselves.
"""

import shutil
from pathlib import Path

import bases

HERE = Path(__file__).resolve().parent
# They have nothing to finish, and Python as a container's first process waits for no SIGTERM.
PYTHON = f"FROM {bases.BUILDER}\nSTOPSIGNAL SIGKILL\n"
DOCKERFILES = {
    "app": PYTHON + 'COPY app.py /\nCMD ["python3", "/app.py"]\n',
    "prometheus": PYTHON + (
        'COPY prometheus /bin/\nCMD ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", '
        '"--storage.tsdb.path=/tmp/prometheus"]\n'
    ),
    "grafana": PYTHON + 'WORKDIR /srv\nRUN echo stand-in >index.html\nCMD ["python3", "-m", "http.server", "3000"]\n',
}


def build(engine, folder: Path) -> dict[str, str]:
    """The variables of docker-compose.yml that name the stand-ins."""
    context = folder / "standins"
    context.mkdir(exist_ok=True)
    shutil.copy(HERE / "app.py", context)
    shutil.copy(shutil.which("prometheus"), context)
    for name, dockerfile in DOCKERFILES.items():
        (context / "Dockerfile").write_text(dockerfile)
        engine.docker("build", "--tag", f"vordr-test/{name}", context)
    return {f"{name.upper()}_IMAGE": f"vordr-test/{name}" for name in DOCKERFILES}
