"""A private Apache with mod_auth_openidc: its own configuration and port, nothing of the machine's."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support import machine

_MODULES = Path("/usr/lib/apache2/modules")
_LOADED = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "mime", "auth_openidc",
)  # fmt: skip
_LONGEST_START = 20


def program() -> str:
    """Return Apache's path; skips or fails the test where Apache or the module is missing."""
    path = machine.program("apache2", "/usr/sbin/apache2")
    if path is None:
        machine.missing("there is no Apache (Debian's package `apache2`)")
    for name in _LOADED:
        if not (_MODULES / f"mod_{name}.so").is_file():
            machine.missing(f"Apache lacks mod_{name} (Debian's package `libapache2-mod-auth-openidc`)")
    return path


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(port: int, directives: str) -> Iterator[str]:
    """Run Apache on ``port`` with ``directives`` until the block ends; ``/protected/`` needs a sign-in.

    Gives its origin. Its pages tell in headers whom it has signed in.
    """
    path = program()
    # Not pytest's folder, which only its owner may enter: Apache gives up root's rights.
    with tempfile.TemporaryDirectory(prefix="portal-apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        protected = folder / "pages" / "protected"
        protected.mkdir(parents=True)
        (protected / "index.html").write_text("<!doctype html><title>Inside</title><h1>Inside</h1>")
        configuration = folder / "apache.conf"
        configuration.write_text(_configuration(folder, port) + directives)
        log = folder / "error.log"
        process = subprocess.Popen(
            [path, "-d", name, "-f", str(configuration), "-DFOREGROUND"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            _wait(process, port, log)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _configuration(folder: Path, port: int) -> str:
    modules = "".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in _LOADED)
    account = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    return f"""{modules}{account}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel warn auth_openidc:info
Mutex pthread
StartServers 1
MinSpareThreads 5
MaxSpareThreads 20
ThreadsPerChild 10
MaxRequestWorkers 20
TypesConfig /dev/null
AddType text/html .html
DocumentRoot {folder}/pages
DirectoryIndex index.html
<Location /protected/>
    AuthType openid-connect
    Require valid-user
    Header set X-Signed-In-As "expr=%{{REMOTE_USER}}"
    Header set X-Subject "expr=%{{env:OIDC_CLAIM_sub}}"
    Header set X-Given-Name "expr=%{{env:OIDC_CLAIM_given_name}}"
</Location>
"""


def _wait(process: subprocess.Popen[str], port: int, log: Path) -> None:
    until = time.monotonic() + _LONGEST_START  # noqa: TID251 - another process lives by the real clock
    while True:
        if process.poll() is not None:
            told = (process.stderr.read() if process.stderr else "") + (
                log.read_text() if log.exists() else ""
            )
            raise AssertionError(f"Apache ended: {told}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert time.monotonic() < until, "Apache does not listen"  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251
