"""A tunnel like ngrok's: TLS that insists on its name in SNI and in Host, and passes all else on."""

import asyncio
import ssl
import subprocess
import threading
from pathlib import Path

NAME = "localhost"


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A CA of its own, and a certificate of that CA for the tunnel's name: (CA, certificate, key)."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request = folder / "tunnel.pem", folder / "tunnel.key", folder / "tunnel.csr"
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{NAME}\nbasicConstraints=CA:FALSE\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    openssl("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=test CA", "-keyout", ca_key, "-out", ca)
    openssl("req", *new_key, "-subj", f"/CN={NAME}", "-keyout", key, "-out", request)
    openssl(
        "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
        "-days", "2", "-extfile", extensions, "-out", certificate,
    )
    return ca, certificate, key


class Tunnel:
    """Listens on a free port and leads to an app's port; counts what it refuses."""

    def __init__(self, certificate: Path, key: Path, app_port: int):
        self.app_port = app_port
        self.refused: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.sni_callback = self._check_sni
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.host = f"{NAME}:{self.port}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _check_sni(self, _socket, name, _context):
        if name != NAME:
            self.refused.append(f"SNI {name}")
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            hosts = [line[5:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"host:")]
            if hosts != [self.host.encode()]:
                self.refused.append(f"Host {hosts}")
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            app_reader, app_writer = await asyncio.open_connection("127.0.0.1", self.app_port)
            app_writer.write(head)
            await asyncio.gather(copy(reader, app_writer), copy(app_reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


async def copy(reader, writer):
    """Passes bytes on until one side is done."""
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
