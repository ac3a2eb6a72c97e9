"""connections.yaml: the named databases and HTTP systems that steps use.

A document is ``name: {sql: URL, ...}`` or ``name: {http: URL, ...}``. Secrets stand as ``${NAME}``
and are put in by the node, just before a worker gets the connection. In the user and password of a
``sql`` URL they are percent-encoded on the way, so that a password may hold ``@`` and ``/`` as it
is; a reference that is the whole URL is put in unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, ValidationError

from firesteel.errors import AuthorError
from firesteel.model.dialects import known_dialects
from firesteel.model.fault import Fault, child, did_you_mean, value_at
from firesteel.model.findings import Finding, Findings, mapping, model_findings, place
from firesteel.model.quantities import Duration, between
from firesteel.model.references import (
    ReferenceInvalid,
    ReferenceMissing,
    references,
    resolve,
)
from firesteel.model.section import CONNECTION_NAME, Reading, Section, Text, refuse
from firesteel.model.yaml_source import Loaded, load_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(CONNECTION_NAME, re.ASCII)
_NAME_RULE = "the name of a connection has 1 to 64 of letters, digits, _ and -"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
_SQL_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+_]*://.*", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+_]*://)(?P<user>[^/?#]*)@", re.DOTALL)
_DIALECT = re.compile(r"(?P<name>[a-zA-Z][a-zA-Z0-9_]*)(?:\+[a-zA-Z0-9_]+)?://")
# What stands in clear is found in it each time that it is shown, in a time that is its square.
SQL_URL_MOST = 4096
_KEPT_BY_US = frozenset({"host", "content-length", "transfer-encoding", "connection"})

PoolSize = Annotated[int, Field(ge=1, le=1000)]


def _sql_url(value: str) -> str:
    if not value.startswith("${") and not _SQL_URL.fullmatch(value):
        hint = "such as postgresql+psycopg://user:${ERP_PASSWORD}@host/database"
        raise refuse("url_invalid", "must be a database URL of SQLAlchemy", hint)
    if len(value) > SQL_URL_MOST:
        raise refuse("url_invalid", f"a database URL has at most {SQL_URL_MOST} characters")
    return value


def _http_url(value: str) -> str:
    if value.startswith("${"):
        return value
    try:
        url = urlsplit(value)
        wrong = url.scheme not in ("http", "https") or not url.hostname
        port_is_read = url.port is None or url.port > 0
    except ValueError:
        wrong = port_is_read = True
    if wrong or not port_is_read:
        raise refuse("url_invalid", "must be an http:// or https:// URL with a host")
    if url.username is not None or url.password is not None:
        hint = 'write headers: {Authorization: "Bearer ${NAME}"}'
        raise refuse("url_invalid", "credentials stand in headers, not in the URL", hint)
    if url.query or url.fragment:
        raise refuse("url_invalid", "the URL of a connection has no query and no fragment")
    return value


def check_headers(value: dict[str, str]) -> dict[str, str]:
    """Headers that a document may set on calls; a validator of pydantic."""
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _KEPT_BY_US:
            raise refuse("name_invalid", f"{name!r} is not the name of a header to set")
        if "\r" in text or "\n" in text:
            raise refuse("wrong_type", f"the value of {name} holds a line break")
    return value


class SqlConnection(Section):
    """A database, by a URL of SQLAlchemy."""

    sql: Annotated[Text, AfterValidator(_sql_url)]
    """Such as ``postgresql+psycopg://user:${ERP_PASSWORD}@host/database``, ``sqlite:///erp.db``."""
    max_connections: PoolSize = 10
    """For the node, shared out over its workers."""
    read_only: bool = False
    """Statements that write are refused by the database."""


class HttpConnection(Section):
    """An HTTP system, by its address."""

    http: Annotated[Text, AfterValidator(_http_url)]
    """Such as ``https://crm.example.com/api``; paths of steps come after it."""
    headers: Annotated[dict[str, str], AfterValidator(check_headers)] = Field(default_factory=dict)
    """Sent with every call."""
    timeout_s: Annotated[Duration, between("1ms", "24h")] = Field(default=30.0, alias="timeout")
    """Of one call."""
    max_connections: PoolSize = 20
    """For the node, shared out over its workers."""
    tls_ca: Text | None = None
    """File with the certificates to trust (PEM), instead of the system's."""
    client_cert: Text | None = None
    """File with our certificate and key (PEM)."""


