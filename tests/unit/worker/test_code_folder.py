"""What a worker runs is what stands in the project's files, however they were written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = """
import sys
from pathlib import Path
from firesteel.worker.code_folder import use_folder
use_folder(Path(sys.argv[1]))
import plain, parts.inner
print(plain.VALUE, parts.inner.VALUE)
"""
WRITTEN_AT_S = 1_700_000_000


def write(folder: Path, value: int) -> None:
    (folder / "parts").mkdir(exist_ok=True)
    for name in ("plain.py", "parts/inner.py"):
        file = folder / name
        file.write_text(f"VALUE = {value}\n")
        os.utime(file, (WRITTEN_AT_S, WRITTEN_AT_S))


def imported(folder: Path, *words: str) -> str:
    """What a new process finds there, which writes compiled code as far as it may."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *words, str(folder)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_code_of_the_same_size_and_time_is_seen_and_nothing_is_written_beside_it(
    tmp_path: Path,
) -> None:
    write(tmp_path, 1)
    assert imported(tmp_path, "-c", IMPORT) == "1 1"
    assert not list(tmp_path.rglob("*.pyc"))
    write(tmp_path, 2)
    assert imported(tmp_path, "-c", IMPORT) == "2 2"


@pytest.mark.parametrize("module", ["plain", "parts.inner"])
def test_code_that_another_program_has_compiled_is_not_used(tmp_path: Path, module: str) -> None:
    write(tmp_path, 1)
    imported(tmp_path, "-m", "compileall", "-q")
    assert list(tmp_path.rglob("*.pyc"))
    write(tmp_path, 2)
    plain = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}; print({module}.VALUE)"
    assert imported(tmp_path, "-c", plain) == "1", "Python itself is misled"
    assert imported(tmp_path, "-c", IMPORT) == "2 2"


def test_code_that_is_there_without_its_source_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, 1)
    imported(tmp_path, "-m", "compileall", "-q", "-b")
    for file in tmp_path.rglob("*.py"):
        file.unlink()
    assert imported(tmp_path, "-c", IMPORT) == "1 1"
