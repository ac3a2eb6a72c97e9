"""The tables of alerts: what is to be told and how, how far that has come, and what was sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)

from firesteel.store.columns import count, metadata, numbered

# A workspace's channels and rules (model.alerts), as JSON with ``${NAME}`` unresolved.
alerting = Table(
    "alerting",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("document", Text(), nullable=False),
    Column("managed_by", Text(), nullable=False),
    Column("changed_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("workspace_no"),
    CheckConstraint("managed_by IN ('files', 'console')", name="managed_by"),
)

# Until when a rule tells nothing; ``rule`` '' is all of the workspace's.
alert_silence = Table(
    "alert_silence",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("rule", Text(), nullable=False),
    Column("until_us", BigInteger(), nullable=False),
    Column("silenced_at_us", BigInteger(), nullable=False),
    Column("silenced_by", Text(), nullable=False),
    Column("why", Text(), nullable=False),
    PrimaryKeyConstraint("workspace_no", "rule"),
)

# What a rule has told and gathered, as JSON (engine/alerts). ``revision`` rises with each change,
# so that of two nodes that would change it one does nothing.
alert_state = Table(
    "alert_state",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("rule", Text(), nullable=False),
    Column("state", Text(), nullable=False),
    Column("revision", BigInteger(), nullable=False),
    PrimaryKeyConstraint("workspace_no", "rule"),
)

# An alert on its way over one channel, and for a while after that. ``rule`` '': of a test.
# ``content``: the alert as JSON (model.alert). ``error``: why the last attempt failed.
alert_delivery = Table(
    "alert_delivery",
    metadata,
    numbered(),
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("channel", Text(), nullable=False),
    Column("rule", Text(), nullable=False),
    Column("content", Text(), nullable=False),
    Column("state", Text(), nullable=False),
    Column("made_at_us", BigInteger(), nullable=False),
    Column("next_at_us", BigInteger(), nullable=False),
    Column("ended_at_us", BigInteger()),
    count("attempts"),
    Column("error", Text(), nullable=False),
    CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
    CheckConstraint("(state = 'waiting') = (ended_at_us IS NULL)", name="ended"),
)

ON_ITS_WAY = alert_delivery.c.state == literal_column("'waiting'")

Index(
    "ix_alert_delivery_waiting",
    alert_delivery.c.workspace_no,
    alert_delivery.c.channel,
    alert_delivery.c.no,
    sqlite_where=ON_ITS_WAY,
    postgresql_where=ON_ITS_WAY,
)
Index("ix_alert_delivery_workspace", alert_delivery.c.workspace_no, alert_delivery.c.no)
