"""The wheel of ``make compiled``: what is listed is compiled, and a node of it keeps its word."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.node import ProjectFolder, RunningNode, running_node

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPILED: list[str] = SETTINGS["tool"]["hatch"]["build"]["hooks"]["custom"]["compiled"]
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]
HEADERS = Path(sysconfig.get_path("include"), "Python.h")

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER) is None or not HEADERS.is_file(),
    reason=f"there is no {COMPILER}, or there are no headers of this Python",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as ``make compiled`` does, in a folder of its own, by a compiler in a hurry."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(target)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPILE_FIRESTEEL", "1")
        patch.setenv("MYPYC_OPT_LEVEL", "0")
        patch.delenv("PYTHONPATH", raising=False)
        done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = target.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where it is unpacked, for every process that the tests of this module start."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def node(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    answer = {"steps": [{"name": "answer", "map": "{% input.body %}"}]}
    project.integration({"name": "Echo", "trigger": {"request_response": True}, "workflow": answer})
    project.integration({"name": "Recorded", "trigger": {"idempotency": {"key": "body.no"}}})
    lane = {"ordered_delivery": {"key": "body.lane"}}
    project.integration({"name": "Ordered", "trigger": lane, "workflow": answer})
    data_dir = tmp_path_factory.mktemp("data")
    data_dir.chmod(0o700)
    with running_node(data_dir, project.path, FIRESTEEL_ACCESS_LOG="on") as running:
        yield running


def test_the_wheel_holds_what_is_listed_compiled_beside_its_source(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    suffix = sysconfig.get_config_var("EXT_SUFFIX")

    assert "none-any" not in wheel.name
    assert {name for name in names if name.endswith(".so") and name.startswith("firesteel/")} == {
        name.removesuffix(".py") + suffix for name in COMPILED
    }
    assert names >= set(COMPILED)


def test_it_says_that_it_is_compiled(installed: Path) -> None:
    command = [sys.executable, "-m", "firesteel", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said.rstrip().endswith(", compiled)")
    there = f"import firesteel; assert firesteel.__file__.startswith({str(installed)!r})"
    subprocess.run([sys.executable, "-c", there], check=True)


def test_its_node_answers_many_callers_at_once_each_with_its_own(node: RunningNode) -> None:
    def call(number: int) -> bool:
        answer = node.call("Echo", json={"number": number})
        return answer.status_code == 200 and answer.json() == {"number": number}

    with ThreadPoolExecutor(16) as callers:
        assert all(callers.map(call, range(400)))


def test_its_node_numbers_and_orders_what_it_accepts(node: RunningNode) -> None:
    answers = [node.call("Ordered", json={"lane": str(number % 3)}) for number in range(30)]

    assert [answer.status_code for answer in answers] == [202] * 30
    assert [answer.json()["sequence"] for answer in answers] == list(range(1, 31))
    assert {node.until_settled(answer)["state"] for answer in answers} == {"succeeded"}


def test_its_node_refuses_as_any_other(node: RunningNode) -> None:
    url = f"{node.public_url}/test/Echo"

    assert node.client.post(url, json={}).status_code == 401
    assert node.client.post(f"{url}x", json={}).status_code == 404
    assert node.call("Echo", "PUT", json={}).status_code == 405
    assert node.call("Echo", content=b"x" * (11 * 1024 * 1024)).status_code == 413
    assert node.call("Echo", headers={"prefer": "respond-async"}, json=1).status_code == 202


def test_what_its_node_accepted_outlives_a_kill_and_duplicates_are_known(
    node: RunningNode,
) -> None:
    first = [node.call("Recorded", json={"no": number}) for number in range(50)]
    node.kill_engine()
    node.wait_ready()
    again = [node.call("Recorded", json={"no": number}) for number in range(50)]

    assert [answer.status_code for answer in first] == [202] * 50
    assert [answer.json()["id"] for answer in again] == [answer.json()["id"] for answer in first]
    assert {answer.headers["firesteel-duplicate"] for answer in again} == {"true"}
    assert node.call("Recorded", json={"no": 50}).json()["sequence"] == 51
