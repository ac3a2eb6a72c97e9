"""A node's name: kept in its data directory, and held by one engine at a time."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from firesteel.errors import OperatorError
from firesteel.node_name import FILE, NodeName

BOOT = "7be1c9f0-5d41-4c8e-9a55-0f3a1d2b6c77"


def test_a_node_keeps_its_name_and_no_other_gets_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, other = NodeName.take(tmp_path, boot=BOOT), NodeName.take(tmp_path / "other", boot=BOOT)
    os.close(first.descriptor)
    again = NodeName.take(tmp_path, boot=BOOT)
    assert first.text == again.text != other.text
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    for name in (again, other):
        os.close(name.descriptor)


def test_a_data_directory_has_one_engine_at_a_time(tmp_path: Path) -> None:
    held = NodeName.take(tmp_path, boot=BOOT)
    with pytest.raises(OperatorError) as caught:
        NodeName.take(tmp_path, boot=BOOT)
    assert caught.value.code == "data_dir_in_use"
    os.close(held.descriptor)


def test_a_copy_on_the_same_machine_is_another_node_and_keeps_its_own_name(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    original = NodeName.take(data, boot=BOOT)
    shutil.copytree(data, copy)  # also while the original runs
    other = NodeName.take(copy, boot=BOOT)
    assert other.text != original.text
    for name in (original, other):
        os.close(name.descriptor)
    for folder, name in ((data, original), (copy, other)):
        again = NodeName.take(folder, boot=BOOT)
        assert again.text == name.text
        os.close(again.descriptor)


def test_a_moved_directory_keeps_its_name_and_so_does_that_of_an_older_release(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_text("3fa9c2d0\n")
    old = NodeName.take(tmp_path / "data", boot="")
    os.close(old.descriptor)
    assert old.text.endswith("-3fa9c2d0")
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = NodeName.take(tmp_path / "moved", boot="")
    os.close(moved.descriptor)
    assert moved.text == old.text


def test_a_copy_on_another_machine_is_another_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = NodeName.take(tmp_path, boot=BOOT)
    os.close(here.descriptor)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere.example.com")
    there = NodeName.take(tmp_path, boot=BOOT)
    os.close(there.descriptor)
    assert there.text.startswith("elsewhere-")
    assert there.text != here.text


def test_a_copy_of_a_whole_machine_is_another_node(tmp_path: Path) -> None:
    """Its host has the same name and the file stands in the same place of the same disk."""
    original = NodeName.take(tmp_path, boot=BOOT)
    os.close(original.descriptor)
    copy = NodeName.take(tmp_path, boot="01d7ffe2-8a3b-4b0e-b6a1-2c9d00e14f10")
    os.close(copy.descriptor)
    assert copy.text != original.text
    assert copy.text.rpartition("-")[0] == original.text.rpartition("-")[0]
