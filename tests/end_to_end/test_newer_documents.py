"""A node finds in its store what a node of a newer release has published."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from firesteel.settings import STORE_FILE
from tests.support.node import AUTHENTICATION, running_node, wait_until

WORKFLOW = {"steps": [{"name": "same", "map": "{% input.body %}"}]}


def rewrite(data_dir: Path, name: str, *, newer: bool) -> None:
    """The published document with a key that this release does not know, or without it again."""
    with closing(sqlite3.connect(data_dir / STORE_FILE)) as store, store:
        no, text = store.execute(
            "SELECT v.no, v.document FROM version v JOIN integration i"
            " ON i.published_version_no = v.no WHERE i.name = ?",
            [name],
        ).fetchone()
        document = json.loads(text)
        document["trigger"].pop("of_tomorrow", None)
        if newer:
            document["trigger"]["of_tomorrow"] = True
        store.execute("UPDATE version SET document = ? WHERE no = ?", [json.dumps(document), no])


def test_a_document_of_a_newer_release_stops_its_own_integration_only_and_loses_no_message(
    tmp_path: Path,
) -> None:
    with running_node(tmp_path) as node:
        for name in ("Plain", "Newer"):
            document = {
                "name": name,
                "trigger": {"authentication": AUTHENTICATION},
                "workflow": WORKFLOW,
            }
            node.admin("PUT", f"/workspaces/test/integrations/{name}", json=document)
        node.admin("POST", "/workspaces/test/lanes/pause", json={"integration": "Newer"})
        waiting = node.call("Newer", json={"a": 1})
        assert waiting.status_code == 202
    rewrite(tmp_path, "Newer", newer=True)
    with running_node(tmp_path) as node:
        refused = node.call("Newer", json={"a": 2})
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:firesteel:node_outdated"
        assert "retry-after" in refused.headers
        assert node.call("Nobody", json={}).status_code == 404
        assert node.until_settled(node.call("Plain", json={"a": 3}))["state"] == "succeeded"
        node.admin("POST", "/workspaces/test/lanes/resume", json={"integration": "Newer"})
        wait_until(lambda: "version_not_understood" in node.said())
        assert node.said().count("document_of_a_newer_release") == 1
    rewrite(tmp_path, "Newer", newer=False)
    with running_node(tmp_path) as node:
        path = f"{waiting.request.url.path}/messages/{waiting.headers['firesteel-message-id']}"
        headers = {"x-api-key": waiting.request.headers["x-api-key"]}

        def settled() -> bool:
            state = node.client.get(node.public_url + path, headers=headers).json()["state"]
            return bool(state == "succeeded")

        wait_until(settled)