Connection = SqlConnection | HttpConnection
KINDS: Final[dict[str, type[SqlConnection | HttpConnection]]] = {
    "sql": SqlConnection,
    "http": HttpConnection,
}


class InvalidConnection(AuthorError):
    """A connection document has faults; ``faults`` lists them all."""

    code = "connection_invalid"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the connection document has faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class ConnectionsResult:
    """What a check of connections.yaml found; ``connections`` holds those without a fault."""

    connections: dict[str, Connection]
    faults: list[Fault]
    warnings: list[Fault]


def check_connections(
    text: str, file: str, *, lookup: Callable[[str], str | None] | None = None
) -> ConnectionsResult:
    """Read and check the text of connections.yaml; never raises.

    ``lookup`` yields the value of a ``${NAME}``, None where there is none, which is a fault then;
    without it references are only checked for their form. An empty file holds no connections.
    """
    loaded = load_document(text, file)
    if loaded.document is None:
        empty = all(fault.code == "document_empty" for fault in loaded.faults)
        return ConnectionsResult({}, [] if empty else loaded.faults, [])
    return _check(loaded, lookup)


def check_connection(
    name: str, document: Any, *, lookup: Callable[[str], str | None] | None = None
) -> ConnectionsResult:
    """Check one connection that is JSON already (REST); pointers lead into ``document``."""
    connection, found, warnings = _one(document, "", lookup)
    found += _dialect_faults(document, "")
    if not _NAME.fullmatch(name):
        found = [Finding("", "name_invalid", _NAME_RULE), *found]
    loaded = Loaded("", document, {"": (0, 0)}, {}, {}, [])
    sound = {} if connection is None or found else {name: connection}
    return ConnectionsResult(sound, place(found, loaded), place(warnings, loaded))


def parse_connection(document: Any) -> Connection:
    """One connection from JSON (REST, or as stored). Raises InvalidConnection."""
    connection, found, _ = _one(document, "", None)
    if connection is None:
        raise InvalidConnection(place(found, Loaded("", document, {"": (0, 0)}, {}, {}, [])))
    return connection


def connection_json(connection: Connection) -> dict[str, Any]:
    """The document of a connection: plain JSON, references as written."""
    return connection.model_dump(by_alias=True, exclude_unset=True)


def resolved(document: dict[str, Any], lookup: Callable[[str], str | None]) -> dict[str, Any]:
    """The document of a connection with every ``${NAME}`` put in; see the module for URLs.

    Raises ReferenceMissing with all the names for which ``lookup`` yields None.
    """
    missing = [name for name in connection_references(document) if lookup(name) is None]
    if missing:
        raise ReferenceMissing(missing)
    whole: dict[str, Any] = _map_texts(document, lambda text: resolve(text, lookup))
    if isinstance(document.get("sql"), str):
        whole["sql"] = _resolved_url(document["sql"], lookup)
    return whole


def connection_references(document: dict[str, Any]) -> list[str]:
    """The names that a connection's document refers to, each once. Raises ReferenceInvalid."""
    names: dict[str, None] = {}
    for _, text in _texts(document, ""):
        names.update(dict.fromkeys(references(text)))
    return list(names)


def _resolved_url(url: str, lookup: Callable[[str], str | None]) -> str:
    match = _AUTHORITY.match(url)
    if match is None:
        return resolve(url, lookup)

    def encoded(name: str) -> str | None:
        value = lookup(name)
        return None if value is None else quote(value, safe="")

    user = resolve(match["user"], encoded)
    return f"{match['scheme']}{user}@{resolve(url[match.end() :], lookup)}"


