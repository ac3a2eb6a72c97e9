"""Runs schemathesis as a program of its own, and reads what it found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.node import RunningNode

CHECKS = (
    "documented_problem",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
)
# Asks two times more for every call that was answered; P43 asks every route without a credential.
AUTHENTICATION = "ignored_auth"
# Acts on the node and not on what it keeps: new workers for every call, files written on the
# machine; and a stream that does not end.
NOT_PLAYED = r"/workers/restart$|/backup$|/encryption/|/stream$"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Played:
    """``calls``: test cases made. ``failures``: what was found; ``output``: all that was said."""

    calls: int
    failures: int
    output: str


def play(
    node: RunningNode, folder: Path, *, examples: int, seed: int, phases: str, timeout_s: float
) -> Played:
    """Play every route with up to ``examples`` cases of each phase; with the first seed also as
    nobody. The folder gets the report."""
    checks = (*CHECKS, AUTHENTICATION) if seed == 1 else CHECKS
    report, document = folder / f"report-{seed}.json", folder / "openapi.json"
    # The node writes it at the first request for it, for which schemathesis would wait 10 s only.
    document.write_text(json.dumps(node.admin("GET", "/openapi.json")))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document)),
        *("--url", node.address["admin_url"]),
        *("--header", f"Authorization: Bearer {node.address['token']}"),
        *("--exclude-path-regex", NOT_PLAYED),
        *("--checks", ",".join(checks)),
        *("--max-examples", str(examples), "--seed", str(seed), "--phases", phases),
        *("--generation-database", "none", "--request-timeout", "60"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.playing.checks", **_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    found = re.search(r"(\d[\d,]*) generated", done.stdout)
    calls = int(found.group(1).replace(",", "")) if found else 0
    return Played(calls, _failures(report, done), done.stdout)


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)}


def _failures(report: Path, done: subprocess.CompletedProcess[str]) -> int:
    """As the report has it; a run that broke off counts as one."""
    if not report.exists():
        return 1
    read: Any = json.loads(report.read_text())
    found = read.get("failures") if isinstance(read, dict) else None
    return len(found) if isinstance(found, list) else int(done.returncode != 0)
