"""How long vordr, by nginx's name, and nginx need from being started to their first answer, with the same file."""

import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROUNDS = 21
LINES = 1000
SITE = """
    server {{
        listen 127.0.0.1:{port};
        server_name site-{number}.example www.site-{number}.example;
        client_max_body_size 20m;
        add_header X-Frame-Options SAMEORIGIN always;
        location / {{
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_read_timeout 300s;
            proxy_pass http://127.0.0.1:{upstream}/site-{number}/;
        }}
        location /ws {{
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_pass http://127.0.0.1:{upstream};
        }}
        location = /health {{ return 200 "ok"; }}
        location ~ ^/v(\\d+)/api/ {{ return 301 /api/$1; }}
        location ~* \\.(png|jpg|css|js)$ {{ proxy_pass http://127.0.0.1:{upstream}; }}
    }}
"""


def rules(folder: Path, port: int) -> str:
    """A file of as many lines, most of them of sites."""
    head = (
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n"
        f"    access_log off;\n    client_body_temp_path {folder}/body;\n    proxy_temp_path {folder}/proxy;\n"
        f"    fastcgi_temp_path {folder}/fastcgi;\n    uwsgi_temp_path {folder}/uwsgi;\n    scgi_temp_path {folder}/scgi;\n"
    )
    text, number = head, 0
    while text.count("\n") < LINES - 1:
        text += SITE.format(number=number, port=port, upstream=9)
        number += 1
    return text + "}\n"


def first_answer(command: list, port: int) -> float:
    """Milliseconds from the start of a process to the end of its first answer's head."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() < begun + 30:
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as connection:
                    connection.sendall(b"GET /health HTTP/1.1\r\nHost: site-1.example\r\n\r\n")
                    answer = connection.recv(4096)
                    assert b" 200 " in answer, answer
                    return (time.monotonic() - begun) * 1000
            except ConnectionRefusedError:
                time.sleep(0.0005)
        raise AssertionError(f"{command} does not answer")
    finally:
        process.terminate()
        process.wait()


def start(vordr, free_port):
    print(f"| {LINES} lines of nginx's | to the first answer: median | fastest | slowest |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
        # Debian's nginx reads as nobody where root starts it.
        folder = Path(folder)
        folder.chmod(0o755)
        link = folder / "nginx"
        link.symlink_to(Path(vordr).resolve())
        programs = {"nginx": Path("/usr/sbin/nginx"), "vordr": link}
        took = {name: [] for name in programs}
        for number in range(ROUNDS):
            for name in sorted(programs, reverse=number % 2 == 1):
                port = free_port()
                path = folder / "nginx.conf"
                path.write_text(rules(folder, port))
                took[name].append(first_answer([programs[name], "-p", folder, "-c", path], port))
        for name, times in took.items():
            print(f"| {name} | {statistics.median(times):.1f} ms | {min(times):.1f} ms | {max(times):.1f} ms |")
        print(f"\n{os.cpu_count()} cores, {ROUNDS} starts of each, in turn")
