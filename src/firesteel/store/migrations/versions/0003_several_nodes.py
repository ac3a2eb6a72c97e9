"""What several nodes on one database need: counts beside the trigger's row, whose session it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The hot tables are looked after when so many rows are dead, not when a fifth of millions is.
_HOT = ("message", "payload", "execution", "result", "entry", "attempt", "search", "idempotency")
_LOOKED_AFTER = (
    "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, "
    "autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000, "
    "autovacuum_vacuum_cost_limit = 2000"
)

# Whose news it is stands in front: the nodes do not listen to themselves (store/postgresql).
_TELL_CATALOG = """
CREATE FUNCTION firesteel_tell_catalog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'firesteel',
        coalesce(current_setting('firesteel.teller', true), '') || ' {"type":"catalog"}'
    );
    RETURN NULL;
END $$
"""
_INTEGRATION = (
    "INSERT OR DELETE OR UPDATE OF name, enabled, managed_by, published_version_no, "
    "concurrency, max_waiting, on_failure, history_s, payloads_s, removed_at_us"
)
_TOLD = (
    ("integration", _INTEGRATION),
    (
        "api_key",
        "INSERT OR DELETE OR UPDATE OF label, digest, prefix, sealed, expires_at_us",
    ),
    ("connection", "INSERT OR DELETE OR UPDATE"),
    ("secret", "INSERT OR DELETE OR UPDATE"),
)


def upgrade() -> None:
    """New columns only; PostgreSQL's own parts are not there on SQLite."""
    zero, empty = sa.text("0"), sa.text("''")
    for name in ("waiting", "running"):
        op.add_column(
            "integration",
            sa.Column(name, sa.BigInteger(), server_default=zero, nullable=False),
        )
    op.add_column("integration", sa.Column("touched_by", sa.BigInteger(), nullable=True))
    for name in ("node", "role", "version"):
        op.add_column("session", sa.Column(name, sa.Text(), server_default=empty, nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()


def _postgresql() -> None:
    op.execute("CREATE SEQUENCE number_block")
    op.execute(_TELL_CATALOG)
    for table, change in _TOLD:
        op.execute(
            f"CREATE TRIGGER tell_catalog AFTER {change} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION firesteel_tell_catalog()"
        )
    # Which states a trigger's executions are in: without it the planner takes triggers for alike,
    # and looks through all of one's executions for the few that wait.
    op.execute("CREATE STATISTICS execution_state (mcv) ON trigger_no, state FROM execution")
    for table in _HOT:
        op.execute(f"ALTER TABLE {table} SET ({_LOOKED_AFTER})")
    # Few rows that change with every transaction: their new versions find room beside the old.
    for table in ("integration", "session"):
        op.execute(
            f"ALTER TABLE {table} SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 1000)"
        )
