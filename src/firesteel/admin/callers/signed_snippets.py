"""Signing in a POSIX shell with openssl, and in Python: what stands in a snippet before the call,
and the headers that it adds. The secret is read from the environment variable ``SECRET``.
"""

from __future__ import annotations

import base64
import re
import shlex
from typing import TYPE_CHECKING

from firesteel.admin.callers.call import text_of
from firesteel.admin.callers.signing import BODY, NOW, SECRET_VARIABLE

if TYPE_CHECKING:
    from firesteel.admin.callers.signing import Piece, Signing

_HEX_KEY = (
    f'printf %s "${{{SECRET_VARIABLE}#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 '
    "| tr -d ' \\n'"
)


def shell_body(body: bytes) -> str:
    """A command that writes the body out."""
    text = text_of(body)
    if text is not None:
        return f"printf %s {shlex.quote(text)}"
    return f"printf %s {shlex.quote(base64.b64encode(body).decode())} | base64 -d"


def shell_lines(signing: Signing) -> list[str]:
    """What comes before curl."""
    lines = [f"{_variable(name)}=$(openssl rand -hex 16)" for name in signing.made_up]
    if signing.dated:
        lines.append(f"{NOW}=$(date +%s)")
    pieces = [_shell_piece(piece, signing) for piece in signing.pieces]
    written = "; ".join(filter(None, pieces)) or "printf ''"
    key = f'-mac HMAC -macopt hexkey:"$({_HEX_KEY})"'
    key = key if signing.base64_secret else f'-hmac "${SECRET_VARIABLE}"'
    output = "-r | cut -d ' ' -f 1" if signing.encoding == "hex" else "-binary | openssl base64 -A"
    hashed = f"openssl dgst -{signing.algorithm} {key} {output}"
    return [*lines, f"signature=$({{ {written}; }} \\\n  | {hashed})"]


def curl_arguments(signing: Signing) -> list[str]:
    """The headers."""
    before = signing.prefix
    if signing.marked is not None:
        time = shlex.quote(f"{signing.header}: {signing.marked}")
        value = f'{time}"${NOW}"{shlex.quote("," + before)}"$signature"'
    else:
        value = shlex.quote(f"{signing.header}: {before}") + '"$signature"'
    found = [value]
    if signing.timestamp_header is not None:
        found.append(shlex.quote(f"{signing.timestamp_header}: ") + f'"${NOW}"')
    found += [shlex.quote(f"{name}: ") + f'"${_variable(name)}"' for name in signing.made_up]
    return [f"--header {value}" for value in found]


def python_imports(signing: Signing) -> list[str]:
    """The modules that signing needs."""
    encodes = signing.base64_secret or signing.encoding == "base64"
    needed = [("base64", encodes), ("hmac", True), ("os", True)]
    needed += [("secrets", bool(signing.made_up)), ("time", signing.dated)]
    return [name for name, wanted in needed if wanted]


def python_lines(signing: Signing) -> list[str]:
    """What comes before the request, behind ``body``."""
    lines = [f"{_variable(name)} = secrets.token_hex(16)" for name in signing.made_up]
    if signing.dated:
        lines.append(f"{NOW} = str(int(time.time()))")
    secret = f'os.environ["{SECRET_VARIABLE}"]'
    key = f"{secret}.encode()"
    if signing.base64_secret:
        key = f'base64.b64decode({secret}.removeprefix("whsec_"))'
    pieces = [found for piece in signing.pieces if (found := _python_piece(piece, signing))]
    mac = f"hmac.new(key, signed, {signing.algorithm!r})"
    written = f"{mac}.hexdigest()"
    if signing.encoding == "base64":
        written = f"base64.b64encode({mac}.digest()).decode()"
    return [
        *lines,
        f"key = {key}",
        f"signed = {' + '.join(pieces) or repr(b'')}",
        f"signature = {written}",
        "",
    ]


def python_headers(signing: Signing) -> list[str]:
    """The items of ``headers``."""
    value = f"{signing.prefix!r} + signature" if signing.prefix else "signature"
    if signing.marked is not None:
        value = f"{signing.marked!r} + {NOW} + {',' + signing.prefix!r} + signature"
    found = [f"{signing.header!r}: {value}"]
    if signing.timestamp_header is not None:
        found.append(f"{signing.timestamp_header!r}: {NOW}")
    return found + [f"{name!r}: {_variable(name)}" for name in signing.made_up]


def _variable(header: str) -> str:
    return "sent_" + re.sub(r"\W", "_", header)


def _shell_piece(piece: Piece, signing: Signing) -> str:
    if piece.variable == BODY:
        return shell_body(signing.call.body) if signing.call.body else ""
    if piece.variable:
        return f'printf %s "${NOW if piece.variable == NOW else _variable(piece.variable)}"'
    return f"printf %s {shlex.quote(piece.text)}" if piece.text else ""


def _python_piece(piece: Piece, signing: Signing) -> str:
    if piece.variable == BODY:
        return "body" if signing.call.body else ""
    if piece.variable:
        return f"{NOW if piece.variable == NOW else _variable(piece.variable)}.encode()"
    return f"{piece.text!r}.encode()" if piece.text else ""
