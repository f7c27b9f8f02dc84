"""A docker-compose.yml, changed only in what an engine without bridges demands."""

import time
from pathlib import Path

import yaml


def on_the_host_network(text: str) -> str:
    """All services on the engine's own loopback, where each is found by its name as in a compose network."""
    file = yaml.safe_load(text)
    names = [*file["services"], "localhost"]
    for service in file["services"].values():
        for word in ("ports", "networks", "build"):
            service.pop(word, None)
        service["network_mode"] = "host"
        service["extra_hosts"] = [f"{name}:127.0.0.1" for name in names]
    return yaml.safe_dump(file)


class Compose:
    """The services of a profile, started and stopped as an operator does."""

    def __init__(self, engine, folder: Path, variables: dict[str, str], project: Path):
        self.engine = engine
        self.variables = variables
        self.file = folder / "docker-compose.yml"
        self.project = project
        self.file.write_text(on_the_host_network((project / "docker-compose.yml").read_text()))

    def __call__(self, *words, **variables) -> str:
        return self.engine.run(
            ["docker-compose", "--project-name", "vordr", "--file", self.file, "--project-directory", self.project, *words],
            env={**self.engine.environment, **self.variables, **variables},
        )

    def up(self, *profiles, **variables):
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        self(*chosen, "up", "--detach", "--no-build", **variables)

    def down(self):
        self("--profile", "proxy", "--profile", "production", "--profile", "monitoring", "down", "--timeout", "10")

    def services(self) -> dict[str, str]:
        """Every service that has a container, and that container."""
        listed = self.engine.docker("ps", "--all", "--format", '{{.Label "com.docker.compose.service"}} {{.Names}}')
        return dict(line.split() for line in listed.splitlines())

    def state(self, service: str) -> dict:
        return self.engine.inspect(self.services()[service])["State"]

    def logs(self, service: str) -> str:
        return self.engine.docker("logs", self.services()[service])


def eventually(what: str, ask, seconds: float = 60):
    """Asks until the answer is true, and gives it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s: {what}")
