"""A disk that can be cut off from one moment to the next, as when a machine loses its power.

What was written and not yet synced is gone then, in the files and in the file system's own journal; what a
database has synced is there when the disk is mounted again. The file system does this by itself (ioctl
``FS_IOC_SHUTDOWN``, which the kernel's own tests use). The disk below it is taken to keep what it was given.
Only who may mount can have one.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.production.processes import wait_until

#: ``_IOR('X', 125, __u32)`` of ``linux/fs.h``, and its order to leave the journal as it is on the disk.
_SHUTDOWN, _WITHOUT_THE_LOG = 0x8004587D, 2


class Disk:
    """The disk at ``path``, an ext4 file system of its own in the file ``image``."""

    def __init__(self, path: Path, image: Path) -> None:
        self.path, self._image = path, image

    def keep_what_there_is(self) -> None:
        """Let everything that was written so far outlive a cut."""
        subprocess.run(["sync", "-f", str(self.path)], check=True)

    def cut(self) -> None:
        """Lose what nobody has synced; from now on every reading and writing fails."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _WITHOUT_THE_LOG))
        finally:
            os.close(folder)

    def come_back(self) -> None:
        """Mount it again, once nobody works on it, as a machine does that starts."""
        # Whoever was killed a moment ago may still be there.
        wait_until(lambda: _done("umount", str(self.path)), "the disk that nobody works on")
        assert self._mount()

    def _mount(self) -> bool:
        return _done("mount", "-o", "loop", str(self._image), str(self.path))

    def make(self, owner: str | None) -> None:
        """Make the file system and mount it; skips the test where that is denied."""
        with self._image.open("wb") as image:
            image.truncate(512 << 20)
        made = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if made is None:
            pytest.skip("there is no mkfs.ext4 to make a disk with")
        subprocess.run([made, "-q", "-F", str(self._image)], check=True)
        self.path.mkdir()
        if not self._mount():
            # Also where every part is required: a right is nothing that could be installed.
            pytest.skip("no disk may be mounted here, which takes root")
        (self.path / "lost+found").rmdir()
        self.path.chmod(0o700)
        if owner:
            shutil.chown(self.path, owner, owner)


def _done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def disk_to_cut(path: Path, image: Path, owner: str | None = None) -> Iterator[Disk]:
    """Mount such a disk at ``path``, which is made, until the block ends; skips where that is denied."""
    disk = Disk(path, image)
    disk.make(owner)
    try:
        yield disk
    finally:
        # Lazily: whoever still has a file open there must not leave it mounted.
        subprocess.run(["umount", "-l", str(path)], check=True)
