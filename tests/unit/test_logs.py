"""What libraries say by Python's own logging is a line like ours."""

from __future__ import annotations

import json
import subprocess
import sys

SAYS = """
import logging
from firesteel.telemetry.logs import configure
configure("info", "json")
library = logging.getLogger("psycopg")
library.info("nobody asked")
library.warning("error ignored: %s\\n\\tno connection", "it closed")
try:
    raise OSError("gone")
except OSError:
    library.exception("failed")
library.warning("%d of them", "some")
"""


def test_each_is_one_object_with_the_librarys_name() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS], capture_output=True, text=True, check=True, timeout=60
    )
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["event"], one["level"], one["library"], one["detail"]) for one in said] == [
        ("library_said", "warning", "psycopg", "error ignored: it closed no connection"),
        ("library_said", "error", "psycopg", "failed"),
        ("library_said", "warning", "psycopg", "%d of them"),
    ]
    assert "OSError: gone" in said[1]["exception"]
