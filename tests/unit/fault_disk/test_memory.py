"""The disk of the fault tests forgets what it should, and nothing else."""

from __future__ import annotations

import errno
import stat

import pytest

from tests.fault.disk.memory import SECTOR_BYTES, Disk, Inode

MIB = 1024**2


@pytest.fixture
def disk() -> Disk:
    return Disk(MIB)


def file(disk: Disk, path: str = "/a") -> Inode:
    """A file whose name is safe."""
    made = disk.create(path, stat.S_IFREG | 0o600)
    disk.flush_folder("/")
    return made


def after_cuts(disk: Disk) -> set[bytes]:
    """What the file may hold after a cut, of many."""
    found = set()
    durable, pending = bytes(disk.inode("/a").durable), list(disk.inode("/a").pending)
    for seed in range(200):
        inode = disk.inode("/a")
        inode.durable[:], inode.pending[:] = durable, pending
        disk.cut(seed)
        disk.power_on()
        found.add(bytes(disk.inode("/a").current))
    return found


def test_what_was_flushed_stays(disk: Disk) -> None:
    inode = file(disk)
    disk.write("/a", inode, b"safe", 0)
    disk.flush("/a", inode)
    assert after_cuts(disk) == {b"safe"}


def test_of_what_was_not_flushed_anything_may_be_left(disk: Disk) -> None:
    inode = file(disk)
    disk.write("/a", inode, b"1", 0)
    disk.write("/a", inode, b"2", 1)
    assert after_cuts(disk) == {b"", b"1", b"12", b"\x002"}


def test_a_write_may_be_torn_at_a_sector(disk: Disk) -> None:
    inode = file(disk)
    first, second = b"1" * SECTOR_BYTES, b"2" * SECTOR_BYTES
    disk.write("/a", inode, first + second, 0)
    assert after_cuts(disk) == {b"", first, first + second, bytes(SECTOR_BYTES) + second}


def test_a_change_of_length_may_be_forgotten(disk: Disk) -> None:
    inode = file(disk)
    disk.write("/a", inode, b"long", 0)
    disk.flush("/a", inode)
    disk.resize("/a", inode, 1)
    assert after_cuts(disk) == {b"long", b"l"}


def test_a_name_needs_a_flush_of_its_directory(disk: Disk) -> None:
    left = set()
    for seed in range(50):
        disk = Disk(MIB)
        made = disk.create("/a", stat.S_IFREG | 0o600)
        disk.write("/a", made, b"x", 0)
        disk.flush("/a", made)
        disk.cut(seed)
        disk.power_on()
        left.add(tuple(disk.list("/")))
    assert left == {(), ("a",)}


def test_a_rename_is_whole_or_not_there(disk: Disk) -> None:
    left = set()
    for seed in range(50):
        disk = Disk(MIB)
        file(disk, "/new")
        disk.rename("/new", "/a")
        disk.cut(seed)
        disk.power_on()
        left.add(tuple(disk.list("/")))
    assert left == {("new",), ("a",)}


def test_a_flush_that_failed_makes_nothing_safe_and_the_next_one_does_not_either(
    disk: Disk,
) -> None:
    inode = file(disk, "/a.db")
    disk.write("/a.db", inode, b"x", 0)
    disk.faults.arm(1, errno.EIO, for_good=False)
    with pytest.raises(OSError, match="flush fails"):
        disk.flush("/a.db", inode)
    disk.flush("/a.db", inode)
    assert (bytes(inode.current), bytes(inode.durable)) == (b"x", b"")


def test_one_write_fails_or_all_from_one_on(disk: Disk) -> None:
    inode = file(disk, "/a.db")

    def fails() -> list[bool]:
        told = []
        for _ in range(4):
            try:
                disk.write("/a.db", inode, b"x", 0)
                told.append(False)
            except OSError:
                told.append(True)
        return told

    disk.faults.arm(2, errno.EIO, for_good=False)
    assert fails() == [False, True, False, False]
    disk.faults.arm(2, errno.EIO, for_good=True)
    assert fails() == [False, True, True, True]
    disk.faults.disarm()
    assert not any(fails())


def test_a_full_disk_takes_no_more(disk: Disk) -> None:
    inode = file(disk)
    disk.write("/a", inode, bytes(MIB), 0)
    with pytest.raises(OSError, match="full"):
        disk.write("/a", inode, b"x", MIB)
    disk.write("/a", inode, b"x", 0)
    assert disk.free_bytes() == 0


def test_others_fill_the_disk_and_give_it_back(disk: Disk) -> None:
    inode = file(disk)
    disk.fill(free_bytes=1)
    with pytest.raises(OSError, match="full"):
        disk.write("/a", inode, b"xx", 0)
    disk.clear()
    disk.write("/a", inode, b"xx", 0)
    assert disk.free_bytes() == MIB - 2


def test_without_power_nothing_works(disk: Disk) -> None:
    inode = file(disk)
    disk.cut(0)
    with pytest.raises(OSError, match="no power"):
        disk.write("/a", inode, b"x", 0)
