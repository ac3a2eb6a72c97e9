"""Builds the site of the documentation, ``build/docs``, out of ``docs/``, with Zensical (see 0065).

The pages stay plain Markdown with links that work on a git host. So a copy of them is built: files
elsewhere in the tree that a page links to come along below ``project/``, and their links are
rewritten. The navigation is what ``docs/README.md`` lists, in its order. A dead link or anchor, a
page that is not listed, or anything that a browser would fetch from another host ends it with an
error. ``--serve`` then shows the site on 127.0.0.1:8000.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from scripts.check_links import CODE, LINK, prose

ROOT: Final = Path(__file__).parent.parent
THEME: Final = Path(__file__).parent / "docs_theme"
SECTIONS: Final = ("Tutorial", "How-to", "Reference", "Explanation")
BUILD_S: Final = 120.0
PORT: Final = 8000

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Git hosts take two spaces for a list in a list, Python-Markdown takes four.
_INNER_LIST = re.compile(r" {2,3}([-*+]|\d+\.) ")
_ITEM_LINK = re.compile(r"\]\(([\w./-]+\.md)\)")
# What a browser fetches by itself, by element and attribute.
_FETCHED: Final = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_CELL = re.compile(r"<td\b[^>]*>.*?(?=<td\b|</td>|</tr>|</table>)", re.DOTALL)
_CODE = re.compile(r"<code>([^<]*)</code>")
_JOINT, _BREAK = re.compile("(?<=[^_/])[_/]"), r"\g<0><wbr>"

Nav = list[dict[str, "str | Nav"] | str]


class SiteFault(Exception):
    """The site cannot be built, or would be wrong; the text says where."""


def build(root: Path, site: Path) -> int:
    """Build the site of the tree at ``root`` into ``site``; the number of its pages.

    Raises SiteFault.
    """
    stage = site.with_name(f"{site.name}-source")
    shutil.rmtree(stage, ignore_errors=True)
    copy_pages(root, stage / "pages")
    shutil.copytree(THEME / "assets", stage / "pages" / "assets")
    template = (THEME / "zensical.toml").read_text()
    nav = f"nav = {_toml(navigation(root / 'docs'))}\n"
    (stage / "zensical.toml").write_text(template.replace("# navigation\n", nav))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("zensical")), "build", "--strict"],
        cwd=stage,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode:
        said = _COLOUR.sub("", f"{done.stdout}{done.stderr}")
        raise SiteFault(said.partition("Traceback")[0].strip())
    let_names_break(stage / "site")
    faults = list(site_faults(stage / "site"))
    if faults:
        raise SiteFault("\n".join(faults))
    shutil.rmtree(site, ignore_errors=True)
    (stage / "site").rename(site)
    return len(list(site.rglob("*.html")))


def let_names_break(site: Path) -> None:
    """Let long names in tables go on in the next line behind ``_`` and ``/``, and nowhere else."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        page.write_text(_CELL.sub(lambda cell: _CODE.sub(_breaking, cell[0]), text))


def _breaking(code: re.Match[str]) -> str:
    return f"<code>{_JOINT.sub(_BREAK, code[1])}</code>"


def copy_pages(root: Path, pages: Path) -> None:
    """Copy ``docs/`` and all that its pages link to elsewhere in the tree."""
    docs = root / "docs"
    todo = [path for path in sorted(docs.rglob("*")) if path.is_file()]
    seen = set(todo)
    while todo:
        path = todo.pop()
        target = pages / _place(path, root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, target)
            continue
        text, linked = _rewritten(path, root)
        target.write_text(text)
        todo += linked - seen
        seen |= linked


def navigation(docs: Path) -> Nav:
    """The pages that ``docs/README.md`` lists, by its headings, and the decisions.

    Raises SiteFault where a page is listed nowhere.
    """
    found: Nav = [{"Home": "README.md"}]
    section: Nav = []
    group: Nav = section
    listed = {"README.md", "decisions/README.md"}
    for _, line in prose((docs / "README.md").read_text()):
        if line.startswith("## "):
            section = group = []
            if line[3:] in SECTIONS:
                found.append({line[3:]: section})
        elif line.startswith("### "):
            group = []
            section.append({line[4:]: group})
        else:
            pages = [each for each in _ITEM_LINK.findall(line) if each not in listed]
            group += pages
            listed.update(pages)
    decisions = sorted(path.name for path in (docs / "decisions").glob("0*.md"))
    listed.update(f"decisions/{name}" for name in decisions)
    found.append({"Decisions": ["decisions/README.md", *(f"decisions/{n}" for n in decisions)]})
    missing = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - listed
    if missing:
        raise SiteFault(f"docs/README.md does not list: {', '.join(sorted(missing))}")
    return found


