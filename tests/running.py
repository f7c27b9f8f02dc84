"""Processes of tests in Python: on free ports, with their output in a file, and ended with the test."""

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


GIVEN = set()


def free_port() -> int:
    """A port that was free a moment ago, and that nobody else was given here."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Running:
    """A process with its output in a file, shown where a test fails and ended with it."""

    def __init__(self, arguments, log: Path, **environment):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in arguments],
                stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **environment},
            )

    def answers(self, url: str, seconds: float = 60) -> str:
        """Waits until this is answered well."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"{self.process.args} ended: {self.log.read_text(errors='replace')}"
            try:
                return fetch(url)
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"{url} was not answered within {seconds} s")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        print(f"--- {self.log.name}\n{self.log.read_text(errors='replace')[-8000:]}")


def make_certificate(folder: Path, host: str, days: int = 1) -> tuple[Path, Path]:
    """A certificate that runs out tomorrow, or when it is said, and its key."""
    certificate, key = folder / f"{host}.pem", folder / f"{host}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", str(days), "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    return certificate, key
