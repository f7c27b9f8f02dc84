"""A private Docker engine, in namespaces of its own, and what may be asked of it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = [
    "docker", "dockerd", "docker-compose", "debootstrap", "unshare", "nsenter", "setpriv", "ip", "curl", "prometheus",
]


def why_not() -> str | None:
    """Why no engine can be started here, if so."""
    if os.geteuid() != 0:
        return "only root can start an engine"
    missing = [command for command in NEEDED if shutil.which(command) is None]
    return f"missing: {', '.join(missing)} (scripts/setup.sh container installs it)" if missing else None


class Engine:
    """dockerd, alone in its network, its mounts and its processes; all of them end with it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cgroup = f"/vordr-test-{os.getpid()}"
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{folder}/docker.sock", "DOCKER_BUILDKIT": "0"}
        # Others may be at work on this machine: a build takes what they leave. Should the tests be killed, all is.
        with (folder / "engine.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["nice", "-n", "10", "setpriv", "--pdeathsig", "KILL",
                 "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                 HERE / "engine.sh", folder, self.cgroup],
                stdout=log, stderr=subprocess.STDOUT,
            )

    def comes_up(self, seconds: float = 60) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if subprocess.run(["docker", "version"], env=self.environment, capture_output=True).returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def said(self) -> str:
        return (self.folder / "engine.log").read_text(errors="replace")[-2000:]

    def docker(self, *words, **options) -> str:
        """What `docker …` prints; it must succeed."""
        return self.run(["docker", *words], **options)

    def run(self, words, **options) -> str:
        done = subprocess.run(
            [str(word) for word in words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            **{"env": self.environment, **options},
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout.strip()

    def inspect(self, name: str) -> dict:
        return json.loads(self.docker("inspect", name))[0]

    def has_image(self, name: str) -> bool:
        return bool(self.docker("images", "--quiet", name))

    # Seen from inside.

    @property
    def first(self) -> int:
        """The first process of the engine's namespaces, as the machine numbers it."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def inside(self, *words) -> list[str]:
        """A command that sees the engine's network, which is the containers' too."""
        return ["nsenter", f"--net=/proc/{self.first}/ns/net", "--", *(str(word) for word in words)]

    def curl(self, *words) -> tuple[int, str]:
        """A request from the engine's network: its status and body; 0 where nothing answers."""
        done = subprocess.run(
            self.inside("curl", "--silent", "--max-time", "10", "--write-out", "\n%{http_code}", *words),
            text=True, capture_output=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def processes(self) -> dict[int, "Process"]:
        """Every process that the engine started, those of containers included."""
        first, everything = self.first, dict(all_processes())

        def is_ours(pid: int) -> bool:
            while pid in everything and pid != first:
                pid = everything[pid].parent
            return pid == first

        return {pid: process for pid, process in everything.items() if pid != first and is_ours(pid)}

    def mounts(self) -> list[str]:
        """What is mounted for containers."""
        lines = Path(f"/proc/{self.first}/mountinfo").read_text().splitlines()
        places = [line.split()[4] for line in lines]
        return [place for place in places if place.startswith(f"{self.folder}/data/overlay2/")]

    def stop(self):
        """Ends the engine; what it leaves behind on the machine is a fault."""
        if self.process.poll() is None:
            os.kill(self.first, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for group in Path("/sys/fs/cgroup").rglob(self.cgroup.strip("/")):
            group.rmdir()


class Process:
    """A process as /proc/PID/status tells."""

    def __init__(self, status: str):
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        self.name = fields["Name"].strip()
        self.parent = int(fields["PPid"])
        self.is_zombie = fields["State"].split()[0] == "Z"
        self.users = fields["Uid"].split()

    def __repr__(self):
        return f"{self.name}{' (zombie)' if self.is_zombie else ''}"


def all_processes():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), Process((folder / "status").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