def site_faults(site: Path) -> Iterator[str]:
    """What in the built site leads nowhere, or would be fetched from another host."""
    for page in sorted(site.rglob("*.html")):
        parser = _Addresses()
        parser.feed(page.read_text())
        for fetched, address in parser.found:
            place = f"{page.relative_to(site)}: {address}"
            if re.match(r"https?:|//", address):
                if fetched:
                    yield f"{place}: fetched from another host"
            elif not _ELSEWHERE.match(address):
                path = unquote(re.split(r"[?#]", address)[0])
                target = site / path.lstrip("/") if path.startswith("/") else page.parent / path
                if not target.exists():
                    yield f"{place}: no such file"


class _Addresses(HTMLParser):
    """Collects the addresses of a page, each with whether a browser fetches it by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        fetched = values.get(_FETCHED.get(tag, ""))
        if fetched and values.get("rel") not in ("canonical", "next", "prev"):
            self.found.append((True, fetched))
        elif tag == "a" and values.get("href"):
            self.found.append((False, str(values["href"])))


def _place(path: Path, root: Path) -> PurePosixPath:
    """Where a file of the tree lies in the site's source."""
    relative = PurePosixPath(path.relative_to(root).as_posix())
    if relative.parts[0] == "docs":
        return PurePosixPath(*relative.parts[1:])
    return PurePosixPath("project", relative)


def _rewritten(path: Path, root: Path) -> tuple[str, set[Path]]:
    """The page with links as they are in the site, and the files outside docs/ it links to."""
    linked: set[Path] = set()
    here = _place(path, root).parent
    numbers = {number for number, _ in prose(path.read_text())}
    for number, line in prose(path.read_text()):
        if _INNER_LIST.match(line):
            raise SiteFault(
                f"{path.relative_to(root)}:{number}: a list in a list, flat on the site"
            )

    def changed(match: re.Match[str]) -> str:
        link = match[1]
        if _ELSEWHERE.match(link):
            return match[0]
        target, mark, anchor = link.partition("#")
        file = (path.parent / unquote(target)).resolve()
        if not file.is_file():
            raise SiteFault(f"{path.relative_to(root)}: {link} is no file")
        if not file.is_relative_to(root / "docs"):
            linked.add(file)
        there = os.path.relpath(_place(file, root), here)
        return match[0].replace(f"({link}", f"({there}{mark}{anchor}")

    lines = path.read_text().splitlines(keepends=True)
    return "".join(
        _outside_code(line, changed) if number in numbers else line
        for number, line in enumerate(lines, start=1)
    ), linked


def _outside_code(line: str, changed: Callable[[re.Match[str]], str]) -> str:
    """A line with its links changed, but for what stands as code."""
    parts: list[str] = []
    end = 0
    spans = [(match.start(), match.end()) for match in CODE.finditer(line)]
    for match in LINK.finditer(line):
        if any(start <= match.start() and match.end() <= stop for start, stop in spans):
            continue
        parts += [line[end : match.start()], changed(match)]
        end = match.end()
    return "".join([*parts, line[end:]])


def _toml(nav: Nav) -> str:
    """The navigation as TOML."""
    items = []
    for each in nav:
        if isinstance(each, str):
            items.append(json.dumps(each))
        else:
            ((title, value),) = each.items()
            written = json.dumps(value) if isinstance(value, str) else _toml(value)
            items.append(f"{{ {json.dumps(title)} = {written} }}")
    return f"[{', '.join(items)}]"


def serve(site: Path) -> None:
    """Show the site until somebody interrupts it."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
        print(f"http://127.0.0.1:{PORT}; Ctrl-C stops")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main(arguments: list[str]) -> int:
    """Build, and show the site where asked; 1 where something is wrong."""
    site = ROOT / "build" / "docs"
    try:
        pages = build(ROOT, site)
    except SiteFault as fault:
        print(fault)
        return 1
    print(f"docs: {pages} pages in {site.relative_to(ROOT)}")
    if "--serve" in arguments:
        serve(site)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
