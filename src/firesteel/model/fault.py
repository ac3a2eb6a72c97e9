"""Faults of a document: what is wrong, where, under which stable code, and what to do about it.

``CODES`` is the whole list; docs/reference/errors.md documents each.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Pointer = str
"""An RFC 6901 JSON pointer into a document: ``""``, ``/trigger/methods/0``."""

Position = tuple[int, int]
"""Line and column, both from 1; columns count characters."""

CODES: dict[str, str] = {
    "document_too_large": "The file is larger than 1 MiB, or the document has over 10,000 values.",
    "document_empty": "The file holds no document.",
    "yaml_syntax": "The text is not YAML.",
    "yaml_duplicate_key": "A key stands twice in one mapping.",
    "yaml_alias": "Anchors and aliases are not taken.",
    "yaml_tag": "Tags are not taken.",
    "yaml_key": "A key is not a text.",
    "yaml_documents": "The file holds more than one document.",
    "yaml_character": "A control character stands in the text.",
    "yaml_depth": "The document is nested deeper than 100 levels.",
    "yaml_number": "A number is not one of JSON, or has too many digits.",
    "required": "A key is missing.",
    "unknown_key": "There is no such key.",
    "wrong_type": "The value is of the wrong type.",
    "not_allowed": "The value is none of those allowed.",
    "out_of_range": "The value is too small, too large, too short or too long.",
    "not_unique": "The value stands twice where it must be unique.",
    "name_invalid": "A name has characters that it may not have.",
    "duration_invalid": "Not a duration such as 30s.",
    "size_invalid": "Not a size such as 10MiB.",
    "rate_invalid": "Not a rate such as 100/s.",
    "date_invalid": "Not a date such as 2027-06-30.",
    "path_invalid": "Not a path such as body.customer_no.",
    "path_redacted": "A key or search value whose value redact keeps out of the store.",
    "function_invalid": "Not a function such as pricing:item_price.",
    "status_invalid": "Not a status from 200 to 599, or an expression.",
    "header_invalid": "A response cannot set this header, or not to this value.",
    "body_not_allowed": "A response of this status has no body.",
    "schema_invalid": "Not a JSON Schema.",
    "url_invalid": "Not a URL that can be used here.",
    "address_invalid": "Not a mail address such as ops@example.com.",
    "host_invalid": "Not the name or address of a server.",
    "channel_unknown": "There is no channel of alerts of that name.",
    "dialect_unknown": "There is no such dialect of SQLAlchemy here.",
    "key_value_invalid": "A pasted API key is too short or cannot be sent in a header.",
    "key_value_weak": "Warning: a pasted API key has fewer than 20 characters.",
    "reference_needed": "Only ${NAME} is taken here, and no secret itself.",
    "secret_short": "A shared secret has fewer bytes than its algorithm needs.",
    "secret_weak": "Warning: the secret of a signature, or a password, has fewer than 16 bytes.",
    "secret_invalid": "A secret is none of the kind that its provider gives.",
    "algorithm_mixed": "A JWT algorithm does not fit the kind of its keys.",
    "fingerprint_invalid": "Not the SHA-256 of a certificate.",
    "network_invalid": "Not a network such as 10.0.0.0/8.",
    "placeholder_unknown": "Something between braces is not a part of a call.",
    "key_value_replaced": "Warning: a declared API key was replaced by a rotation.",
    "consumer_without_key": "Warning: a consumer that is granted the trigger has no API key yet.",
    "key_missing": "Calls need an API key, and the trigger has none yet.",
    "default_invalid": "A default or an enum does not fit the parameter.",
    "one_of": "Exactly one of several keys must stand there.",
    "order_invalid": "An item stands at a place where it may not stand.",
    "expression_unclosed": "An expression is not closed with %}.",
    "expression_empty": "Nothing stands between {% and %}.",
    "expression_missing": "An expression between {% and %} is needed here.",
    "expression_not_allowed": "An expression may not stand here.",
    "expression_invalid": "The expression does not compile.",
    "name_unknown": "An expression reads a name that is never there.",
    "step_unknown": "An expression reads a step that is not there, or that runs later.",
    "reference_invalid": "${...} does not hold a name.",
    "reference_missing": "${NAME} is neither a secret of the workspace nor in the environment.",
    "connection_unknown": "There is no connection of that name.",
    "integration_unknown": "There is no integration of that name.",
    "call_cycle": "Integrations call each other in a circle.",
    "function_unknown": "There is no such Python function.",
    "python_syntax": "A Python file cannot be read or is not Python.",
    "file_unreadable": "The file cannot be read.",
    "setting_invalid": "A setting in firesteel.toml is unknown or wrong.",
    "trigger_open": "Warning: anybody may call the trigger.",
    "parameter_unused": "Warning: no expression uses the parameter.",
    "response_unused": "Warning: without a workflow the response counts for nothing.",
    "timeout_long": "Warning: callers and proxies seldom wait that long.",
    "jwt_any_audience": "Warning: tokens that the issuer made for others are taken too.",
    "url_in_clear": "Warning: what is fetched without TLS can be replaced on the way.",
    "signature_replayable": "Warning: a signed call can be sent again at any time.",
    "secret_in_clear": "Warning: a secret stands in the file itself.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, or one warning; ``hint`` is empty where there is nothing to add."""

    file: str
    line: int
    column: int
    pointer: Pointer
    code: str
    detail: str
    hint: str = ""

    def __str__(self) -> str:
        """``integrations/price.yaml:4:12: [code] detail (hint)``, one line."""
        place = f" {self.pointer}" if self.pointer else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}:{place} {self.detail} [{self.code}]{hint}"


def unplaced_fault(pointer: Pointer, code: str, detail: str, hint: str = "") -> Fault:
    """A fault of a document that is not a file's: it is told by its pointer."""
    return Fault("", 0, 0, pointer, code, detail, hint)


def child(pointer: Pointer, *parts: str | int) -> Pointer:
    """The pointer to what stands at ``parts`` below ``pointer`` (RFC 6901, section 3)."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join((pointer, *(f"/{part}" for part in escaped)))


def parts_of(pointer: Pointer) -> list[str]:
    """The unescaped parts of a pointer; none for the whole document."""
    parts = pointer.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def value_at(document: Any, pointer: Pointer) -> Any:
    """The value at ``pointer`` in a document, None where there is none."""
    for part in parts_of(pointer):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of ``known``, or all of them where none is near."""
    names = list(known)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]}?"
    return f"known: {', '.join(names)}" if names else ""
