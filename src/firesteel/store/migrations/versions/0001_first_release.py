"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UNSUCCESSFUL = "state != 'succeeded' AND state != 'running' AND state != 'waiting'"


def upgrade() -> None:
    """The tables of the first release."""
    _integrations()
    _versions_and_keys()
    _rest_of_the_catalog()
    _messages()
    _executions()
    _what_executions_leave()
    _lanes_and_look_ups()
    _execution_indexes()
    _other_indexes()


def _no() -> sa.types.TypeEngine[int]:
    # SQLite numbers rows by itself only in a column declared INTEGER.
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _integrations() -> None:
    op.create_table(
        "workspace",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_workspace"),
        sa.UniqueConstraint("name", name="uq_workspace_name"),
    )
    op.create_table(
        "integration",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("published_version_no", sa.BigInteger(), nullable=True),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_us", sa.BigInteger(), nullable=True),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("max_waiting", sa.BigInteger(), nullable=False),
        sa.Column("on_failure", sa.Text(), nullable=False),
        sa.Column("history_s", sa.BigInteger(), nullable=True),
        sa.Column("payloads_s", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused_because", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("replayed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("purged", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "managed_by IN ('files', 'console')", name=op.f("ck_integration_managed_by")
        ),
        sa.CheckConstraint(
            "on_failure IN ('continue', 'pause')", name=op.f("ck_integration_on_failure")
        ),
        sa.CheckConstraint("concurrency >= 1", name=op.f("ck_integration_concurrency")),
        sa.CheckConstraint("max_waiting >= 1", name=op.f("ck_integration_max_waiting")),
        sa.ForeignKeyConstraint(
            ["workspace_no"], ["workspace.no"], name="fk_integration_workspace_no"
        ),
        sa.PrimaryKeyConstraint("no", name="pk_integration"),
    )


def _versions_and_keys() -> None:
    op.create_table(
        "version",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("trigger_no", _no(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("published_at_us", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["trigger_no"], ["integration.no"], name="fk_version_trigger_no"),
        sa.PrimaryKeyConstraint("no", name="pk_version"),
        sa.UniqueConstraint("trigger_no", "number", name="uq_version_trigger_no_number"),
    )
    op.create_table(
        "api_key",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("trigger_no", _no(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["trigger_no"], ["integration.no"], name="fk_api_key_trigger_no"),
        sa.PrimaryKeyConstraint("no", name="pk_api_key"),
        sa.UniqueConstraint("trigger_no", "digest", name="uq_api_key_trigger_no_digest"),
        sa.UniqueConstraint("trigger_no", "label", name="uq_api_key_trigger_no_label"),
    )


def _rest_of_the_catalog() -> None:
    op.create_table(
        "connection",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "managed_by IN ('files', 'console')", name=op.f("ck_connection_managed_by")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_no"], ["workspace.no"], name="fk_connection_workspace_no"
        ),
        sa.PrimaryKeyConstraint("workspace_no", "name", name="pk_connection"),
    )
    op.create_table(
        "secret",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_no"], ["workspace.no"], name="fk_secret_workspace_no"),
        sa.PrimaryKeyConstraint("workspace_no", "name", name="pk_secret"),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    op.create_table(
        "audit",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_audit"),
    )


def _messages() -> None:
    op.create_table(
        "session",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_no", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_session"),
    )
    op.create_table(
        "message",
        sa.Column("no", _no(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=True),
        sa.Column("lane_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("no", name="pk_message"),
        sa.UniqueConstraint("id", name="uq_message_id"),
        sa.UniqueConstraint("trigger_no", "sequence", name="uq_message_trigger_no_sequence"),
    )
    op.create_table(
        "payload",
        sa.Column("message_no", _no(), autoincrement=False, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_no", name="pk_payload"),
    )


def _executions() -> None:
    op.create_table(
        "execution",
        sa.Column("no", _no(), autoincrement=False, nullable=False),
        sa.Column("message_no", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("version_no", sa.BigInteger(), nullable=False),
        sa.Column("lane_key", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("turn", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("due_at_us", sa.BigInteger(), nullable=True),
        sa.Column("session_no", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("counted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("interruptions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("alone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("first_started_at_us", sa.BigInteger(), nullable=True),
        sa.Column("started_at_us", sa.BigInteger(), nullable=True),
        sa.Column("settled_at_us", sa.BigInteger(), nullable=True),
        sa.Column("replay_of", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.LargeBinary(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (session_no IS NOT NULL)",
            name=op.f("ck_execution_running_has_session"),
        ),
        sa.CheckConstraint(
            "state = 'waiting' OR (NOT turn AND due_at_us IS NULL)",
            name=op.f("ck_execution_turn_waits"),
        ),
        sa.CheckConstraint(
            "state = 'running' OR state = 'succeeded' OR state = 'waiting'"
            " OR state = 'failed' OR state = 'cancelled' OR state = 'skipped'",
            name=op.f("ck_execution_state"),
        ),
        sa.CheckConstraint("run > 1 OR no = message_no", name=op.f("ck_execution_first_run")),
        sa.PrimaryKeyConstraint("no", name="pk_execution"),
    )


def _what_executions_leave() -> None:
    op.create_table(
        "attempt",
        sa.Column("execution_no", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.LargeBinary(), nullable=True),
        sa.Column("logs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("execution_no", "attempt", name="pk_attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("execution_no", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_entry"),
        sa.UniqueConstraint("execution_no", "step", name="uq_entry_execution_no_step"),
    )
    op.create_table(
        "result",
        sa.Column("execution_no", _no(), autoincrement=False, nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("logs", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("execution_no", name="pk_result"),
    )


def _lanes_and_look_ups() -> None:
    op.create_table(
        "idempotency",
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("execution_no", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trigger_no", "consumer", "key", name="pk_idempotency"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "paused_lane",
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("lane_key", sa.Text(), nullable=False),
        sa.Column("paused_because", sa.Text(), nullable=True),
        sa.Column("paused_at_us", sa.BigInteger(), nullable=True),
        sa.Column("stopped_at_no", sa.BigInteger(), nullable=True),
        sa.Column("stopped_at_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "paused_because IS NOT NULL OR stopped_at_no IS NOT NULL",
            name=op.f("ck_paused_lane_paused_or_stopped"),
        ),
        sa.PrimaryKeyConstraint("trigger_no", "lane_key", name="pk_paused_lane"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search",
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("message_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trigger_no", "name", "value", "message_no", name="pk_search"),
        sqlite_with_rowid=False,
    )


def _execution_indexes() -> None:
    op.create_index(
        "ix_execution_due",
        "execution",
        ["due_at_us", "trigger_no", "lane_key"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND due_at_us IS NOT NULL"),
        postgresql_where=sa.text("state = 'waiting' AND due_at_us IS NOT NULL"),
    )
    op.create_index(
        "ix_execution_lane",
        "execution",
        ["trigger_no", "lane_key", "position"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND lane_key IS NOT NULL"),
        postgresql_where=sa.text("state = 'waiting' AND lane_key IS NOT NULL"),
    )
    op.create_index(
        "ix_execution_ready",
        "execution",
        ["turn", "trigger_no", "no", "lane_key"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND turn = 1 AND due_at_us IS NULL"),
        postgresql_where=sa.text("state = 'waiting' AND turn = true AND due_at_us IS NULL"),
    )
    op.create_index(
        "ix_execution_running",
        "execution",
        ["trigger_no", "no"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index("ix_execution_trigger", "execution", ["trigger_no", "no"], unique=False)
    op.create_index(
        "ix_execution_unsuccessful",
        "execution",
        ["trigger_no", "state", "no"],
        unique=False,
        sqlite_where=sa.text(UNSUCCESSFUL),
        postgresql_where=sa.text(UNSUCCESSFUL),
    )
    op.create_index(
        "uq_execution_replay",
        "execution",
        ["message_no", "run"],
        unique=True,
        sqlite_where=sa.text("run > 1"),
        postgresql_where=sa.text("run > 1"),
    )
    op.create_index(
        "uq_execution_running_lane",
        "execution",
        ["trigger_no", "lane_key"],
        unique=True,
        sqlite_where=sa.text("state = 'running' AND lane_key IS NOT NULL"),
        postgresql_where=sa.text("state = 'running' AND lane_key IS NOT NULL"),
    )


def _other_indexes() -> None:
    op.create_index("ix_idempotency_expires", "idempotency", ["expires_at_us"], unique=False)
    op.create_index(
        "ix_message_consumer", "message", ["trigger_no", "consumer", "sequence"], unique=False
    )
    op.create_index("ix_search_message", "search", ["message_no"], unique=False)
    op.create_index(
        "uq_integration_name",
        "integration",
        ["workspace_no", "name"],
        unique=True,
        sqlite_where=sa.text("removed_at_us IS NULL"),
        postgresql_where=sa.text("removed_at_us IS NULL"),
    )
