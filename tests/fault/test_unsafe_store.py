"""P35: a node that could lose what it is given does not start, and says why in one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firesteel.model.encryption_key import KEY_BYTES, written_key
from tests.fault.defects import planted
from tests.fault.disk.forgetful import ForgetfulDisk, needs_fuse
from tests.fault.report import Report

END_S = 60.0
NETWORK_KINDS = ("sshfs", "s3fs", "glusterfs")


def refusal(data_dir: Path, **environment: str) -> list[str]:
    """The lines with which ``firesteel serve`` ends; empty where it has started."""
    settings = {
        "FIRESTEEL_PORT": "0",
        "FIRESTEEL_ADMIN_PORT": "0",
        "FIRESTEEL_DATA_DIR": str(data_dir),
        "FIRESTEEL_WORKERS": "1",
        "FIRESTEEL_DISK_RESERVE": "0B",
    }
    command = [sys.executable, "-m", "firesteel", "serve"]
    with subprocess.Popen(
        command,
        env={**os.environ, **settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            if "is ready" in line:
                process.terminate()
                return []
            lines.append(line)
        assert process.wait(END_S) == 1
    return [line for line in lines if "node_cannot_start" in line]


def key(byte: bytes) -> str:
    return written_key(byte * KEY_BYTES)


def test_p35_a_wrong_encryption_key_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, FIRESTEEL_ENCRYPTION_KEY=key(b"a")) == []
    (line,) = refusal(tmp_path, FIRESTEEL_ENCRYPTION_KEY=key(b"b"))
    assert "wrong_encryption_key" in line


def test_p35_a_missing_encryption_key_is_refused_and_none_is_made_in_its_place(
    tmp_path: Path,
) -> None:
    assert refusal(tmp_path) == []
    (file,) = tmp_path.rglob("encryption.key")
    kept = file.rename(tmp_path / "kept")
    for _ in range(2):
        (line,) = refusal(tmp_path)
        assert "wrong_encryption_key" in line
        assert not file.exists()
    kept.rename(file)
    assert refusal(tmp_path) == []


def test_p35_commits_that_are_not_flushed_are_refused(tmp_path: Path) -> None:
    (line,) = refusal(tmp_path, **dict([planted("synchronous_normal_alone")]))
    assert "store_unsafe" in line
    assert "synchronous 1" in line


def test_p35_fails_when_nobody_asks_whether_commits_are_flushed(
    tmp_path: Path, report: Report
) -> None:
    found = refusal(tmp_path, **dict([planted("synchronous_normal")])) == []
    report.defect("P35", "synchronous_normal", found=found)
    assert found


@pytest.mark.full
@needs_fuse
def test_p35_network_file_systems_are_refused(tmp_path: Path, report: Report) -> None:
    for kind in NETWORK_KINDS:
        with ForgetfulDisk.mounted(tmp_path / kind, kind=kind):
            (line,) = refusal(tmp_path / kind)
        assert "store_unsafe" in line
        assert kind in line
    note = "network file systems, synchronous NORMAL, wrong key"
    report.row("P35", "unsafe stores", cycles=len(NETWORK_KINDS) + 2, note=note)
