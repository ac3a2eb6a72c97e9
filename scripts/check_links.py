"""Fails where a document links to a file or a heading of this project that is not there.

Reads every ``*.md`` of the project. Links to other hosts are not followed: the gate must give the
same answer without a network.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

FOLDERS = ("docs", "bench", "deploy", "src", "tests")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
HTML_ID = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a document that are not in a fenced block."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            yield number, line


def anchors(path: Path) -> set[str]:
    """The anchors that the headings of a document get from the usual renderers (GitHub's rule)."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for _, line in prose(path.read_text(encoding="utf-8")):
        found.update(HTML_ID.findall(line))
        match = HEADING.match(line)
        if match is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> Iterator[tuple[int, str]]:
    """Every link of a document with its line, as it is written."""
    for number, line in prose(path.read_text(encoding="utf-8")):
        plain = CODE.sub("", line)
        for match in LINK.finditer(plain):
            yield number, match[1]
        if reference := REFERENCE.match(plain):
            yield number, reference[1]


def dead(path: Path, link: str, root: Path) -> str | None:
    """What is wrong with one link, or None."""
    if re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE):
        return None
    target, _, anchor = link.partition("#")
    file = path
    if target:
        base = root if target.startswith("/") else path.parent
        file = base / unquote(target).lstrip("/")
    if not file.exists():
        return f"no such file: {target}"
    if anchor and file.suffix == ".md" and unquote(anchor) not in anchors(file):
        return f"no such heading: {link}"
    return None


def documents(root: Path) -> list[Path]:
    """Every document of the project, each once; of the root only what lies right in it."""
    found = set(root.glob("*.md"))
    for folder in FOLDERS:
        found.update((root / folder).rglob("*.md"))
    return sorted(found)


def main(root: Path) -> int:
    """Print every dead link under ``root``; 1 where there is one."""
    files = documents(root)
    found = [
        f"{path}:{number}: {fault}"
        for path in files
        for number, link in links(path)
        if (fault := dead(path, link, root))
    ]
    for fault in found:
        print(fault)
    print(f"links: {len(files)} documents, {len(found)} dead")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
