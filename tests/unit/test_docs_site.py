"""What the build of the documentation's site refuses, and how it reads the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.docs_site import (
    SiteFault,
    build,
    copy_pages,
    let_names_break,
    navigation,
    site_faults,
)

INDEX = """# Documentation

## How-to

### Build

- [One](how-to/one.md), and [two](how-to/two.md)

## Explanation

- [Decisions](decisions/README.md)

## Words

- [One](how-to/one.md)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    for folder in ("how-to", "decisions"):
        (docs / folder).mkdir(parents=True)
    (docs / "README.md").write_text(INDEX)
    (docs / "how-to" / "one.md").write_text("# One\n\n[the unit](../../deploy/a.service)\n")
    (docs / "how-to" / "two.md").write_text("# Two\n\n[one](one.md#one), `[x](y)`\n")
    (docs / "decisions" / "README.md").write_text("# Decisions\n")
    (docs / "decisions" / "0001-a.md").write_text("# 0001: a\n")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a.service").write_text("[Unit]\n")
    return tmp_path


def test_the_navigation_is_what_the_index_lists_in_its_order(tree: Path) -> None:
    assert navigation(tree / "docs") == [
        {"Home": "README.md"},
        {"How-to": [{"Build": ["how-to/one.md", "how-to/two.md"]}]},
        {"Explanation": []},
        {"Decisions": ["decisions/README.md", "decisions/0001-a.md"]},
    ]


def test_a_page_that_the_index_does_not_list_is_refused(tree: Path) -> None:
    (tree / "docs" / "how-to" / "three.md").write_text("# Three\n")

    with pytest.raises(SiteFault, match=r"does not list: how-to/three\.md"):
        navigation(tree / "docs")


def test_files_elsewhere_in_the_tree_come_along(tree: Path, tmp_path: Path) -> None:
    copy_pages(tree, tmp_path / "pages")

    assert (tmp_path / "pages/project/deploy/a.service").read_text() == "[Unit]\n"
    assert "(../project/deploy/a.service)" in (tmp_path / "pages/how-to/one.md").read_text()
    assert "`[x](y)`" in (tmp_path / "pages/how-to/two.md").read_text()


def test_a_link_to_a_heading_that_is_not_there_ends_the_build(tree: Path, tmp_path: Path) -> None:
    (tree / "docs" / "how-to" / "two.md").write_text("# Two\n\n[one](one.md#nowhere)\n")

    with pytest.raises(SiteFault, match="anchor does not exist"):
        build(tree, tmp_path / "build" / "docs")


def test_a_list_that_git_hosts_show_otherwise_than_the_site_is_refused(
    tree: Path, tmp_path: Path
) -> None:
    (tree / "docs" / "how-to" / "two.md").write_text("# Two\n\n- a\n  - b\n")

    with pytest.raises(SiteFault, match=r"two\.md:4: a list in a list"):
        copy_pages(tree, tmp_path / "pages")


def test_what_a_browser_would_fetch_from_elsewhere_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("<p>")
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example.com/x.js"></script><img src="gone.png">'
        '<a href="https://example.com">a</a><a href="there.html#x">there</a><a href="no.md">.</a>'
    )

    assert list(site_faults(tmp_path)) == [
        "a.html: https://cdn.example.com/x.js: fetched from another host",
        "a.html: gone.png: no such file",
        "a.html: no.md: no such file",
    ]


def test_names_in_tables_break_behind_their_parts_only(tmp_path: Path) -> None:
    code = "<code>firesteel_api/__init__</code>"
    (tmp_path / "index.html").write_text(f"<table><tr><td>{code}</td></tr></table><p>{code}</p>")

    let_names_break(tmp_path)

    assert (tmp_path / "index.html").read_text() == (
        "<table><tr><td><code>firesteel_<wbr>api/<wbr>__init_<wbr>_</code></td></tr></table>"
        f"<p>{code}</p>"
    )
