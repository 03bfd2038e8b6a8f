"""The portal's own source, read as text and as syntax trees, for rules about the code."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.machine import TOP

PORTAL = TOP / "portal"


def modules(folder: Path = PORTAL) -> list[Path]:
    """Return every Python file under ``folder``."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """Return a module's dotted name."""
    parts = list(path.relative_to(TOP).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def calls(path: Path) -> Iterator[ast.Call]:
    """Give every call in a file."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


@cache
def files_of_the_repository() -> list[Path]:
    """Return every text file that is, or is about to be, part of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=TOP, capture_output=True, check=True).stdout.decode().split("\0")
    paths = [TOP / name for name in listed if name]
    return [path for path in paths if path.is_file() and path.suffix not in (".png", ".ico", ".woff2")]
