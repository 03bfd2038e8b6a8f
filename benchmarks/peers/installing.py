"""Installs a peer from its lock file, once."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import Missing

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".bench"


class NotInstalled(Exception):
    """What the lock file names could not be installed; the text says why."""


def node_peer(name: str) -> Path:
    """Return the folder of a peer written for Node, with its packages.

    Raises :class:`Missing` without Node, :class:`NotInstalled` when its packages cannot be had.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is missing: apt-get install nodejs npm")
    home = CACHE / name
    lock = HERE / name / "package-lock.json"
    if not _is_current(home, lock):
        home.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name / file, home)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], home)
        _note(home, lock)
    for file in (HERE / name).glob("*.mjs"):
        shutil.copy(file, home)
    return home


def python_peer(name: str) -> Path:
    """Return the virtual environment of a peer written in Python; raises :class:`NotInstalled`."""
    home = CACHE / name
    lock = HERE / name / "requirements.lock"
    if not _is_current(home, lock):
        _run([sys.executable, "-m", "venv", "--clear", str(home)], HERE)
        _run(
            [str(home / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--require-hashes", "-r", str(lock)],
            HERE,
        )  # fmt: skip
        _note(home, lock)
    return home


def _is_current(home: Path, lock: Path) -> bool:
    stamp = home / ".installed"
    return stamp.exists() and stamp.read_text() == _digest(lock)


def _note(home: Path, lock: Path) -> None:
    (home / ".installed").write_text(_digest(lock))


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=300, env=dict(os.environ)
        )
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        raise NotInstalled(lines[-1] if lines else str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(str(error)) from error
