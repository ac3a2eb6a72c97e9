"""The command line as its reference lists it: every command, its arguments and its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import typer

from firesteel.cli.app import application
from firesteel.settings import SETTINGS

# Each page, and the panels of `firesteel --help` whose commands stand in it.
COMMAND_PAGES: Final = {
    "command-line.md": ("Run a node", "Integrations as files"),
    "commands-operating.md": ("Operate a running node",),
}
# Commands that take a flag for every setting, which is told once.
_RUNS: Final = ("serve", "dev", "demo")
_SHARED: Final = ("workspace", "data_dir", "as_json")
_HEAD: Final = ["| Argument or option | Meaning |", "| --- | --- |"]


def commands() -> dict[str, tuple[str, Any]]:
    """Every command by its full name, with the panel that it stands in."""
    found: dict[str, tuple[str, Any]] = {}
    group: Any = typer.main.get_command(application())
    for name, command in group.commands.items():
        panel = str(command.rich_help_panel)
        if not hasattr(command, "commands"):
            found[f"firesteel {name}"] = (panel, command)
            continue
        for sub, inner in command.commands.items():
            found[f"firesteel {name} {sub}"] = (panel, inner)
    return found


def commands_page(page: str, text: str) -> str:
    """The page with the options as they are now. Sections of commands that are gone go; a command
    without one gets what its help says."""
    here = {
        name: command
        for name, (panel, command) in commands().items()
        if panel in COMMAND_PAGES[page]
    }
    start = text.index("\n### ") + 1
    head, sections = text[:start], _sections(text[start:])
    written = [_section(name, command, sections.get(name)) for name, command in here.items()]
    return _with_list(head) + "\n".join(written)


def options(name: str, command: Any) -> Iterator[tuple[str, str]]:
    """Its arguments and options with what they mean, without those that are told once."""
    names = {parameter.name for parameter in command.params}
    runs = name.split()[1] in _RUNS
    left_out = {"help"}
    if runs:
        left_out |= {setting.name for setting in SETTINGS}
    elif "data_dir" in names:
        left_out |= set(_SHARED)
    for parameter in command.params:
        if parameter.name in left_out:
            continue
        meaning = re.sub(r"\\\[", "[", parameter.help or "")
        if parameter.param_type_name == "argument":
            shown = f"`{str(parameter.name).upper()}`"
            yield shown if parameter.required else f"{shown}, may be left out", meaning
        else:
            ways = sorted(parameter.opts, key=len, reverse=True)
            yield ", ".join(f"`{way}`" for way in ways), meaning


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^### (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _section(name: str, command: Any, written: str | None) -> str:
    body = written if written is not None else _from_help(command)
    rows = [f"| {shown} | {meaning} |" for shown, meaning in options(name, command)]
    table = [*_HEAD, *rows] if rows else []
    lines = body.strip("\n").splitlines()
    at = next((n for n, line in enumerate(lines) if line == _HEAD[0]), None)
    if at is None:
        at = next((n for n, line in enumerate(lines) if line.startswith("```")), len(lines))
        table = [*table, ""] if table else []
        if table and at == len(lines):
            table = ["", *table]
        lines[at:at] = table
    else:
        end = next((n for n in range(at, len(lines)) if not lines[n].startswith("|")), len(lines))
        lines[at:end] = table
    return "\n".join([f"### {name}", "", *lines]).rstrip("\n") + "\n"


def _from_help(command: Any) -> str:
    """What a new section begins with: the help, and its examples as a block of shell."""
    told, _, examples = (command.help or "").partition("[bold]Examples[/bold]")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    block = ["```sh", *lines, "```"] if lines else []
    return "\n".join([*told.strip().splitlines(), "", *block])


def _with_list(head: str) -> str:
    """The list of all commands, where the page has one."""
    lines = head.splitlines()
    title = "| Command | What it does |"
    if title not in lines:
        return head
    start = lines.index(title) + 2
    end = next(n for n in range(start, len(lines)) if not lines[n].startswith("|"))
    rows = []
    for name, (panel, command) in commands().items():
        page = next(page for page, panels in COMMAND_PAGES.items() if panel in panels)
        there = "" if page == "command-line.md" else page
        told = " ".join((command.help or "").partition("\n\n")[0].split())
        rows.append(f"| [`{name}`]({there}#{name.replace(' ', '-')}) | {told} |")
    return "\n".join([*lines[:start], *rows, *lines[end:]]) + "\n"
