"""A small disk that may be filled and emptied: memory (tmpfs), so that nothing else on the machine is full.

Nothing on it outlives the machine, and writing to it waits for nothing: no speed is measured on it. Only who
may mount can have one, which is root, and root in few containers.
"""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: With less than that, nothing more can be written.
_PAGE = 4096
_TRIES = 20


class SmallDisk:
    """The disk at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    @property
    def free(self) -> int:
        """How many bytes can be written yet."""
        seen = os.statvfs(self.path)
        return seen.f_bavail * seen.f_frsize

    def fill(self) -> None:
        """Take all that is free, also what became free since the last time.

        Who works on a full disk takes and gives back all the time (a file that could not be written whole is
        removed), so there is an end to it: whoever wants the disk to stay full calls this again.
        """
        with self._filler.open("ab") as filler:
            for _ in range(_TRIES):
                if (free := self.free) < _PAGE:
                    return
                try:
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, free)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    # Somebody else has taken some of it meanwhile.

    def empty(self) -> None:
        """Give back what was taken."""
        self._filler.unlink(missing_ok=True)


def is_allowed() -> bool:
    """Say whether such a disk may be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk", 1):
                return True
        except pytest.skip.Exception:
            return False


@contextmanager
def small_disk(path: Path, mebibytes: int, owner: str | None = None) -> Iterator[SmallDisk]:
    """Mount such a disk at ``path``, which is made, until the block ends; skips where that is denied."""
    path.mkdir()
    if owner:
        shutil.chown(path, owner, owner)
    about = path.stat()
    options = f"size={mebibytes}m,mode=0700,uid={about.st_uid},gid={about.st_gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "portal-small-disk", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        # Also where every part is required: a right is nothing that could be installed.
        pytest.skip("no small disk may be mounted here, which takes root")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: whoever still has a file open there must not leave it mounted.
        subprocess.run(["umount", "-l", str(path)], check=True)
