"""The secrets that a trigger's ways to authenticate and its handshakes refer to.

They are resolved on the node when a route is compiled, and held in memory only; a route is compiled
anew when one of them has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.errors import AuthorError
from firesteel.model.authentication import SHARED_KEY_ALGORITHMS, is_reference, secret_references
from firesteel.model.fault import Fault, Pointer, child, unplaced_fault
from firesteel.model.references import ADVISED_BYTES, resolve
from firesteel.model.signature_schemes import scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from firesteel.model.trigger import Trigger

    Lookup = Callable[[str], str | None]

# RFC 7518 section 3.2: a key of the size of the hash, or a larger one, must be used.
_SHORTEST_BYTES: Final = dict(zip(SHARED_KEY_ALGORITHMS, (32, 48, 64), strict=True))


def needs_secrets(document: dict[str, Any]) -> bool:
    """Whether a document's trigger refers to any."""
    return any(True for _ in secret_references(document))


def resolved_secrets(document: dict[str, Any], lookup: Lookup) -> Mapping[str, str]:
    """What each ``${NAME}`` of the trigger stands for, by what is written; one that is not set is
    left out, and lets nobody in."""
    found: dict[str, str] = {}
    for _, text in secret_references(document):
        if is_reference(text):
            value = lookup(text[2:-1])
            if value:
                found[text] = value
    return found


def secret_faults(document: dict[str, Any], trigger: Trigger, lookup: Lookup) -> list[Fault]:
    """Secrets of a checked document that are not set, too short for what they sign, or not of their
    kind: with those every call would be refused."""
    faults = []
    for pointer, text in secret_references(document):
        try:
            if not resolve(text, lookup):
                detail = f"{text} is empty"
                faults.append(unplaced_fault(pointer, "reference_missing", detail))
        except AuthorError as error:
            faults.append(unplaced_fault(pointer, error.code, error.detail))
    return faults or [*_short(trigger, lookup), *_unreadable(trigger, lookup)]


def secret_warnings(trigger: Trigger, lookup: Lookup) -> list[Fault]:
    """Secrets of signatures and passwords that are set, and may be guessed."""
    warnings = []
    for pointer, text, key in (*_signing_keys(trigger, lookup), *_passwords(trigger, lookup)):
        if 0 < len(key) < ADVISED_BYTES:
            detail = f"{text} has fewer than {ADVISED_BYTES} bytes and may be guessed"
            warnings.append(unplaced_fault(pointer, "secret_weak", detail))
    return warnings


def _signing_keys(trigger: Trigger, lookup: Lookup) -> Iterator[tuple[Pointer, str, bytes]]:
    """Of each secret of a signature that is set: where it stands, what is written there, and the
    key of the HMAC, empty where it is not of its kind."""
    for index, item in enumerate(trigger.authentication):
        if item.signature is None:
            continue
        scheme = scheme_of(item.signature)
        for place, text in enumerate(item.signature.secrets):
            value = lookup(text[2:-1])
            if value:
                pointer = child("/trigger/authentication", index, "signature", "secrets", place)
                yield pointer, text, scheme.key(value)


def _passwords(trigger: Trigger, lookup: Lookup) -> Iterator[tuple[Pointer, str, bytes]]:
    """Likewise of each password."""
    for index, item in enumerate(trigger.authentication):
        if item.basic is not None:
            text = item.basic.password
            pointer = child("/trigger/authentication", index, "basic", "password")
            yield pointer, text, (lookup(text[2:-1]) or "").encode()


def _short(trigger: Trigger, lookup: Lookup) -> list[Fault]:
    faults = []
    for index, item in enumerate(trigger.authentication):
        if item.jwt is None or item.jwt.secret is None:
            continue
        least = max(_SHORTEST_BYTES.get(algorithm, 0) for algorithm in item.jwt.allowed)
        if len(resolve(item.jwt.secret, lookup).encode()) < least:
            pointer = child("/trigger/authentication", index, "jwt", "secret")
            detail = f"the secret has fewer than {least} bytes (RFC 7518, section 3.2)"
            faults.append(unplaced_fault(pointer, "secret_short", detail))
    return faults


def _unreadable(trigger: Trigger, lookup: Lookup) -> list[Fault]:
    faults = []
    for pointer, text, key in _signing_keys(trigger, lookup):
        if not key:
            detail = f"{text} is not base64, which a secret of Standard Webhooks is"
            faults.append(unplaced_fault(pointer, "secret_invalid", detail))
    return faults
