"""Consumers, grants, keys and their rotation: what is done on one node holds on the other."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from tests.support.cluster import Cluster, new_key
from tests.support.node import KEY, ProjectFolder, RunningNode, wait_until
from tests.support.postgres import Postgres

CONSUMERS = "/workspaces/test/consumers"
ISSUED = "what the issuer of tokens signs with: 32 bytes"
_numbers = itertools.count(1)


@dataclass
class Pair:
    """Two nodes: what ``here`` does must hold ``there``."""

    here: RunningNode
    there: RunningNode

    def added(self, *triggers: str) -> tuple[str, str]:
        """A consumer that ``here`` has made and granted these: its path, and the secret of its key.
        It is known there."""
        path = f"{CONSUMERS}/partner-{next(_numbers)}"
        self.here.admin("POST", CONSUMERS, json={"name": path.rpartition("/")[2]})
        for trigger in triggers:
            self.here.admin("PUT", f"{path}/grants/{trigger}")
        secret = str(self.here.admin("POST", f"{path}/keys", json={})["secret"])
        if triggers:
            self.until(triggers[0], secret, 202)
        return path, secret

    def until(self, trigger: str, secret: str, status: int) -> None:
        """Wait until a call there gets that status; one here gets it at once."""
        assert called(self.here, trigger, secret) == status
        wait_until(lambda: called(self.there, trigger, secret) == status)


def called(node: RunningNode, trigger: str, secret: str) -> int:
    return node.call(trigger, headers={"x-api-key": secret}).status_code


def claimed(node: RunningNode, name: str) -> int:
    """What a call gets whose token says that the consumer of that name calls."""
    token = jwt.encode({"sub": name, "exp": time.time() + 60}, ISSUED, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}"}
    return node.client.post(f"{node.public_url}/test/Claimed", headers=headers).status_code


@pytest.fixture(scope="module")
def pair(
    postgres: Postgres, migrated_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Two nodes of all roles on one PostgreSQL."""
    folder = tmp_path_factory.mktemp("pair")
    project = ProjectFolder(folder / "project")
    for name in ("Prices", "Stock"):
        project.integration({"name": name})
    token = {"label": "idp", "secret": "${ISSUED}", "consumer": "sub"}
    key = {"api_key": {"label": "tester", "value": KEY}}
    project.integration({"name": "Claimed", "trigger": {"authentication": [key, {"jwt": token}]}})
    with postgres.database(template=migrated_database) as url:
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "ISSUED": ISSUED,
        }
        cluster = Cluster(folder, project.path, environment)
        members = [cluster.add(name) for name in ("here", "there")]
        try:
            cluster.start()
            yield Pair(*(member.running for member in members))
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


def test_a_grant_and_its_end_reach_the_other_node(pair: Pair) -> None:
    path, secret = pair.added("Prices")
    assert called(pair.there, "Stock", secret) == 401
    pair.here.admin("PUT", f"{path}/grants/Stock")
    pair.until("Stock", secret, 202)
    pair.here.admin("DELETE", f"{path}/grants/Prices")
    pair.until("Prices", secret, 401)
    assert called(pair.there, "Stock", secret) == 202


def test_a_deleted_consumer_calls_no_node_any_more(pair: Pair) -> None:
    path, secret = pair.added("Prices", "Stock")
    pair.here.admin("DELETE", path)
    for trigger in ("Prices", "Stock"):
        pair.until(trigger, secret, 401)
    assert path.rpartition("/")[2] not in {
        item["label"] for item in pair.there.admin("GET", CONSUMERS)
    }


def test_p47_an_old_and_a_new_key_are_valid_together_on_every_node(pair: Pair) -> None:
    path, old = pair.added("Prices")
    new = pair.here.admin("POST", f"{path}/keys/1/rotate", json={})["secret"]
    pair.until("Prices", new, 202)
    assert called(pair.there, "Prices", old) == 202
    # Either node ends what the other has begun.
    assert pair.there.admin("POST", f"{path}/keys/1/end-overlap") == {"ended": 1}
    assert called(pair.there, "Prices", old) == 401
    wait_until(lambda: called(pair.here, "Prices", old) == 401)
    assert called(pair.here, "Prices", new) == 202


def test_p47_an_overlap_ends_by_itself_on_every_node(pair: Pair) -> None:
    path, old = pair.added("Prices")
    new = pair.here.admin("POST", f"{path}/keys/1/rotate", json={"overlap_s": 1})["secret"]
    for node in (pair.there, pair.here):
        wait_until(lambda node=node: called(node, "Prices", old) == 401)
    pair.until("Prices", new, 202)


def test_an_expiry_that_one_node_sets_holds_on_the_other(pair: Pair) -> None:
    path, secret = pair.added("Prices")
    pair.here.admin("PATCH", f"{path}/keys/1", json={"expires": "2020-01-01"})
    pair.until("Prices", secret, 401)
    (listed,) = pair.there.admin("GET", f"{path}/keys")
    assert listed["expiry"] == "expired"
    pair.there.admin("PATCH", f"{path}/keys/1", json={"expires": None})
    wait_until(lambda: called(pair.here, "Prices", secret) == 202)


def test_the_last_use_on_one_node_is_told_by_the_other(pair: Pair) -> None:
    path, secret = pair.added()
    pair.here.admin("PUT", f"{path}/grants/Stock")

    def told(node: RunningNode) -> Any:
        return node.admin("GET", f"{path}/keys")[0]["last_used_at"]

    assert told(pair.here) is None
    wait_until(lambda: called(pair.there, "Stock", secret) == 202)
    first = wait_until(lambda: told(pair.here))
    assert called(pair.here, "Stock", secret) == 202
    wait_until(lambda: told(pair.there) > first)


def test_no_node_takes_a_token_that_names_a_consumer_without_keys(pair: Pair) -> None:
    name = f"keyless-{next(_numbers)}"
    assert claimed(pair.there, name) == 202
    pair.here.admin("POST", CONSUMERS, json={"name": name})
    pair.here.admin("PUT", f"{CONSUMERS}/{name}/grants/Claimed")
    assert claimed(pair.here, name) == 401
    wait_until(lambda: claimed(pair.there, name) == 401)
