"""The form of a connection: its document as fields, and the fields as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("sql", "http")


def values_of(document: dict[str, Any]) -> dict[str, str]:
    """What stands in the fields for a document."""
    kind = "http" if "http" in document else "sql"
    headers = document.get("headers") or {}
    return {
        "kind": kind,
        "url": str(document.get(kind, "")),
        "max_connections": _text(document.get("max_connections")),
        "read_only": "on" if document.get("read_only") else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        "timeout": _text(document.get("timeout")),
        "tls_ca": _text(document.get("tls_ca")),
        "client_cert": _text(document.get("client_cert")),
    }


def document_of(values: Mapping[str, str]) -> dict[str, Any]:
    """The document of what was filled in; empty fields are left out, and what is wrong in others
    stays for the check to find."""
    kind = values.get("kind", "sql")
    document: dict[str, Any] = {kind: values.get("url", "").strip()}
    most = values.get("max_connections", "").strip()
    if most:
        document["max_connections"] = int(most) if most.isdecimal() else most
    if kind == "sql":
        return {**document, "read_only": True} if values.get("read_only") else document
    headers = dict(_header(line) for line in values.get("headers", "").splitlines() if line.strip())
    if headers:
        document["headers"] = headers
    for name in ("timeout", "tls_ca", "client_cert"):
        if values.get(name, "").strip():
            document[name] = values[name].strip()
    return document


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
