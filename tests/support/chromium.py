"""Finds the Chromium that browser tests and screenshots use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = (
    "there is no Chromium: `make test` installs it on Debian as root; elsewhere install Chromium "
    "or Chrome, or name one with CHROMIUM=/path/to/it"
)


def find() -> str | None:
    """Its path: $CHROMIUM, one on the PATH, or one of macOS' applications."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return found or next((path for path in _APPLICATIONS if Path(path).exists()), None)


def arguments() -> list[str]:
    """What it is started with: as root it has no sandbox, containers have a small
    /dev/shm, and drawing without a graphics card costs less when it is not asked for one."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [*sandbox, "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"]
