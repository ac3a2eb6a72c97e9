"""Which release this is, and which build of it.

``commit.txt`` stands in built packages only: hatch_build.py writes it where it builds from a
checkout. From sources that are installed in place, and from an archive without it, only the version
is known.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path

_COMMIT = Path(__file__).with_name("commit.txt")


@cache
def release() -> str:
    """Such as ``0.1.0+4f1c2d3a5b6e``: the version and the commit that it was built from, as a local
    version (PEP 440); with ``.changed`` behind it where files differed from the commit."""
    try:
        return f"{version('firesteel')}+{_COMMIT.read_text('ascii').strip()}"
    except OSError:
        return version("firesteel")
