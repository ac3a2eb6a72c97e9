"""The settings of an installation, for commands that need no node: as ``serve`` reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firesteel.settings import Settings

PROJECT = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-p",
        help="Project folder, as `serve` is given it; left out: this folder, if it has a "
        "firesteel.toml.",
    ),
]
DATA_DIR = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory; left out: as the settings."),
]


def settings_of(project: Path | None, data_dir: Path | None = None) -> Settings:
    """From the options, the environment and firesteel.toml. Raises SettingsError."""
    from firesteel.settings import FILE, load_settings

    if project is None and os.path.lexists(FILE):
        project = Path()
    flags = {"data_dir": None if data_dir is None else str(data_dir)}
    return load_settings(flags, os.environ, project)
