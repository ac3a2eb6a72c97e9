"""``firesteel init``: a small project that works."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.output import Output

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

TEMPLATE = "template"
# A package's data has no hidden files, so that tools which pack it leave none out.
_RENAMED = {"gitignore": ".gitignore"}


def init(
    output: Output, folder: Annotated[Path, typer.Argument(help="Folder to make; may be empty.")]
) -> None:
    """Make a project folder with one integration that works.

    [bold]Examples[/bold]

      firesteel init my-integrations && cd my-integrations && firesteel dev
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandFailed(f"{folder} is not empty", exit_code=Exit.REFUSED, code="target_exists")
    try:
        written = copy_tree(files("firesteel.cli") / TEMPLATE, folder)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be written: {error.strerror}") from error
    output.result([str(path) for path in written])
    for path in written:
        output.say(f"wrote {path}")
    output.say(f"\nNext:\n  cd {folder}\n  firesteel dev\n  firesteel send hello --key me")


def copy_tree(source: Traversable, target: Path) -> list[Path]:
    """Copy a package's data folder; the files that were written, in order. What compiled Python
    left there is not taken along."""
    written: list[Path] = []
    target.mkdir(parents=True, exist_ok=True)
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        if item.name == "__pycache__":
            continue
        place = target / _RENAMED.get(item.name, item.name)
        if item.is_dir():
            written += copy_tree(item, place)
        else:
            place.write_bytes(item.read_bytes())
            written.append(place)
    return written
