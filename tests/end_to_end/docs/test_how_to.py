"""Every how-to does what it says, command by command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.http_server import HttpServer, Reply
from tests.support.markdown import DOCS
from tests.support.moved import asked
from tests.support.walkthrough import Walkthrough

# What the reader of a how-to has: a project of `firesteel init`, and mostly a running node.
PROJECT = (
    "firesteel init my-integrations",
    "cd my-integrations",
    "echo 'workspace = \"acme\"' > firesteel.toml",
)
NODE = (*PROJECT, "firesteel dev")


def walk(
    name: str,
    folder: Path,
    before: Sequence[str] = NODE,
    *,
    replaced: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    page = DOCS / "how-to" / f"{name}.md"
    Walkthrough(page, folder, environment or {}, replaced or {}, before).run()


def test_records_are_synchronised_as_the_page_says(tmp_path: Path) -> None:
    with HttpServer.started() as crm:
        crm.reply("/api/customers/7", Reply(503), Reply.json({}))
        walk(
            "synchronise-records",
            tmp_path,
            replaced={"https://crm.example.com": crm.url},
            environment={"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"},
        )
        keys = {call.header("idempotency-key") for call in crm.received}
        tokens = {call.header("authorization") for call in crm.received}

    assert len(crm.received) == 2
    assert len(keys) == 1
    assert tokens == {"Bearer a-token"}


def test_work_orders_are_received_as_the_page_says(tmp_path: Path) -> None:
    walk("work-orders-between-companies", tmp_path)


def test_queries_are_answered_as_the_page_says(tmp_path: Path) -> None:
    walk("answer-queries", tmp_path)


def test_api_keys_are_rotated_as_the_page_says(tmp_path: Path) -> None:
    walk("rotate-api-keys", tmp_path)


def test_providers_call_as_the_page_says(tmp_path: Path) -> None:
    walk("take-calls-from-providers", tmp_path)


def test_the_encryption_key_is_rotated_as_the_page_says(tmp_path: Path) -> None:
    walk("rotate-the-encryption-key", tmp_path)


def test_a_partner_gets_one_key_as_the_page_says(tmp_path: Path) -> None:
    walk("one-key-for-several-integrations", tmp_path)


def test_an_api_is_handed_out_as_the_page_says(tmp_path: Path) -> None:
    walk("hand-out-an-api", tmp_path)


def test_failed_messages_are_replayed_as_the_page_says(tmp_path: Path) -> None:
    walk("replay-failed-messages", tmp_path)


def test_a_node_runs_with_https_as_the_page_says(tmp_path: Path) -> None:
    walk("run-with-https", tmp_path, PROJECT)


def test_messages_are_archived_and_read_back_as_the_page_says(tmp_path: Path) -> None:
    """An hour is 3.6 seconds here."""
    hasty = Path(__file__).parents[2] / "support" / "hasty_retention"
    walk("archive-and-read-back", tmp_path, environment={"PYTHONPATH": str(hasty)})


def test_failures_are_told_as_the_page_says(tmp_path: Path) -> None:
    with HttpServer.started() as chat:
        chat.reply("/hooks/T0", Reply(200, b"ok"))
        walk(
            "be-told-of-failures",
            tmp_path,
            replaced={"https://chat.example.com": chat.url},
            environment={"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"},
        )
        posts = [item.json["text"] for item in chat.received]
    assert [text.partition("\n")[0] for text in posts] == [
        "Test: alerts of the workspace acme arrive by the channel chat",
        "Approve failed: permanent_error",
    ]
    assert "no customer 7" not in posts[1]


def test_a_node_is_watched_as_the_page_says(tmp_path: Path) -> None:
    walk("watch-a-node", tmp_path)


def test_a_back_up_is_made_and_restored_as_the_page_says(tmp_path: Path) -> None:
    walk("back-up", tmp_path, (*NODE, "firesteel send hello --key me"))


def test_a_workflow_is_tested_as_the_page_says(tmp_path: Path) -> None:
    walk("test-a-workflow", tmp_path, PROJECT)


def test_a_store_is_moved_to_postgresql_as_the_page_says(tmp_path: Path, postgres_url: str) -> None:
    written = "postgresql://firesteel:the-password@db.example.com/firesteel"
    walk(
        "migrate-to-postgresql",
        tmp_path,
        (*NODE, "firesteel send hello --key me"),
        replaced={written: postgres_url},
    )
    assert asked(postgres_url, "SELECT count(*) FROM session") == 1
