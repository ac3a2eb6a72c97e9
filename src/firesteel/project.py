"""A project folder: its settings file, connections, alerts, integrations and Python workflows, with
faults.

Reads files, and runs nothing of what is in them. What only a worker can tell (does a Python module
import, does a connection answer) is asked of a node when the project is published.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from firesteel.model.alerts import AlertsResult, check_alerts
from firesteel.model.connection import Connection, ConnectionsResult, check_connections
from firesteel.model.document import CheckResult, check_integration
from firesteel.model.expressions import ExpressionCheck
from firesteel.model.fault import Fault, Pointer, did_you_mean
from firesteel.model.findings import mapping
from firesteel.model.named_functions import named_functions
from firesteel.model.project_rules import check_together
from firesteel.model.python_files import python_files

SETTINGS_FILE = "firesteel.toml"
CONNECTIONS_FILE = "connections.yaml"
ALERTS_FILE = "alerts.yaml"
INTEGRATIONS = "integrations"
WORKFLOWS = "workflows"
_NO_INTEGRATIONS = frozenset({CONNECTIONS_FILE, ALERTS_FILE})
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class IntegrationFile:
    """One file of ``integrations/``; ``file`` is its name as faults show it."""

    file: str
    result: CheckResult

    @property
    def name(self) -> str:
        """The integration's name, or the file's where it has none."""
        name = mapping(self.result.loaded.document).get("name")
        return name if isinstance(name, str) else Path(self.file).stem

    def fault(self, pointer: Pointer, code: str, detail: str, hint: str = "") -> Fault:
        """A fault that somebody else found, such as a node, placed in this file."""
        return self.result.loaded.fault(pointer, code, detail, hint)


@dataclass(frozen=True, slots=True)
class Project:
    """What a folder holds. Integrations with faults are in ``integrations`` too; what may be
    published is told by ``faults`` being empty.

    ``whole`` False: a folder of integration files or a single one was named, so connections are
    known (for checking) and are not part of what is published. ``alerts`` None: there is no such
    file.
    """

    root: Path
    whole: bool
    has_settings: bool
    connections: dict[str, Connection]
    alerts: AlertsResult | None
    integrations: list[IntegrationFile]
    faults: list[Fault]
    warnings: list[Fault]


def load_project(
    path: Path,
    *,
    expression_check: ExpressionCheck | None = None,
    lookup: Callable[[str], str | None] | None = None,
) -> Project:
    """Read a project folder, its ``integrations`` folder, or one file in it.

    ``expression_check`` compiles expressions; ``lookup`` yields what a ``${NAME}`` stands for.
    Without them neither is looked at. Raises nothing for whatever is in the files; OSError where
    ``path`` cannot be read.
    """
    root, files = _find(path)
    connections = _connections(root, lookup)
    names = set(connections.connections) if (root / CONNECTIONS_FILE).exists() else None
    integrations = [
        IntegrationFile(str(file), _read(file, expression_check, names)) for file in files
    ]
    whole = path.is_dir() and root == path
    alerts = _alerts(root, lookup, [item.name for item in integrations]) if whole else None
    faults = [*_settings_faults(root), *connections.faults]
    warnings = [*connections.warnings]
    if alerts is not None:
        faults += alerts.faults
        warnings += alerts.warnings
    for integration in integrations:
        faults += integration.result.faults
        warnings += integration.result.warnings
    faults += check_together([item.result.loaded for item in integrations], _others(root, files))
    faults += _python_faults(root, integrations)
    return Project(
        root=root,
        whole=whole,
        has_settings=(root / SETTINGS_FILE).exists(),
        connections=connections.connections,
        alerts=alerts,
        integrations=integrations,
        faults=faults,
        warnings=warnings,
    )


def watched_files(root: Path) -> list[Path]:
    """Every file whose change is a change of the project."""
    named = (SETTINGS_FILE, CONNECTIONS_FILE, ALERTS_FILE)
    files = [*(root / name for name in named), *_documents(root / INTEGRATIONS)]
    files += python_files(root / WORKFLOWS)
    return [file for file in files if file.is_file()]


def _find(path: Path) -> tuple[Path, list[Path]]:
    """The project's root and the integration files that are meant."""
    if path.is_file():
        folder = path.parent
        return (folder.parent if folder.name == INTEGRATIONS else folder), [path]
    if not path.is_dir():
        raise FileNotFoundError(2, "there is no such file or folder", str(path))
    if (path / INTEGRATIONS).is_dir() or (path / SETTINGS_FILE).exists():
        return path, _documents(path / INTEGRATIONS)
    root = path.parent if path.absolute().name == INTEGRATIONS else path
    return root, _documents(path)


