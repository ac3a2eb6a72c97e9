"""P40: what the corpus of broken requests must find. It runs end-to-end, in full."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.http_corpus.run import faults, whats_wrong
from tests.support.node import ProjectFolder, running_node


def test_p40_fails_when_a_request_may_have_a_length_and_a_coding(
    tmp_path: Path, report: Report
) -> None:
    project = ProjectFolder(tmp_path / "project")
    project.integration({"name": "Open", "trigger": {"authentication": []}})
    (tmp_path / "data").mkdir(mode=0o700)
    environment = dict([planted("lengths_beside_codings")])
    with running_node(tmp_path / "data", project.path, **environment) as node:
        port = urlsplit(node.public_url).port
        assert port is not None
        wrong = asyncio.run(faults(port, b"", whats_wrong))
    found = any(fault.startswith("a length and a coding:") for fault in wrong)
    report.defect("P40", "lengths_beside_codings", found=found)
    assert found
