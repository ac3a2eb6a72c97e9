"""The tutorial does what it says, command by command."""

from __future__ import annotations

from pathlib import Path

from tests.support.markdown import DOCS
from tests.support.walkthrough import Walkthrough


def test_the_tutorial_works_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    Walkthrough(DOCS / "tutorial" / "first-integration.md", tmp_path).run()