def _documents(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = (file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    return sorted(file for file in files if file.name not in _NO_INTEGRATIONS)


def _others(root: Path, chosen: Iterable[Path]) -> list[str]:
    """The names of the project's integrations that were not chosen: calls of them are good."""
    left = set(_documents(root / INTEGRATIONS)) - set(chosen)
    found = (_read(file, None, None).loaded.document for file in sorted(left))
    return [str(mapping(document).get("name")) for document in found]


def _text(file: Path) -> str | Fault:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Fault(str(file), 1, 1, "", "yaml_character", "the file is not UTF-8")
    except OSError as error:
        detail = f"the file cannot be read: {error.strerror}"
        return Fault(str(file), 1, 1, "", "file_unreadable", detail)


def _read(
    file: Path, expression_check: ExpressionCheck | None, connections: set[str] | None
) -> CheckResult:
    text = _text(file)
    if isinstance(text, Fault):
        empty = check_integration("", str(file))
        return CheckResult(None, [text], [], empty.loaded)
    return check_integration(
        text, str(file), expression_check=expression_check, connections=connections
    )


def _connections(root: Path, lookup: Callable[[str], str | None] | None) -> ConnectionsResult:
    file = root / CONNECTIONS_FILE
    if not file.exists():
        return ConnectionsResult({}, [], [])
    text = _text(file)
    if isinstance(text, Fault):
        return ConnectionsResult({}, [text], [])
    return check_connections(text, str(file), lookup=lookup)


def _alerts(
    root: Path, lookup: Callable[[str], str | None] | None, integrations: list[str]
) -> AlertsResult | None:
    file = root / ALERTS_FILE
    if not file.exists():
        return None
    text = _text(file)
    if isinstance(text, Fault):
        return replace(check_alerts("", str(file)), faults=[text])
    return check_alerts(text, str(file), lookup=lookup, integrations=integrations)


def _settings_faults(root: Path) -> list[Fault]:
    """Faults of firesteel.toml, each at the line of its key."""
    from firesteel.settings import SettingsError, load_settings

    file = root / SETTINGS_FILE
    if not file.exists():
        return []
    try:
        load_settings({}, {}, root)
    except SettingsError as error:
        lines = file.read_text("utf-8", "replace").splitlines()
        return [
            Fault(str(file), _line_of(fault.source, lines), 1, "", "setting_invalid", fault.detail)
            for fault in error.faults
        ]
    return []


def _line_of(source: str, lines: list[str]) -> int:
    key = source.rpartition(" ")[2]
    for number, line in enumerate(lines, 1):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return 1


def _python_faults(root: Path, integrations: list[IntegrationFile]) -> list[Fault]:
    """Python files that do not parse, and functions that are not there."""
    modules: dict[str, set[str] | None] = {}
    faults: list[Fault] = []
    for file in sorted((root / WORKFLOWS).glob("*.py")):
        defined = _defined(file)
        if isinstance(defined, Fault):
            faults.append(defined)
        modules[file.stem] = None if isinstance(defined, Fault) else defined
    for integration in integrations:
        for pointer, reference in named_functions(integration.result.loaded.document):
            found = _function_fault(reference, modules, root)
            if found is not None:
                faults.append(integration.fault(pointer, "function_unknown", *found))
    return faults


def _defined(file: Path) -> set[str] | Fault:
    """The names that a module gives itself; a fault where it is not Python."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        at = (error.lineno or 1, error.offset or 1)
        return Fault(str(file), *at, "", "python_syntax", f"this is not Python: {error.msg}")
    except (OSError, ValueError) as error:
        return Fault(str(file), 1, 1, "", "python_syntax", f"the file cannot be read: {error}")
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(item.id for item in node.targets if isinstance(item, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((item.asname or item.name).partition(".")[0] for item in node.names)
    return names


def _function_fault(
    reference: str, modules: dict[str, set[str] | None], root: Path
) -> tuple[str, str] | None:
    """Detail and hint, where the function cannot be there."""
    module, _, function = reference.partition(":")
    if module in modules:
        defined = modules[module]
        if defined is None or function in defined or "*" in defined:
            return None
        hint = did_you_mean(function, sorted(defined))
        return f"{WORKFLOWS}/{module}.py defines no {function}", hint
    package = module.partition(".")[0]
    if (root / WORKFLOWS / package).is_dir() or package in sys.modules:
        return None
    if importlib.util.find_spec(package) is not None:
        return None
    hint = did_you_mean(module, modules) if modules else f"put {module}.py into {WORKFLOWS}/"
    return f"there is no module {module} in {WORKFLOWS}/, and none is installed", hint
