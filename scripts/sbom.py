"""Writes what a release is made of: an SBOM in CycloneDX 1.6 (JSON), from the lock files alone.

Python packages with their hashes are read from ``requirements/``, those of the console's bundle
from ``frontend/package-lock.json``; licences from what is installed and from the lock. The same
lock files give the same text, so that it can be compared and signed. A licence that is not among
``TAKEN`` ends it with an error.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
_NAMESPACE: Final = uuid.UUID("5b0d4f0e-6d0c-5f0e-9a55-7a1f1e1f4b10")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)((?:.*\\\n)*.*)$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

# What may be distributed beside Apache-2.0. LGPL: psycopg, an extra that is imported, not linked.
TAKEN: Final = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only"}
    | {"MIT", "MIT-0", "PSF-2.0"}
)
# Of packages whose metadata hold a licence's name or text instead of its identifier.
_BY_CLASSIFIER: Final = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
# Locked for other systems than this one, so that their metadata are not here to be read.
_ELSEWHERE: Final = {
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "tzdata": "Apache-2.0",
}


class LicenceUnknown(Exception):
    """A package has no licence that may be distributed, or none that is told."""


def sbom() -> dict[str, Any]:
    """The document. Raises LicenceUnknown."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = {"type": "application", "name": project["name"], "version": project["version"]}
    components = sorted([*_python(), *_console()], key=lambda found: str(found["bom-ref"]))
    text = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, text)}",
        "version": 1,
        "metadata": {
            "component": {
                **own,
                "bom-ref": f"pkg:pypi/{project['name']}@{project['version']}",
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
    }


def _python() -> Iterator[dict[str, Any]]:
    for file, scope in (("run", "required"), ("postgresql", "optional")):
        required = set(_names("run")) if scope == "optional" else set()
        for name, version, rest in _LOCKED.findall((ROOT / f"requirements/{file}.txt").read_text()):
            if name not in required:
                hashes = [
                    {"alg": "SHA-256", "content": found} for found in sorted(_HASH.findall(rest))
                ]
                licence = _licence(name)
                yield _component(f"pkg:pypi/{name}@{version}", (name, version), licence) | {
                    "scope": scope,
                    # One for each file of the release: which of them is installed, the system says.
                    "externalReferences": [
                        {
                            "type": "distribution",
                            "url": f"https://pypi.org/project/{name}/{version}/",
                        }
                        | {"hashes": hashes}
                    ],
                }


def _names(file: str) -> list[str]:
    return [name for name, _, _ in _LOCKED.findall((ROOT / f"requirements/{file}.txt").read_text())]


def _console() -> Iterator[dict[str, Any]]:
    """What is bundled; tools that only build are no part of it."""
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    for place, package in lock["packages"].items():
        if not place or package.get("dev"):
            continue
        name = place.rpartition("node_modules/")[2]
        algorithm, _, digest = package["integrity"].partition("-")
        assert algorithm == "sha512"
        purl = f"pkg:npm/{name.replace('@', '%40', 1)}@{package['version']}"
        yield _component(purl, (name, package["version"]), _taken(name, package["license"])) | {
            "scope": "required",
            "hashes": [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}],
        }


def _component(purl: str, named: tuple[str, str], licence: str) -> dict[str, Any]:
    name, version = named
    one = {"license": {"id": licence}} if " " not in licence else {"expression": licence}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [one],
    }


def _licence(name: str) -> str:
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        if name not in _ELSEWHERE:
            raise LicenceUnknown(f"{name}: is not installed here") from None
        return _ELSEWHERE[name]
    expression = told["License-Expression"]
    if not expression:
        classifiers = told.get_all("Classifier") or []
        known = sorted({_BY_CLASSIFIER[item] for item in classifiers if item in _BY_CLASSIFIER})
        expression = " OR ".join(known) or told["License"] or ""
    return _taken(name, expression)


def _taken(name: str, expression: str) -> str:
    """``BSD-0-Clause`` is how npm's authors write 0BSD."""
    expression = expression.replace("BSD-0-Clause", "0BSD")
    words = set(re.findall(r"[A-Za-z0-9.-]+", expression)) - {"AND", "OR"}
    if not words or not words <= TAKEN:
        raise LicenceUnknown(f"{name}: {expression[:80] or 'no licence'}")
    return expression


def main(target: str) -> int:
    """Write it to ``target``; exit code 1 where a licence is not taken."""
    try:
        document = sbom()
    except LicenceUnknown as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"sbom: {len(document['components'])} components in {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
