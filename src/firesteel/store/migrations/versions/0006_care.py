"""Messages that were erased, and how long a workspace keeps its messages and payloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None

_ACTS = "act IN ('replay', 'cancel', 'skip', 'erase')"


def upgrade() -> None:
    """New columns, and one more kind of bulk act."""
    op.add_column("message", sa.Column("erased_at_us", sa.BigInteger(), nullable=True))
    for name in ("history_s", "payloads_s"):
        op.add_column("workspace", sa.Column(name, sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_bulk_act"), "bulk", type_="check")
        op.create_check_constraint(op.f("ck_bulk_act"), "bulk", _ACTS)
    else:
        _bulk_anew()


def _bulk_anew() -> None:
    """SQLite changes no constraint of a table that is there."""
    op.drop_index("uq_bulk_running", "bulk")
    op.execute("ALTER TABLE bulk RENAME TO bulk_before")
    zero = sa.text("0")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "bulk",
        sa.Column("no", number, autoincrement=True, nullable=False),
        sa.Column("workspace_no", number, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("until_no", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=zero, nullable=False)
            for name in ("at_no", "total", "done", "passed_over")
        ),
        sa.CheckConstraint(_ACTS, name=op.f("ck_bulk_act")),
        sa.CheckConstraint("state IN ('running', 'done', 'cancelled')", name=op.f("ck_bulk_state")),
        sa.CheckConstraint(
            "(state = 'running') = (ended_at_us IS NULL)", name=op.f("ck_bulk_ended")
        ),
        sa.ForeignKeyConstraint(["workspace_no"], ["workspace.no"], name="fk_bulk_workspace_no"),
        sa.PrimaryKeyConstraint("no", name="pk_bulk"),
    )
    op.execute("INSERT INTO bulk SELECT * FROM bulk_before")
    op.drop_table("bulk_before")
    op.create_index(
        "uq_bulk_running",
        "bulk",
        ["workspace_no"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
    )
