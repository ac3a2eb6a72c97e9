"""What is built and installed elsewhere is whole: the wheel holds the console and serves it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.support.node import running_node

ROOT = Path(__file__).parents[2]
BUNDLE = "firesteel/admin/console/static/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as ``make build`` does, in a folder of its own."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = target.glob("*.whl")
    return found


def test_the_wheel_holds_the_console_s_bundle_and_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    for wanted in (r"console-\w+\.js", r"console-\w+\.css", r"console-\w+\.css\.br", r"icons-\w+"):
        assert any(re.match(BUNDLE + wanted, name) for name in names), wanted
    assert "firesteel/admin/console/templates/base.html" in names
    assert not [name for name in names if "node_modules" in name or name.startswith("frontend")]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_what_is_built_tells_the_commit_it_was_built_from(wheel: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(git, check=True, capture_output=True, text=True).stdout
    zipfile.ZipFile(wheel).extractall(tmp_path)
    noted = (tmp_path / "firesteel" / "commit.txt").read_text().strip()

    told = subprocess.run(
        [sys.executable, "-m", "firesteel", "--version"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ).stdout

    assert noted.removesuffix(".changed") == head[:12]
    assert re.fullmatch(rf"firesteel [0-9.]+\+{re.escape(noted)} \(Python .*\)\n", told)


def test_a_node_installed_elsewhere_serves_the_console(
    wheel: Path, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed"
    # What pip does with a pure wheel, without asking anybody for what it depends on.
    zipfile.ZipFile(wheel).extractall(installed)
    monkeypatch.setenv("PYTHONPATH", str(installed))

    found = subprocess.run(
        [sys.executable, "-c", "import firesteel; print(firesteel.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout).is_relative_to(installed)
    with (
        running_node(data_dir, FIRESTEEL_WORKERS="1") as node,
        httpx2.Client(base_url=node.address["admin_url"], timeout=60) as client,
    ):
        page = client.get("/sign-in", headers={"accept": "text/html"})
        assert page.status_code == 200
        for address in re.findall(r'(?:href|src)="(/static/[^"#]+)"', page.text):
            assert client.get(address).status_code == 200, address
