"""Planted defect: a backup copies the store's file as it is, without the write-ahead log."""

from __future__ import annotations

import shutil
from pathlib import Path

from firesteel.store.copies import Copied, Counted
from firesteel.store.sqlite import file


def _copy_file(store: Path, target: Path, *_more: object) -> Copied:
    shutil.copyfile(store, target)
    return Copied(target.stat().st_size, "", Counted(0, {}))


file.back_up = _copy_file  # type: ignore[attr-defined]
