"""Checks of the project folder, and of what connections need: names that are set, and drivers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from firesteel.cli.doctor.finding import Case, Finding, fault, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from firesteel.project import Project

_EXTRAS = {"mysql": "mysql", "oracle": "oracle", "mssql": "mssql", "postgresql": "postgresql"}


def project(case: Case) -> Iterator[Finding]:
    """Without faults, as ``firesteel check`` finds them."""
    folder = case.settings.project_dir
    if folder is None:
        return
    loaded = _loaded(case)
    if loaded is None:
        yield fault("project", f"{folder} is no folder", "name another one with --project")
    elif loaded.faults:
        number, first = len(loaded.faults), loaded.faults[0]
        says = f"{number} fault{'s' if number > 1 else ''} in {folder}, the first: {first.detail}"
        yield fault("project", says, f"firesteel check {folder}")
    else:
        number = len(loaded.integrations)
        counted = f"{number} integration{'' if number == 1 else 's'}"
        yield ok("project", f"{counted} in {folder}, no faults")


def connections(case: Case) -> Iterator[Finding]:
    """Those of the folder and of the store; looked at after the store."""
    from firesteel.model.connection import connection_json

    documents: dict[str, Any] = dict(case.store.connections) if case.store else {}
    loaded = _loaded(case)
    if loaded is not None:
        documents |= {
            name: connection_json(connection) for name, connection in loaded.connections.items()
        }
    found = [item for name in sorted(documents) for item in _of_one(case, name, documents[name])]
    yield from found
    if documents and not found:
        says = f"{len(documents)}: each ${{NAME}} is set, each driver is installed"
        yield ok("connections", says)


def _loaded(case: Case) -> Project | None:
    from firesteel.project import load_project
    from firesteel.worker.expressions import check_expression

    folder = case.settings.project_dir
    try:
        return None if folder is None else load_project(folder, expression_check=check_expression)
    except OSError:
        return None


def _of_one(case: Case, name: str, document: Mapping[str, Any]) -> Iterator[Finding]:
    from firesteel.errors import FiresteelError
    from firesteel.model.connection import connection_references

    secrets = case.store.secrets if case.store else frozenset()
    try:
        names = connection_references(dict(document))
    except FiresteelError as error:
        yield fault("connections", f"{name}: {error.detail}", "correct the connection")
        return
    missing = [one for one in names if one not in secrets and one not in os.environ]
    if missing:
        says = f"{name}: {', '.join(f'${{{one}}}' for one in missing)} is not set"
        remedy = f"firesteel secrets put {missing[0]}, or the variable in the node's environment"
        # The environment of the node may be another one than that of whoever asks.
        yield warning("connections", says, remedy)
    if isinstance(document.get("sql"), str):
        yield from _driver(name, document["sql"])


def _driver(name: str, url: str) -> Iterator[Finding]:
    """Whether what the URL's scheme names can be imported; nothing is connected to."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    scheme = url.partition("://")[0]
    if "$" in scheme:
        return
    family = scheme.partition("+")[0]
    try:
        registry.load(scheme.replace("+", ".")).import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        extra = _EXTRAS.get(family)
        remedy = f"pip install 'firesteel[{extra}]'" if extra else "install its driver"
        missing = getattr(error, "name", None) or scheme
        yield fault("connections", f"{name}: the driver {missing} is not installed", remedy)
