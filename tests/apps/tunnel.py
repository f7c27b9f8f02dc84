"""A tunnel like ngrok's: TLS that insists on its name in SNI and in every Host, and passes all else on."""

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
            app_reader, app_writer = await asyncio.open_connection("127.0.0.1", self.app_port)
            answers = Answers()
            await asyncio.gather(
                self._pass_requests(reader, writer, app_writer, answers),
                answers.copy(app_reader, writer),
            )
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _pass_requests(self, reader, writer, app, answers):
        """Passes requests on as long as each is for the tunnel's own Host: one says nothing of the next."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                hosts = values(head, b"host")
                if hosts != [self.host.encode()]:
                    self.refused.append(f"Host {hosts}")
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                answers.expect()
                app.write(head)
                await copy_body(head, reader, app)
                if values(head, b"upgrade") and await answers.switch:
                    return await copy(reader, app)
        finally:
            app.close()


class Answers:
    """The app's answers, passed on as they come; what is asked of them is only whether one switches protocols."""

    def __init__(self):
        self.switch = asyncio.Future()

    def expect(self):
        self.switch = asyncio.Future()

    async def copy(self, reader, writer):
        """Passes answers on until the app is done, and the client with it."""
        try:
            while part := await reader.read(65536):
                if not self.switch.done():
                    self.switch.set_result(part.startswith(b"HTTP/1.1 101"))
                writer.write(part)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            if not self.switch.done():
                self.switch.set_result(False)
            writer.close()


def values(head: bytes, name: bytes) -> list[bytes]:
    """Every value of a header."""
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value.strip() for field, _, value in fields if field.lower() == name]


async def copy_body(head, reader, writer):
    """Passes a request's body on, and no byte more."""
    if values(head, b"transfer-encoding"):
        size = None
        while size != 0:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
    for length in values(head, b"content-length"):
        writer.write(await reader.readexactly(int(length)))
    await writer.drain()


async def copy(reader, writer):
    """Passes bytes on until one side is done."""
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
