"""Gunicorn, as the portal wants it: ``gunicorn -c config/gunicorn.conf.py wsgi:app``.

What differs from one machine to another is given in the environment: ``PORTAL_BIND`` (an address and port, or
``unix:/path``; not read where systemd hands the socket over), ``WEB_CONCURRENCY`` (workers), ``WEB_THREADS``,
and gunicorn's own ``GUNICORN_CMD_ARGS`` ("--max-requests 100000"), which wins over this file.

Signals (docs/operating.md, "Restart"): HUP replaces the workers one by one, TERM ends every request under way
and stops, USR2 starts a second server beside this one. None of them fails a request.
"""

import atexit
import contextlib
import ctypes
import gc
import math
import os
import sys
import tempfile
from pathlib import Path

from gunicorn.glogging import Logger

TOP = Path(__file__).resolve().parent.parent
# This file is read before gunicorn puts the application's folder on the path.
sys.path.insert(0, str(TOP))

from portal import logs, settings  # noqa: E402 - after the path is set

try:
    _configured = settings.load()
except settings.SettingsError as error:
    # One sentence, before any worker is started and restarted in vain.
    sys.exit(str(error))


class PortalLogger(Logger):
    """Gunicorn's own messages, in the portal's format, on standard error."""

    def setup(self, cfg):
        """Replace gunicorn's handler, which knows its own format only."""
        super().setup(cfg)
        self.error_log.handlers = [logs.handler(_configured.log_format)]
        self.error_log.propagate = False


def processors(cgroup=Path("/sys/fs/cgroup")):
    """Return how many processors this process may use: a container may see more than it is given.

    ``cpu.max`` holds the quota and the period (Linux, Control Group v2); version 1 has a file for each.
    """
    seen = len(os.sched_getaffinity(0))
    for quota_file, period_file in (
        ("cpu.max", None),
        ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
    ):
        try:
            words = (cgroup / quota_file).read_text().split()
            words += (cgroup / period_file).read_text().split() if period_file else []
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):
            continue  # no such file, or "max": no quota
        if quota > 0 and period > 0:
            return max(1, min(seen, math.ceil(quota / period)))
    return seen


def slowest_request():
    """Return the seconds that a request may wait for others: outbound calls end by themselves.

    Three tries of one call with its longest time-outs, and ten seconds of waiting for VerifEye's result; or
    a statement of the database.
    """
    outbound = {
        name: value
        for name, value in vars(_configured).items()
        if name.endswith(("_connect_timeout", "_read_timeout"))
    }
    connect = max(value for name, value in outbound.items() if "connect" in name)
    read = max(value for name, value in outbound.items() if "read" in name)
    return max(3 * (connect + read) + 10, _configured.database_statement_timeout)


def metrics_folder():
    """Return where all processes count together (prometheus-client's multi-process mode).

    Of its own for each start, unless the environment names one that the worker's service shares.
    """
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if named:
        Path(named).mkdir(mode=0o700, parents=True, exist_ok=True)
        return named
    shared_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - made safely
    made = tempfile.mkdtemp(prefix="portal-metrics-", dir=shared_memory)
    atexit.register(forget_metrics, made, os.getpid())
    return made


def forget_metrics(folder, owner):
    """Remove what processes that ended have counted; a second server (USR2) may still count there."""
    if os.getpid() != owner:
        return
    for file in Path(folder).glob("*.db"):
        number = file.stem.rpartition("_")[2]
        if number == str(owner) or not Path("/proc", number).exists():
            file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


if _configured.metrics_token or _configured.metrics_addresses:
    # Before the application is imported: prometheus-client looks at it once.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder()

chdir = str(TOP)
bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8080")

# A call to VerifEye holds a thread for seconds and uses no processor meanwhile; a signature holds a
# processor for a millisecond. So: a process for each processor, and threads enough to wait in. Two on one
# processor would push each other out of its cache, and cost a sixth. One that dies is replaced at once, from
# what is imported already; for another that serves meanwhile, set WEB_CONCURRENCY.
# gunicorn's gthread, but that a thread stays for a moment with a connection that is kept.
worker_class = "portal.serving.StayingThreads"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(processors(), 16))
threads = int(os.environ.get("WEB_THREADS") or 16)
backlog = 1024
# For clients that reach this server without a proxy. Behind nginx, the example opens a connection for each
# request: on a Unix socket that costs little, and no restart meets a connection that is kept.
keepalive = 15

# One application, imported once, shared by every worker's memory; connections are not shared (below).
preload_app = True

# A worker that is told to stop lets every request under way end before it goes.
graceful_timeout = math.ceil(slowest_request()) + 10
# Without a sign of life for this long, a worker is killed. Its main thread gives one each second, whatever
# the others wait for, so this is for a process that hangs as a whole.
timeout = 2 * graceful_timeout

# Workers stay: nothing was seen to grow (docs/operating.md, "Watch"). GUNICORN_CMD_ARGS may say otherwise.
max_requests = 0

# A signed request object in a query string is long; nothing else is. The body's limit is the portal's own
# (max_request_bytes), which answers in the portal's words.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# Nothing forwarded is believed here: portal/web/proxies.py decides, by trusted_proxies and
# trusted_proxy_addresses, and there is one place to get right.
forwarded_allow_ips = ""
secure_scheme_headers = {}
forwarder_headers = ""
header_map = "drop"

# The portal writes one line for each request itself, without query strings.
accesslog = None
errorlog = "-"
loglevel = _configured.log_level.lower()
logger_class = PortalLogger


def share_one_heap():
    """Let all threads of a process allocate from one heap of glibc's.

    It would give each of the first sixteen one of its own, and what one has freed is of no use to another.
    Only one thread runs Python at a time, so they would not have been in each other's way (mallopt(3)).
    """
    arena_max = -8
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such setting
        ctypes.CDLL(None).mallopt(arena_max, 1)


share_one_heap()

# A socket that takes orders for the running server, which nothing here needs.
control_socket_disable = True

proc_name = "verification-portal"
# Heartbeat files in memory: on a disk that is slow, a worker would be taken for dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes it safely


def when_ready(server):
    """Keep the collector away from what was imported: pages that it leaves alone stay shared."""
    gc.collect()
    gc.freeze()


def post_fork(server, worker):
    """Forget the parent's database connections: two processes on one connection mix up their answers."""
    from portal.extensions import db
    from wsgi import app

    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)


def child_exit(server, worker):
    """Take what a worker said of the present out of the measures; what it counted stays."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
