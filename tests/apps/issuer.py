"""Pebble, Let's Encrypt's small ACME server, with a name server that finds every name on this machine."""

import json
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from conftest import Running, free_port
from tunnel import make_certificates


class Issuer:
    """A running Pebble whose certificates last `lifetime` seconds."""

    def __init__(self, folder: Path, lifetime: int):
        self.folder = folder
        self.port, self.http, self.tls = free_port(), free_port(), free_port()
        self.management = free_port()
        self.ca, certificate, key = make_certificates(folder)
        names = free_port()
        config = folder / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(certificate), "privateKey": str(key), "httpPort": self.http, "tlsPort": self.tls,
            "certificateValidityPeriod": lifetime,
        }}))
        self.running = [
            Running(
                ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                 "-dns01", f"127.0.0.1:{names}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                 "-management", f"127.0.0.1:{free_port()}"],
                folder / "names.log",
            ),
            Running(
                ["pebble", "-config", config, "-dnsserver", f"127.0.0.1:{names}"],
                folder / "pebble.log", PEBBLE_VA_NOSLEEP="1",
            ),
        ]
        self.root = folder / "root.pem"
        self.root.write_text(self._managed("/roots/0"))

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/dir"

    def shown(self, name: str) -> bytes:
        """The certificate that is shown for a name, which has to be one of Pebble's and good now."""
        context = ssl.create_default_context(cafile=str(self.root))
        with socket.create_connection(("127.0.0.1", self.tls), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secured:
                return secured.getpeercert(binary_form=True)

    def trusted_home(self) -> Path:
        """A home folder whose Chromium trusts Pebble."""
        store = self.folder / "home/.pki/nssdb"
        store.mkdir(parents=True)
        for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "pebble", "-i", str(self.root)]):
            subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True)
        return self.folder / "home"

    def stop(self):
        for running in self.running:
            running.stop()

    def _managed(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self.ca))
        end = time.monotonic() + 20
        while True:
            try:
                url = f"https://localhost:{self.management}{path}"
                return urllib.request.urlopen(url, timeout=5, context=context).read().decode()
            except OSError:
                assert time.monotonic() < end, "pebble does not answer"
                time.sleep(0.1)
