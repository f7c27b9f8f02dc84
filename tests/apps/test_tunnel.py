"""The tunnel refuses what a real one would: otherwise the tests through it would prove nothing."""

import http.client
import http.server
import socket
import ssl
import threading

import pytest
from tunnel import NAME, Tunnel, make_certificates


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path; says 101 and echoes where an upgrade is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade"):
            self.send_response_only(101)
            self.end_headers()
            while part := self.connection.recv(1024):
                self.connection.sendall(part)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def do_POST(self):
        if self.headers.get("Transfer-Encoding"):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def tunnel(tmp_path):
    app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    ca, certificate, key = make_certificates(tmp_path)
    tunnel = Tunnel(certificate, key, app.server_port)
    tunnel.ca = ca
    yield tunnel
    tunnel.close()
    app.shutdown()


def connect(tunnel, sni=NAME):
    """A TLS connection that asks for a name, whatever certificate comes."""
    context = ssl.create_default_context(cafile=tunnel.ca)
    context.check_hostname = False
    stream = socket.create_connection(("127.0.0.1", tunnel.port), timeout=10)
    return context.wrap_socket(stream, server_hostname=sni)


def ask(stream, host, method="GET", path="/", more="", body=b""):
    stream.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode() + body)
    response = http.client.HTTPResponse(stream, method=method)
    response.begin()
    return response.status, response.read()


def test_its_own_name_and_host_are_let_through(tunnel):
    assert ask(connect(tunnel), tunnel.host, path="/x") == (200, b"/x")
    assert tunnel.refused == []


@pytest.mark.parametrize("sni", ["other.test", None])
def test_another_name_in_the_handshake_is_refused(tunnel, sni):
    with pytest.raises(ssl.SSLError):
        connect(tunnel, sni)
    assert tunnel.refused == [f"SNI {sni}"]


@pytest.mark.parametrize("host", ["app.test", NAME, "app.test\r\nHost: {own}"])
def test_another_host_is_refused(tunnel, host):
    status, _ = ask(connect(tunnel), host.format(own=tunnel.host))
    assert status == 404
    assert len(tunnel.refused) == 1


@pytest.mark.parametrize(
    "more, body",
    [("Content-Length: 3\r\n", b"abc"), ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n")],
)
def test_every_request_of_a_connection_is_checked(tunnel, more, body):
    stream = connect(tunnel)
    assert ask(stream, tunnel.host, "POST", "/first", more, body) == (200, b"/first")
    assert ask(stream, tunnel.host, path="/second") == (200, b"/second")
    status, _ = ask(stream, "app.test", path="/third")
    assert status == 404
    assert tunnel.refused == ["Host [b'app.test']"]


def test_an_upgrade_carries_any_bytes_afterwards(tunnel):
    stream = connect(tunnel)
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    stream.sendall(f"GET /ws HTTP/1.1\r\nHost: {tunnel.host}\r\n{upgrade}\r\n".encode())
    assert stream.recv(1024).startswith(b"HTTP/1.1 101")
    stream.sendall(b"\x81\x02hi")
    assert stream.recv(1024) == b"\x81\x02hi"
    assert tunnel.refused == []
