"""A call as commands to paste: curl in a POSIX shell, Python, PowerShell.

Each quotes by its language's own rules, so that any value arrives as it is. No snippet holds a
secret: it is read from an environment variable, ``API_KEY``, ``PASSWORD``, ``TOKEN`` or ``SECRET``.
"""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from firesteel.admin.callers.call import API_KEY_HEADER, text_of
from firesteel.admin.callers.signed_snippets import (
    curl_arguments,
    python_headers,
    python_imports,
    python_lines,
    shell_body,
    shell_lines,
)
from firesteel.admin.callers.signing import signing
from firesteel.model.authentication import SignatureAuth
from firesteel.model.findings import items, mapping
from firesteel.model.signature_schemes import scheme_of

if TYPE_CHECKING:
    from firesteel.admin.callers.call import Call
    from firesteel.admin.callers.signing import Signing
    from firesteel.model.signature_schemes import SignatureScheme

KEY_VARIABLE = "API_KEY"
PASSWORD_VARIABLE = "PASSWORD"  # noqa: S105  # its name
TOKEN_VARIABLE = "TOKEN"  # noqa: S105  # its name
# PowerShell takes typographic quotes for the straight one (about_Quoting_Rules).
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"


@dataclass(frozen=True, slots=True)
class Snippets:
    """One text for each language; ``powershell`` is empty where the call has to be signed."""

    curl: str
    python: str
    powershell: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What lets a call in; ``username``: of ``basic``, ``scheme``: of ``signature``."""

    kind: Literal["api_key", "basic", "jwt", "signature"]
    username: str = ""
    scheme: SignatureScheme | None = None


API_KEY = Credential("api_key")


def credential_of(document: dict[str, Any]) -> Credential | None:
    """What calls of a document's trigger are let in by, as far as a command can send it: an API
    key before a password before a token before a signature; None where none is asked for."""
    ways = items(mapping(document.get("trigger")).get("authentication"))
    declared = {kind: way for item in reversed(ways) for kind, way in mapping(item).items()}
    if "api_key" in declared:
        return API_KEY
    if "basic" in declared:
        return Credential("basic", str(mapping(declared["basic"]).get("username", "")))
    if "jwt" in declared:
        return Credential("jwt")
    if "signature" not in declared:
        return None
    return Credential(
        "signature", scheme=scheme_of(SignatureAuth.model_validate(declared["signature"]))
    )


def snippets(call: Call, base_url: str, credential: Credential | None) -> Snippets:
    """``base_url``: what the path is appended to. ``credential``: what is sent to be let in."""
    if credential is not None and credential.scheme is not None:
        signed = signing(credential.scheme, call, base_url)
        url = base_url + signed.call.path
        return Snippets(_curl(signed.call, url, signed), _python(signed.call, url, signed), "")
    url = base_url + call.path
    return Snippets(
        curl=_curl(call, url, credential),
        python=_python(call, url, credential),
        powershell=_powershell(call, url, credential),
    )


def _curl(call: Call, url: str, credential: Credential | Signing | None) -> str:
    before = ""
    first = "curl --globoff" if "[" in url else "curl"
    parts = [f"{first} {shlex.quote(url)}"]
    if call.method != "GET" or call.body is not None:
        parts.append(f"--request {call.method}")
    lines = []
    if isinstance(credential, Credential):
        parts.append(_curl_credential(credential))
    elif credential is not None:
        lines = shell_lines(credential)
        parts += curl_arguments(credential)
    for name, value in call.headers.items():
        # curl drops a header without a value unless it ends with a semicolon.
        parts.append("--header " + shlex.quote(f"{name}: {value}" if value else f"{name};"))
    if call.body is not None:
        text = text_of(call.body)
        if text is None:
            before = f"{shell_body(call.body)} | "
            parts.append("--data-binary @-")
        else:
            parts.append("--data-raw " + shlex.quote(text))
    return "\n".join([*lines, before + " \\\n  ".join(parts)])


def _curl_credential(credential: Credential) -> str:
    if credential.kind == "api_key":
        return f'--header "{API_KEY_HEADER}: ${KEY_VARIABLE}"'
    if credential.kind == "basic":
        return f'--user {shlex.quote(credential.username + ":")}"${PASSWORD_VARIABLE}"'
    return f'--header "Authorization: Bearer ${TOKEN_VARIABLE}"'


def _python(call: Call, url: str, credential: Credential | Signing | None) -> str:
    sent = [f"{name!r}: {value!r}" for name, value in call.headers.items()]
    modules: list[str] = []
    if isinstance(credential, Credential):
        sent.insert(0, _python_credential(credential))
        modules = ["base64", "os"] if credential.kind == "basic" else ["os"]
    elif credential is not None:
        sent = python_headers(credential) + sent
        modules = python_imports(credential)
    headers = [f"        {item}," for item in sent]
    lines = [f"import {name}" for name in (*modules, "urllib.error", "urllib.request")] + [""]
    if call.body is not None:
        lines += [f"body = {_python_body(call.body)}", ""]
    if credential is not None and not isinstance(credential, Credential):
        lines += python_lines(credential)
    lines += ["request = urllib.request.Request(", f"    {url!r},", f'    method="{call.method}",']
    if headers:
        lines += ["    headers={", *headers, "    },"]
    lines += ["    data=body,"] if call.body is not None else []
    lines += [
        ")",
        "try:",
        "    answer = urllib.request.urlopen(request)",
        "except urllib.error.HTTPError as error:",
        "    answer = error",
        "with answer:",
        "    print(answer.status)",
        "    print(answer.read().decode())",
    ]
    return "\n".join(lines)


def _python_credential(credential: Credential) -> str:
    if credential.kind == "api_key":
        return f'"{API_KEY_HEADER}": os.environ["{KEY_VARIABLE}"]'
    if credential.kind == "basic":
        pair = f'({credential.username + ":"!r} + os.environ["{PASSWORD_VARIABLE}"]).encode()'
        return f'"authorization": "Basic " + base64.b64encode({pair}).decode()'
    return f'"authorization": "Bearer " + os.environ["{TOKEN_VARIABLE}"]'


def _python_body(body: bytes) -> str:
    text = text_of(body)
    if text is None:
        return repr(body)
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:
        return f"{text!r}.encode()"
    return "\n".join(["(", *(f"    {line!r}" for line in lines), ").encode()"])


def _powershell(call: Call, url: str, credential: Credential | None) -> str:
    headers = [
        f"        {_single(name)} = {_single(value)}"
        for name, value in call.headers.items()
        if name != "content-type"
    ]
    if credential is not None:
        headers.insert(0, f"        {_powershell_credential(credential)}")
    lines = ["$call = @{", f"    Method = {_single(call.method)}", f"    Uri = {_single(url)}"]
    if headers:
        lines += ["    Headers = @{", *headers, "    }"]
    if call.headers.get("content-type"):
        lines.append(f"    ContentType = {_single(call.headers['content-type'])}")
    if call.body is not None:
        lines.append(f"    Body = {_powershell_body(call.body)}")
    return "\n".join([*lines, "}", "Invoke-RestMethod @call"])


def _powershell_credential(credential: Credential) -> str:
    if credential.kind == "api_key":
        return f"{_single(API_KEY_HEADER)} = $env:{KEY_VARIABLE}"
    if credential.kind == "basic":
        pair = f"{_single(credential.username + ':')} + $env:{PASSWORD_VARIABLE}"
        encoded = f"[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes({pair}))"
        return f"'authorization' = 'Basic ' + {encoded}"
    return f"'authorization' = 'Bearer ' + $env:{TOKEN_VARIABLE}"


def _powershell_body(body: bytes) -> str:
    """Bytes, for Windows PowerShell would send a text as Latin-1."""
    text = text_of(body)
    if text is None:
        return f"[Convert]::FromBase64String({_single(base64.b64encode(body).decode())})"
    return f"[Text.Encoding]::UTF8.GetBytes({_single(text)})"


def _single(text: str) -> str:
    """A single-quoted string: nothing in it is special but the quotes, which are doubled."""
    doubled = "".join(char * 2 if char in _POWERSHELL_QUOTES else char for char in text)
    return f"'{doubled}'"
