"""Alerts: channels and rules, silences, what was gathered and told, deliveries; which failed
executions have been told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Failures of before are told by nobody: alerts look only at those since they were set up."""
    op.add_column(
        "execution",
        sa.Column("told", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    told = "0" if op.get_bind().dialect.name == "sqlite" else "false"
    untold = sa.text(f"state = 'failed' AND told = {told}")
    op.create_index(
        "ix_execution_untold",
        "execution",
        ["settled_at_us"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
    _settings()
    _deliveries()


def _workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_no"], ["workspace.no"], name=f"fk_{table}_workspace_no"
    )


def _no() -> sa.types.TypeEngine[int]:
    # SQLite numbers rows by itself only in a column declared INTEGER.
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _settings() -> None:
    op.create_table(
        "alerting",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "managed_by IN ('files', 'console')", name=op.f("ck_alerting_managed_by")
        ),
        _workspace("alerting"),
        sa.PrimaryKeyConstraint("workspace_no", name="pk_alerting"),
    )
    op.create_table(
        "alert_silence",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("silenced_at_us", sa.BigInteger(), nullable=False),
        sa.Column("silenced_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        _workspace("alert_silence"),
        sa.PrimaryKeyConstraint("workspace_no", "rule", name="pk_alert_silence"),
    )
    op.create_table(
        "alert_state",
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _workspace("alert_state"),
        sa.PrimaryKeyConstraint("workspace_no", "rule", name="pk_alert_state"),
    )


def _deliveries() -> None:
    op.create_table(
        "alert_delivery",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at_us", sa.BigInteger(), nullable=False),
        sa.Column("next_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'failed')", name=op.f("ck_alert_delivery_state")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at_us IS NULL)", name=op.f("ck_alert_delivery_ended")
        ),
        _workspace("alert_delivery"),
        sa.PrimaryKeyConstraint("no", name="pk_alert_delivery"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_alert_delivery_waiting",
        "alert_delivery",
        ["workspace_no", "channel", "no"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_alert_delivery_workspace", "alert_delivery", ["workspace_no", "no"])
