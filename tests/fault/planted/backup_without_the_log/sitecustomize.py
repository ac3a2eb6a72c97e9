"""Planted defect: a backup copies the store's file as it is, without the write-ahead log."""

from __future__ import annotations

import shutil
from pathlib import Path

from firesteel.store.sqlite import file


def _copy_file(store: Path, target: Path) -> None:
    shutil.copyfile(store, target)


file.back_up = _copy_file  # type: ignore[attr-defined]
