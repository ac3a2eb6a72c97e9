"""Whether an integration, or its workspace, archives what retention lets go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New columns only: NULL is as the next one up says."""
    for table in ("workspace", "integration"):
        op.add_column(table, sa.Column("archive", sa.Boolean(), nullable=True))
