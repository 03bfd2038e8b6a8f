"""What the figures hold for: the machine, the versions, the day."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from portal import clock


def facts(postgres: str | None, command: str) -> dict[str, str]:
    """Return what a reader has to know to compare figures; ``postgres`` is the server's version."""
    found = {
        "Date": clock.now().strftime("%d %B %Y, %H:%M UTC"),
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "System": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "Python": platform.python_version(),
        "PostgreSQL": f"{postgres}, synchronous_commit=on, fsync=on" if postgres else "not measured",
        "Redis": _version(["redis-server", "--version"], r"v=(\S+)"),
        "Node": _version(["node", "--version"], r"v(\S+)"),
        "wrk": _version(["wrk", "--version"], r"wrk (?:debian/)?(\S+)"),
        "Command": f"`{command}`",
    }
    return {name: value for name, value in found.items() if value}


def busy() -> str | None:
    """Return a warning if other programs keep the machine busy before anything is measured."""
    load = os.getloadavg()[0]
    words = "other programs kept the machine busy, so neither figures nor ratios hold"
    return f"{words} (load {load:.1f} before the run)" if load > 0.7 else None


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def _version(command: list[str], pattern: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, out.stdout + out.stderr)
    return found[1] if found else ""
