"""vordr and Prometheus as processes of a test."""

import json
import os
import shutil
import urllib.error
import urllib.parse
from pathlib import Path

from running import ROOT, Running, fetch, free_port, make_certificate

HERE = Path(__file__).resolve().parent
VORDR = Path(os.environ.get("VORDR", ROOT / "target/debug/vordr"))
NOBODY = 1


class Vordr(Running):
    """A vordr with the rules of this folder."""

    def __init__(self, folder: Path, origin_port: int):
        self.port, self.tls_port, self.admin, self.metrics = (free_port() for _ in range(4))
        self.rules = folder / "rules.kdl"
        shutil.copy(HERE / "rules.kdl", self.rules)
        make_certificate(folder, "c.test")
        super().__init__(
            [VORDR, "run", self.rules], folder / "vordr.log",
            PORT=str(self.port), TLS_PORT=str(self.tls_port), ADMIN=str(self.admin), METRICS=str(self.metrics),
            ORIGIN=str(origin_port), FOLDER=str(folder),
        )
        self.answers(f"http://127.0.0.1:{self.admin}/health")

    def page(self) -> str:
        return fetch(f"http://127.0.0.1:{self.metrics}/metrics")


class Prometheus(Running):
    """Debian's Prometheus with the deployed rules, looking every second, at this vordr and at one that is not there."""

    def __init__(self, folder: Path, metrics_port: int):
        shutil.copytree(ROOT / "deploy/prometheus", folder / "prometheus")
        scraping = folder / "prometheus/prometheus.yml"
        text = scraping.read_text()
        targets = f'["127.0.0.1:{metrics_port}", "127.0.0.1:{NOBODY}"]'
        for deployed, here in (('["vordr:9113"]', targets), ("_interval: 15s", "_interval: 1s")):
            assert deployed in text
            text = text.replace(deployed, here)
        scraping.write_text(text)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            ["prometheus", f"--config.file={scraping}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"],
            folder / "prometheus.log",
        )
        self.answers(f"{self.url}/-/ready")

    def ask(self, what: str, **parameters) -> dict:
        """Its answer, or an error in its own words."""
        try:
            answer = fetch(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        except urllib.error.HTTPError as refusal:
            answer = refusal.read().decode()
        return json.loads(answer)

    def query(self, expression: str) -> list[float]:
        """The values of all series that this gives now; those that are no number do not count."""
        answer = self.ask("query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer['error']}"
        values = [float(series["value"][1]) for series in answer["data"]["result"]]
        return [value for value in values if value == value]

    def label_values(self, label: str, match: str) -> list[str]:
        return self.ask(f"label/{label}/values", **{"match[]": match})["data"]
