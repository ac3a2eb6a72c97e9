"""A disk in memory that knows what of it was flushed, and forgets the rest when the power is cut.

What POSIX leaves open is decided against the program: a file's bytes are safe after ``fsync`` of
the file, its name after ``fsync`` of its directory, and neither does for the other. Of what was
not flushed a cut keeps nothing, some whole writes, or single sectors of them (torn writes); of
changes of a directory it keeps those up to some point, as journaling file systems do.
"""

from __future__ import annotations

import errno
import random
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SECTOR_BYTES = 512
_KEEP = 0.5


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that a file got and that were not flushed yet."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A change of a file's length that was not flushed yet."""

    size_bytes: int


Change = Write | Resize


@dataclass(slots=True, eq=False)
class Inode:
    """A file or directory. ``current``: what processes see; ``durable``: what a cut leaves."""

    mode: int
    current: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def change(self, change: Change) -> None:
        """Do it, to be flushed later."""
        _apply(self.current, change)
        self.pending.append(change)

    def flush(self) -> None:
        """What processes see is safe now."""
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def forget(self, chance: random.Random) -> None:
        """The power is cut."""
        for change in _survivors(self.pending, chance):
            _apply(self.durable, change)
        self.pending.clear()
        self.current = bytearray(self.durable)


Names = dict[str, Inode]


@dataclass(frozen=True, slots=True)
class Renaming:
    """A change of names: ``apply`` makes it; ``folders`` have to be flushed for it to be safe."""

    folders: frozenset[str]
    apply: Callable[[Names], None]


