"""The nginx example as a test runs it: the very file, with ports and paths of this machine."""

import os
import subprocess
from pathlib import Path

from tests.production.processes import free_port
from tests.support.machine import TOP

EXAMPLE = TOP / "config" / "deploy" / "nginx" / "portal.conf"
NAME = "verify.example.com"
_SERVER = "server unix:/run/verification-portal/http.sock;"
_OWN = "proxy_pass http://unix:/run/verification-portal/http.sock;"


def make_certificate(folder: Path) -> None:
    """Write ``certificate.pem`` and ``key.pem`` for the example's name."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def made_for_this_machine(
    folder: Path, port: int, plain_port: int, *portals: str, watched_port: int | None = None
) -> Path:
    """Write the example with ports and paths of the test, in a frame as Debian's nginx.conf is one.

    ``portals`` are where the portal is: ``unix:/path`` or an address and port for each node; the first one is
    this machine's own, whose measures are told at ``watched_port`` (some free port if it is not given).
    """
    text = EXAMPLE.read_text()
    servers = "\n    ".join(f"server {portal}{_PATIENCE if len(portals) > 1 else ''};" for portal in portals)
    for written, ours in {
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "listen 80": f"listen 127.0.0.1:{plain_port}",
        "listen 127.0.0.1:9443 ": f"listen 127.0.0.1:{watched_port or free_port()} ",
        _SERVER: servers,
        _OWN: f"proxy_pass http://{portals[0]};",
        f"/etc/letsencrypt/live/{NAME}/fullchain.pem": f"{folder}/certificate.pem",
        f"/etc/letsencrypt/live/{NAME}/privkey.pem": f"{folder}/key.pem",
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert written in text, written
        text = text.replace(written, ours)
    text = "\n".join(line for line in text.splitlines() if "listen [::]" not in line)
    places = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    frame = folder / "nginx.conf"
    frame.write_text(
        f"{user} daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/start.log;\n"
        f"worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}\n"
        f"http {{\n{places}\naccess_log off;\n{text}\n}}\n"
    )
    return frame


#: As the example has it for several machines.
_PATIENCE = " max_fails=1 fail_timeout=5s"
