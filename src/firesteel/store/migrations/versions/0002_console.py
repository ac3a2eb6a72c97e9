"""Drafts, people and machines at the admin port, figures for charts, edited and bulk replays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only: nothing that is there is touched."""
    _drafts()
    _users()
    _signing_in()
    _tokens()
    _traffic()
    _replays()
    _bulk()


def _no() -> sa.types.TypeEngine[int]:
    # SQLite numbers rows by itself only in a column declared INTEGER.
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _drafts() -> None:
    op.create_table(
        "draft",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_no"], ["workspace.no"], name="fk_draft_workspace_no"),
        sa.PrimaryKeyConstraint("workspace_no", "name", name="pk_draft"),
    )


def _users() -> None:
    op.create_table(
        "user",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sees_payloads", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reveals_keys", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_sign_in_at_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'editor', 'admin')", name=op.f("ck_user_role")
        ),
        sa.PrimaryKeyConstraint("no", name="pk_user"),
        sa.UniqueConstraint("name", name="uq_user_name"),
    )


def _signing_in() -> None:
    op.create_table(
        "sign_in",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_no", _no(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["user.no"], name="fk_sign_in_user_no"),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in"),
    )
    op.create_table(
        "invitation",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_no", _no(), nullable=True),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["user.no"], name="fk_invitation_user_no"),
        sa.PrimaryKeyConstraint("digest", name="pk_invitation"),
    )


def _tokens() -> None:
    op.create_table(
        "token",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("no", name="pk_token"),
        sa.UniqueConstraint("name", name="uq_token_name"),
        sa.UniqueConstraint("digest", name="uq_token_digest"),
    )


def _traffic() -> None:
    op.create_table(
        "traffic",
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("trigger_no", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("succeeded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("retried", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("oldest_waiting_s", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("settle_histogram", sa.Text(), nullable=False),
        sa.Column("answer_histogram", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "trigger_no", name="pk_traffic"),
        sqlite_with_rowid=False,
    )


def _replays() -> None:
    op.create_table(
        "replay_edit",
        sa.Column("execution_no", _no(), autoincrement=False, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("input", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("execution_no", name="pk_replay_edit"),
    )


def _bulk() -> None:
    zero = sa.text("0")
    op.create_table(
        "bulk",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("until_no", sa.BigInteger(), nullable=False),
        sa.Column("at_no", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("total", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("done", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("passed_over", sa.BigInteger(), server_default=zero, nullable=False),
        sa.CheckConstraint("act IN ('replay', 'cancel', 'skip')", name=op.f("ck_bulk_act")),
        sa.CheckConstraint("state IN ('running', 'done', 'cancelled')", name=op.f("ck_bulk_state")),
        sa.CheckConstraint(
            "(state = 'running') = (ended_at_us IS NULL)", name=op.f("ck_bulk_ended")
        ),
        sa.ForeignKeyConstraint(["workspace_no"], ["workspace.no"], name="fk_bulk_workspace_no"),
        sa.PrimaryKeyConstraint("no", name="pk_bulk"),
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_bulk_running",
        "bulk",
        ["workspace_no"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
