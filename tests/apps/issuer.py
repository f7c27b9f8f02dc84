"""Pebble, Let's Encrypt's small ACME server, with a name server that finds every name on this machine."""

import json
import random
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from running import Running
from tunnel import make_certificates


def quiet_ports(count: int) -> list[int]:
    """Free ports that the system gives to nobody who asks for any: these have to stay free for a while."""
    found = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found += [port] if port not in found else []
    return found


class Issuer:
    """A running Pebble whose certificates last `lifetime` seconds."""

    def __init__(self, folder: Path, lifetime: int):
        self.folder = folder
        self.port, self.http, self.tls, self.management, names, other = quiet_ports(6)
        self.ca, certificate, key = make_certificates(folder)
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
                 "-management", f"127.0.0.1:{other}"],
                folder / "names.log",
            ),
            Running(
                ["pebble", "-config", config, "-dnsserver", f"127.0.0.1:{names}"],
                folder / "pebble.log", PEBBLE_VA_NOSLEEP="1",
            ),
        ]
        self.root = folder / "root.pem"
        try:
            self.root.write_text(self._managed("/roots/0"))
        except BaseException:
            self.stop()
            raise

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
