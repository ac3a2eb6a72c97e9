"""Senders that wait less long than a call may take."""

from __future__ import annotations

import re
from pathlib import Path

from firesteel.model.senders import SENDERS, less_patient

REFERENCE = Path(__file__).parents[3] / "docs/reference/senders.md"


def test_the_reference_lists_the_senders_that_the_console_names() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (\d+) s \| \[", REFERENCE.read_text(), re.MULTILINE)

    assert rows == [(sender.name, f"{sender.waits_s:.0f}") for sender in SENDERS]


def test_only_those_are_named_that_give_up_earlier() -> None:
    assert [sender.name for sender in less_patient(5)] == ["Slack"]
    assert less_patient(3) == []
    assert less_patient(900) == list(SENDERS)