def _check(loaded: Loaded, lookup: Callable[[str], str | None] | None) -> ConnectionsResult:
    if not isinstance(loaded.document, dict):
        detail = "connections.yaml is a mapping of names to connections"
        return ConnectionsResult({}, [*loaded.faults, loaded.fault("", "wrong_type", detail)], [])
    connections: dict[str, Connection] = {}
    findings = Findings()
    for name, document in loaded.document.items():
        pointer = child("", name)
        connection, found, warnings = _one(document, pointer, lookup)
        found += _dialect_faults(document, pointer)
        findings.faults.extend(found)
        findings.warnings.extend(warnings)
        if not _NAME.fullmatch(name):
            findings.fault_at_key(pointer, "name_invalid", _NAME_RULE)
        elif connection is not None and not found:
            connections[name] = connection
    faults = loaded.faults + place(findings.faults, loaded)
    faults.sort(key=lambda fault: (fault.line, fault.column))
    return ConnectionsResult(connections, faults, place(findings.warnings, loaded))


def _one(
    document: Any, pointer: str, lookup: Callable[[str], str | None] | None
) -> tuple[Connection | None, list[Finding], list[Finding]]:
    """The connection, or None, its faults and its warnings, with pointers below ``pointer``."""
    findings = Findings()
    present = [kind for kind in KINDS if kind in mapping(document)]
    if len(present) != 1:
        findings.fault(pointer, *_kind_fault(document, present))
        return None, findings.faults, []
    check_references(document, pointer, lookup, findings)
    _check_secrets(document, pointer, findings)
    reading = Reading()
    try:
        connection = KINDS[present[0]].model_validate(document, context=reading)
    except ValidationError as error:
        shape = model_findings(error, document, reading)
        moved = [
            Finding(pointer + item.pointer, item.code, item.detail, item.hint, item.at_key)
            for item in shape
        ]
        return None, moved + findings.faults, findings.warnings
    return (None if findings.faults else connection), findings.faults, findings.warnings


def _dialect_faults(document: Any, pointer: str) -> list[Finding]:
    """Of a check only: a stored connection stays readable where a package has gone since."""
    url = mapping(document).get("sql")
    match = _DIALECT.match(url) if isinstance(url, str) else None
    if match is None:
        return []
    name, known = match["name"], known_dialects()
    if name in known:
        return []
    detail = f"SQLAlchemy has no dialect {name}, and no installed package has one"
    hint = did_you_mean(name, known)
    return [Finding(child(pointer, "sql"), "dialect_unknown", detail, hint)]


def _kind_fault(document: Any, present: list[str]) -> tuple[str, str, str]:
    if not isinstance(document, dict):
        return (
            "wrong_type",
            "a connection is a mapping with sql or http",
            "write {sql: URL}",
        )
    if present:
        return "one_of", "a connection has sql or http, not both", ""
    near = [did_you_mean(key, KINDS) for key in document]
    hint = next((hint for hint in near if hint.startswith("did")), "")
    return "one_of", "a connection needs sql or http", hint


def check_references(
    document: Any,
    pointer: str,
    lookup: Callable[[str], str | None] | None,
    findings: Findings,
) -> None:
    """Note what is wrong with every ``${NAME}`` in the texts of a mapping."""
    for at, text in _texts(document, pointer):
        try:
            names = references(text)
        except ReferenceInvalid as error:
            findings.fault(at, "reference_invalid", error.detail)
            continue
        for name in names:
            if lookup is not None and lookup(name) is None:
                detail = f"${{{name}}} is neither a secret of the workspace nor in the environment"
                findings.fault(at, "reference_missing", detail, f"set {name}")


def _check_secrets(document: Any, pointer: str, findings: Findings) -> None:
    """Warn of a password that stands in the file itself."""
    url = value_at(document, "/sql")
    match = _AUTHORITY.match(url) if isinstance(url, str) else None
    if match is not None:
        password = match["user"].partition(":")[2]
        if password and "${" not in password:
            hint = "take it from a secret: ${NAME}"
            detail = "a password stands in the file itself"
            findings.warning(child(pointer, "sql"), "secret_in_clear", detail, hint)
    for name, text in mapping(value_at(document, "/headers")).items():
        if name.lower() in ("authorization", "x-api-key", "cookie") and "${" not in str(text):
            hint = "take it from a secret: ${NAME}"
            detail = "a credential stands in the file itself"
            findings.warning(child(pointer, "headers", name), "secret_in_clear", detail, hint)


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, child(pointer, key))


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_texts(item, change) for key, item in value.items()}
    return value
