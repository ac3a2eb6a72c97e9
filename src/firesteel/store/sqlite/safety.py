"""Refusing a store that could lose what it was given (P35), before anything is accepted."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from firesteel.errors import OperatorError, StoreUnavailable

# Locks and shared memory are not to be relied on across machines, and a flush ends at the other
# machine's cache (https://sqlite.org/wal.html: "does not work over a network filesystem").
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *(
            "nfs",
            "nfs3",
            "nfs4",
            "cifs",
            "smb",
            "smb2",
            "smb3",
            "smbfs",
            "afpfs",
            "webdav",
            "davfs",
        ),
        *(
            "afs",
            "ceph",
            "coda",
            "ftp",
            "gfs",
            "gfs2",
            "glusterfs",
            "gpfs",
            "lustre",
            "ncpfs",
            "ocfs2",
        ),
        *("beegfs", "orangefs", "pvfs2", "sshfs", "s3fs", "rclone", "gcsfuse", "goofys", "9p"),
    }
)

_FULL = 2

# What a disk says that is full or fails: it may do better later, unlike a wrong directory.
_FOR_NOW = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_FOR_NOW_IN_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


# Looked at where SQLite calls a file damaged: enough to see whether its disk can be read.
_LOOKED_AT_BYTES = 16 * 1024 * 1024


def check_directory(directory: Path) -> None:
    """Make the data directory (mode 0700) where there is none, and see that it will do.

    Raises OperatorError ``store_unsafe`` for a network file system, ``data_dir_unwritable``, and
    StoreUnavailable where the disk is full or fails.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".firesteel-") as file:
            file.write(b"firesteel")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(error) from error
    kind = file_system_of(directory)
    if kind is not None and kind.rpartition(".")[2] in NETWORK_FILE_SYSTEMS:
        raise OperatorError(
            f"the data directory is on a network file system ({kind}), which cannot promise that "
            "what was flushed stays: put it on a local disk",
            code="store_unsafe",
        )


def cannot_write(error: OSError) -> OperatorError:
    """As operators know it: StoreUnavailable where it may go by, ``data_dir_unwritable`` else."""
    told = f"the data directory cannot be written to: {error.strerror}"
    if error.errno in _FOR_NOW:
        return StoreUnavailable(told)
    return OperatorError(told, code="data_dir_unwritable")


def is_for_now(error: BaseException | None) -> bool:
    """Whether an error of SQLite is the disk's or a lock's, and not the statement's or the file's.
    Extended codes have the kind in the low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _FOR_NOW_IN_SQLITE


def is_damaged(error: BaseException | None) -> bool:
    """Whether SQLite calls the file damaged. It does so too where a read failed with EIO
    (https://sqlite.org/rescode.html#ioerr_corruptfs), and tells no more: see ``can_be_read``."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_CORRUPT


def is_unusable(error: BaseException | None) -> bool:
    """Whether an error of SQLite is the store's, damage included, and not the statement's."""
    return is_for_now(error) or is_damaged(error)


def can_be_read(path: Path) -> bool:
    """Whether the disk gives the first bytes of the store's file and of its log. Not while this
    process has connections to it: closing a file drops their locks."""
    try:
        for file in (path, path.with_name(f"{path.name}-wal")):
            if file.exists():
                with file.open("rb") as opened:
                    opened.read(_LOOKED_AT_BYTES)
    except OSError:
        return False
    return True


def check_connection(connection: sqlite3.Connection) -> None:
    """See that the writer's connection flushes every commit.

    Raises OperatorError ``store_unsafe``.
    """
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    (full,) = connection.execute("PRAGMA fullfsync").fetchone()
    if mode != "wal" or synchronous < _FULL or (sys.platform == "darwin" and not full):
        raise OperatorError(
            f"the store would not flush every commit (journal_mode {mode}, synchronous "
            f"{synchronous}, fullfsync {full})",
            code="store_unsafe",
        )


def file_system_of(directory: Path) -> str | None:
    """The type of the file system that holds the directory, such as ext4 or nfs4; None where the
    system does not tell."""
    path = directory.resolve()
    mounts = _mounts_of_macos() if sys.platform == "darwin" else _mounts_of_linux()
    holding = [mount for mount in mounts if path.is_relative_to(mount[0])]
    # Of two mounts on one point the later one is seen.
    deepest = max((len(point.parts) for point, _ in holding), default=0)
    kinds = [kind for point, kind in holding if len(point.parts) == deepest]
    return kinds[-1] if kinds else None


def _mounts_of_linux() -> list[tuple[Path, str]]:
    """See proc(5), /proc/pid/mountinfo: fields before " - " and after it."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    return mounts_in(lines)


def mounts_in(lines: list[str]) -> list[tuple[Path, str]]:
    """Mount points and types of the lines of a mountinfo file."""
    found = []
    for line in lines:
        before, separator, after = line.partition(" - ")
        if separator:
            point = before.split(" ")[4]
            for code, character in (
                ("\\040", " "),
                ("\\011", "\t"),
                ("\\012", "\n"),
                ("\\134", "\\"),
            ):
                point = point.replace(code, character)
            found.append((Path(point), after.split(" ")[0]))
    return found


def _mounts_of_macos() -> list[tuple[Path, str]]:
    """``mount`` prints ``//host/share on /Volumes/share (smbfs, nodev)``."""
    try:
        told = subprocess.run(
            ["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in told.stdout.splitlines():
        place, _, options = line.rpartition(" (")
        point = place.rpartition(" on ")[2]
        found.append((Path(point), options.rstrip(")").split(",")[0]))
    return found
