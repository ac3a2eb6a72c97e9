"""Mounts the forgetful disk through FUSE: ``python -m tests.fault.disk.mount DIR KIND BYTES``.

``KIND`` is what the system calls the file system (``fuse.KIND``), ``BYTES`` its capacity. Commands
come as JSON lines on standard input, one answer a line on standard output; the disk is unmounted
from outside, and this process ends with it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mfusepy

from tests.fault.disk.memory import Disk, Inode

_BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Handle:
    """An open file; ``path``: under which it was opened."""

    path: str
    inode: Inode


class Mounted(mfusepy.Operations):
    """The disk as libfuse asks for it. One thread of libfuse and the one of the commands."""

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Lock()
        self._open: dict[int, _Handle] = {}
        self._handles = 0

    def command(self, do: str, **given: Any) -> dict[str, Any]:
        """One command of the test."""
        disk = self._disk
        calls: dict[str, Callable[..., None]] = {
            "cut": disk.cut,
            "power_on": disk.power_on,
            "arm": disk.faults.arm,
            "disarm": disk.faults.disarm,
            "fill": disk.fill,
            "clear": disk.clear,
            "look": lambda: None,
        }
        with self._lock:
            calls[do](**given)
            faults = disk.faults
            return {"seen": faults.seen, "failed": faults.failed, "free": disk.free_bytes()}

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[Disk]:
        with self._lock:
            try:
                yield self._disk
            except OSError as error:
                raise mfusepy.FuseOSError(error.errno) from error

    def _handle(self, path: str, handle: int | None) -> _Handle:
        """libfuse gives no path of a file that has lost its name."""
        if not self._disk.powered:
            # Not even its length: what a cut has left is for who comes afterwards.
            raise OSError(errno.EIO, "no power")
        held = self._open.get(handle or 0)
        return _Handle(path, self._disk.inode(path)) if held is None else held

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        with self._on_disk():
            inode = self._handle(path, fh).inode
            return {
                "st_mode": inode.mode,
                "st_nlink": 2 if stat.S_ISDIR(inode.mode) else 1,
                "st_size": len(inode.current),
                "st_uid": os.getuid(),
                "st_gid": os.getgid(),
            }

    def readdir(self, path: str, fh: int) -> list[str]:
        with self._on_disk() as disk:
            return [".", "..", *disk.list(path)]

    def mkdir(self, path: str, mode: int) -> int:
        with self._on_disk() as disk:
            disk.create(path, stat.S_IFDIR | mode)
        return 0

    def rmdir(self, path: str) -> int:
        with self._on_disk() as disk:
            if any(disk.list(path)):
                raise OSError(errno.ENOTEMPTY, "not empty")
            disk.unlink(path)
        return 0

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        with self._on_disk() as disk:
            return self._opened(_Handle(path, disk.create(path, stat.S_IFREG | mode)))

    def open(self, path: str, flags: int) -> int:
        with self._on_disk() as disk:
            return self._opened(_Handle(path, disk.inode(path)))

    def _opened(self, handle: _Handle) -> int:
        self._handles += 1
        self._open[self._handles] = handle
        return self._handles

    def release(self, path: str, fh: int) -> int:
        self._open.pop(fh, None)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._on_disk():
            return bytes(self._handle(path, fh).inode.current[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._on_disk() as disk:
            handle = self._handle(path, fh)
            disk.write(handle.path, handle.inode, data, offset)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._on_disk() as disk:
            handle = self._handle(path, fh)
            disk.resize(handle.path, handle.inode, length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._on_disk() as disk:
            handle = self._handle(path, fh)
            disk.flush(handle.path, handle.inode)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._on_disk() as disk:
            disk.flush_folder(path)
        return 0

    def unlink(self, path: str) -> int:
        with self._on_disk() as disk:
            disk.unlink(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        with self._on_disk() as disk:
            disk.rename(old, new)
        return 0

    def link(self, target: str, source: str) -> int:
        """``target`` is the new name: libfuse's order, not that of link(2)."""
        with self._on_disk() as disk:
            disk.link(source, target)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        with self._on_disk() as disk:
            inode = disk.inode(path)
            inode.mode = stat.S_IFMT(inode.mode) | stat.S_IMODE(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        with self._on_disk() as disk:
            free = disk.free_bytes() // _BLOCK_BYTES
            return {
                "f_bsize": _BLOCK_BYTES,
                "f_frsize": _BLOCK_BYTES,
                "f_blocks": disk.capacity_bytes // _BLOCK_BYTES,
                "f_bfree": free,
                "f_bavail": free,
                "f_namemax": 255,
            }


def _obey(mounted: Mounted) -> None:
    for line in sys.stdin:
        answer = mounted.command(**json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Until the disk is unmounted."""
    point, kind, capacity = sys.argv[1:]
    mounted = Mounted(Disk(int(capacity)))
    threading.Thread(target=_obey, args=(mounted,), daemon=True).start()
    mfusepy.FUSE(
        mounted,
        point,
        foreground=True,
        nothreads=True,
        fsname="forgetful",
        subtype=kind,
        hard_remove=True,
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
    )


if __name__ == "__main__":
    main()