class Disk:
    """Paths begin with ``/``. Every method may raise OSError as the system call of its name."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.others_bytes = 0
        self.faults = Faults()
        self.powered = True
        self._names: Names = {"/": Inode(stat.S_IFDIR | 0o700)}
        self._durable_names: Names = dict(self._names)
        self._pending: list[Renaming] = []

    # power

    def cut(self, seed: int) -> None:
        """Every unflushed byte is gone, or all but a few; nothing works until ``power_on``."""
        chance = random.Random(seed)
        kept = chance.choice((0, len(self._pending), chance.randint(0, len(self._pending))))
        for renaming in self._pending[:kept]:
            renaming.apply(self._durable_names)
        self._pending.clear()
        for inode in dict.fromkeys([*self._names.values(), *self._durable_names.values()]):
            inode.forget(chance)
        self._names = dict(self._durable_names)
        self.powered = False

    def power_on(self) -> None:
        """Work again, with what was durable."""
        self.powered = True

    # files

    def inode(self, path: str) -> Inode:
        """What the path names."""
        self._check_power()
        try:
            return self._names[path]
        except KeyError:
            raise OSError(errno.ENOENT, "no such file") from None

    def create(self, path: str, mode: int) -> Inode:
        """A new file or directory."""
        self._check_power()
        if path in self._names:
            raise OSError(errno.EEXIST, "exists")
        made = Inode(mode)
        self._rename(Renaming(frozenset({folder_of(path)}), lambda names: _put(names, path, made)))
        return made

    def write(self, path: str, inode: Inode, data: bytes, offset: int) -> None:
        """All of it or nothing."""
        self._check_power()
        self.faults.check(path, "write")
        grows = max(offset + len(data) - len(inode.current), 0)
        if grows > self.free_bytes():
            raise OSError(errno.ENOSPC, "full")
        inode.change(Write(offset, data))

    def resize(self, path: str, inode: Inode, size_bytes: int) -> None:
        """Cut off, or fill with zeros."""
        self._check_power()
        self.faults.check(path, "write")
        inode.change(Resize(size_bytes))

    def flush(self, path: str, inode: Inode) -> None:
        """fsync and fdatasync. One that fails drops what it should have made safe, as Linux does:
        the pages are clean afterwards, and a second try says that all is well."""
        self._check_power()
        try:
            self.faults.check(path, "flush")
        except OSError:
            inode.pending.clear()
            raise
        inode.flush()

    # names

    def link(self, target: str, path: str) -> None:
        """A second name."""
        inode = self.inode(target)
        if path in self._names:
            raise OSError(errno.EEXIST, "exists")
        self._rename(Renaming(frozenset({folder_of(path)}), lambda names: _put(names, path, inode)))

    def unlink(self, path: str) -> None:
        """One name less."""
        self.inode(path)
        gone = frozenset({folder_of(path)})
        self._rename(Renaming(gone, lambda names: _drop(names, path)))

    def rename(self, old: str, new: str) -> None:
        """In one step, over a file that may be there."""
        self.inode(old)
        folders = frozenset({folder_of(old), folder_of(new)})
        self._rename(Renaming(folders, lambda names: _move(names, old, new)))

    def flush_folder(self, folder: str) -> None:
        """fsync of a directory."""
        self._check_power()
        self.faults.check(folder, "flush")
        rest = []
        for renaming in self._pending:
            if folder in renaming.folders:
                renaming.apply(self._durable_names)
            else:
                rest.append(renaming)
        self._pending = rest

    def list(self, folder: str) -> Iterator[str]:
        """The names in a directory."""
        self._check_power()
        prefix = folder.rstrip("/") + "/"
        for path in list(self._names):
            if path != folder and path.startswith(prefix) and "/" not in path[len(prefix) :]:
                yield path[len(prefix) :]

    def free_bytes(self) -> int:
        """What files may still grow by."""
        used_bytes = sum(len(inode.current) for inode in dict.fromkeys(self._names.values()))
        return max(self.capacity_bytes - self.others_bytes - used_bytes, 0)

    def fill(self, free_bytes: int) -> None:
        """Others take so much that this is left."""
        self.others_bytes += self.free_bytes() - free_bytes

    def clear(self) -> None:
        """Others give all back."""
        self.others_bytes = 0

    def _rename(self, renaming: Renaming) -> None:
        renaming.apply(self._names)
        self._pending.append(renaming)

    def _check_power(self) -> None:
        if not self.powered:
            raise OSError(errno.EIO, "no power")


class Faults:
    """Makes one write or flush fail, or all from one on. ``seen``: those of files whose name ends
    as ``suffixes`` say, since ``arm``; ``failed``: how many of them failed."""

    suffixes = (".db", ".db-wal")

    def __init__(self) -> None:
        self.disarm()

    def arm(self, number: int, code: int, *, for_good: bool) -> None:
        """The write or flush of that number, from 1, fails with the code (errno)."""
        self.number, self.code, self.for_good = number, code, for_good
        self.seen, self.failed = 0, 0

    def disarm(self) -> None:
        """Nothing fails."""
        self.arm(0, 0, for_good=False)

    def check(self, path: str, kind: str) -> None:
        """Raises OSError where it is this one's turn. A disk that fails for good fails for all
        files, one whose code is EROFS or ENOSPC for writes only once it began with one."""
        if not self.number or not (path.endswith(self.suffixes) or self._has_begun):
            return
        self.seen += 1
        if self.seen == self.number or (self.for_good and self.seen > self.number):
            self.failed += 1
            raise OSError(self.code, f"{kind} fails")

    @property
    def _has_begun(self) -> bool:
        return self.for_good and self.failed > 0


def folder_of(path: str) -> str:
    """The directory that a path is in."""
    return path.rpartition("/")[0] or "/"


def _apply(content: bytearray, change: Change) -> None:
    if isinstance(change, Resize):
        if change.size_bytes < len(content):
            del content[change.size_bytes :]
        else:
            content.extend(bytes(change.size_bytes - len(content)))
        return
    if change.offset > len(content):
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _survivors(pending: list[Change], chance: random.Random) -> Iterator[Change]:
    """What of the unflushed changes a cut leaves: nothing, whole writes, or sectors."""
    fate = chance.choice(("nothing", "writes", "sectors"))
    if fate == "nothing":
        return
    for change in pending:
        pieces = _sectors(change) if fate == "sectors" else [change]
        yield from (piece for piece in pieces if chance.random() < _KEEP)


def _sectors(change: Change) -> list[Change]:
    if isinstance(change, Resize):
        return [change]
    found: list[Change] = []
    at, end = change.offset, change.offset + len(change.data)
    while at < end:
        until = min(at - at % SECTOR_BYTES + SECTOR_BYTES, end)
        found.append(Write(at, change.data[at - change.offset : until - change.offset]))
        at = until
    return found


def _put(names: Names, path: str, inode: Inode) -> None:
    names[path] = inode


def _drop(names: Names, path: str) -> None:
    names.pop(path, None)


def _move(names: Names, old: str, new: str) -> None:
    inode = names.pop(old, None)
    if inode is not None:
        names[new] = inode
