"""The README's integration and its curl line answer as it says."""

from __future__ import annotations

from pathlib import Path

from tests.support.markdown import ROOT, blocks
from tests.support.walkthrough import Walkthrough

README = ROOT / "README.md"


def test_the_integration_of_the_readme_answers(tmp_path: Path) -> None:
    (example,) = blocks(README, "yaml")
    page = tmp_path / "page.md"
    page.write_text(
        f"Write `integrations/Greet.yaml`:\n\n```yaml\n{example.text}```\n\n"
        "```console\n$ firesteel dev\n...\nFiresteel is ready\n"
        "$ firesteel send Greet --key me -q who=Ada\n200 OK\n...\n"
        '{"greeting":"Hello, Ada!"}\n```\n'
    )
    before = ("firesteel init my-integrations", "cd my-integrations")
    Walkthrough(page, tmp_path, before=before).run()


def test_the_curl_line_of_the_readme_is_answered_by_the_demo(tmp_path: Path) -> None:
    (line,) = [
        line
        for block in blocks(README, "sh")
        for line in block.text.splitlines()
        if "curl -H" in line
    ]
    (answer,) = blocks(README, "json")
    page = tmp_path / "page.md"
    page.write_text(
        f"```console\n$ firesteel demo\n...\nFiresteel is ready\n$ {line} -s\n{answer.text}```\n"
    )
    Walkthrough(page, tmp_path).run()
