"""What commands have in common: options, the session with a node, and how errors end them."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.output import Output

if TYPE_CHECKING:
    from firesteel.cli.node_client import NodeClient

Command = Callable[..., None]

_NODE_OPTIONS = "Node"
_HINTS = {"address_unusable": "choose others with --port and --admin-port; 0 takes a free one"}

WORKSPACE = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace; left out: FIRESTEEL_WORKSPACE, or the node's own.",
        rich_help_panel=_NODE_OPTIONS,
    ),
]
DATA_DIR = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Data directory of the node on this machine; other nodes are found by FIRESTEEL_URL "
        "and FIRESTEEL_TOKEN.",
        rich_help_panel=_NODE_OPTIONS,
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@dataclass
class Session:
    """One command's dealings with a node; connects when it is first used."""

    output: Output
    data_dir: Path | None = None
    named_workspace: str | None = None
    _client: NodeClient | None = field(default=None, repr=False)
    _workspace: str | None = field(default=None, repr=False)

    @property
    def client(self) -> NodeClient:
        """The REST API of the node that is meant."""
        if self._client is None:
            from firesteel.cli.node_client import NodeClient, find_node

            self._client = NodeClient(find_node(self.data_dir))
        return self._client

    @property
    def workspace(self) -> str:
        """The workspace that is meant."""
        if self._workspace is None:
            named = self.named_workspace or os.environ.get("FIRESTEEL_WORKSPACE")
            self._workspace = named or str(self.client.get("/node")["workspace"])
        return self._workspace

    def path(self, *parts: str) -> str:
        """A path of the API below the workspace."""
        from firesteel.cli.node_client import path_of

        return path_of("workspaces", self.workspace, *parts)

    def close(self) -> None:
        """End the connection to the node."""
        if self._client is not None:
            self._client.__exit__(None, None, None)


def on_node(command: Command) -> Command:
    """A command whose first parameter is the session with a node. It gets the options --workspace,
    --data-dir and --json."""
    extra = [
        _option("workspace", WORKSPACE, None),
        _option("data_dir", DATA_DIR, None),
        _option("as_json", JSON, False),
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        output = Output(as_json=values.pop("as_json"))
        session = Session(output, values.pop("data_dir"), values.pop("workspace"))
        with ending(output):
            try:
                command(session, **values)
            finally:
                session.close()

    return _with_parameters(run, command, drop="session", extra=extra)


def local(command: Command) -> Command:
    """A command that works without a node; its first parameter is the output. It gets --json."""

    @wraps(command)
    def run(**values: Any) -> None:
        output = Output(as_json=values.pop("as_json"))
        with ending(output):
            command(output, **values)

    return _with_parameters(run, command, drop="output", extra=[_option("as_json", JSON, False)])


def with_settings(command: Command) -> Command:
    """A command that starts a node: its first parameter are the settings given as flags, by name.
    It gets an option for each setting, so that none is forgotten."""
    from firesteel.settings import SETTINGS

    extra = [
        _option(
            setting.name,
            Annotated[
                str | None,
                typer.Option(
                    "--" + setting.name.replace("_", "-"),
                    metavar="TEXT",
                    help=_setting_help(setting.description, setting.default),
                    rich_help_panel="Settings",
                ),
            ],
            None,
        )
        for setting in SETTINGS
    ]
    names = [setting.name for setting in SETTINGS]

    @wraps(command)
    def run(**values: Any) -> None:
        flags = {name: values.pop(name) for name in names}
        with ending(Output()):
            command({name: value for name, value in flags.items() if value is not None}, **values)

    return _with_parameters(run, command, drop="flags", extra=extra)


class ending:  # noqa: N801 - reads as what it does: with ending(output)
    """Turns errors into a line on stderr and the exit code that fits."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        from firesteel.errors import OperatorError

        if isinstance(error, BrokenPipeError):
            # The reader of the pipe has gone (`| head`): nobody is left to tell.
            drop_output()
            raise typer.Exit(Exit.OK)
        if isinstance(error, OperatorError):
            exit_code = Exit.USAGE if error.code == "settings_invalid" else Exit.FAILED
            hint = _HINTS.get(error.code, "")
            detail = f"{error.detail} [{error.code}]"
            error = CommandFailed(detail, exit_code=exit_code, code=error.code, hint=hint)
        if isinstance(error, OSError) and error.filename is not None:
            detail = f"{error.filename}: {error.strerror}"
            error = CommandFailed(detail)
        if isinstance(error, CommandFailed):
            self._output.failure(error)
            raise typer.Exit(error.exit_code)


def drop_output() -> None:
    """Let what is still to be written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _setting_help(description: str, default: str) -> str:
    text = escape(description)
    return f"{text} \\[default: {default}]" if default else text


def _option(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _with_parameters(
    run: Command, command: Command, *, drop: str, extra: list[inspect.Parameter]
) -> Command:
    """``run`` with the signature for Typer: the command's without ``drop``, and ``extra``."""
    signature = inspect.signature(command, eval_str=True)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != drop
    ]
    run.__signature__ = signature.replace(parameters=[*own, *extra])  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run
