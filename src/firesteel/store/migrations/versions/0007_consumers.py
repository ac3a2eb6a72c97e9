"""Consumers of a workspace, with their own keys and grants; keys replaced by rotation; how many may
wait in a lane."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ONE_OWNER = "(trigger_no IS NULL) <> (consumer_no IS NULL)"


def upgrade() -> None:
    """Keys stay as they are, with their numbers; SQLite cannot change a column, so there they go
    into a table made anew."""
    op.add_column("integration", sa.Column("lane_limit", sa.BigInteger(), nullable=True))
    _consumers()
    if op.get_bind().dialect.name == "postgresql":
        _keys_on_postgresql()
    else:
        _keys_on_sqlite()
    current = sa.text("replaced_at_us IS NULL")
    for owner in ("trigger_no", "consumer_no"):
        op.create_index(
            f"uq_api_key_{owner}_label",
            "api_key",
            [owner, "label"],
            unique=True,
            sqlite_where=current,
            postgresql_where=current,
        )


def _no() -> sa.types.TypeEngine[int]:
    # SQLite numbers rows by itself only in a column declared INTEGER.
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _consumers() -> None:
    op.create_table(
        "consumer",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("workspace_no", _no(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_no"], ["workspace.no"], name="fk_consumer_workspace_no"
        ),
        sa.PrimaryKeyConstraint("no", name="pk_consumer"),
        sa.UniqueConstraint("workspace_no", "name", name="uq_consumer_workspace_no_name"),
    )
    op.create_table(
        "consumer_grant",
        sa.Column("consumer_no", _no(), nullable=False),
        sa.Column("trigger_no", _no(), nullable=False),
        sa.Column("granted_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consumer_no"], ["consumer.no"], name="fk_consumer_grant_consumer_no"
        ),
        sa.ForeignKeyConstraint(
            ["trigger_no"], ["integration.no"], name="fk_consumer_grant_trigger_no"
        ),
        sa.PrimaryKeyConstraint("consumer_no", "trigger_no", name="pk_consumer_grant"),
    )


def _keys_on_sqlite() -> None:
    op.execute("ALTER TABLE api_key RENAME TO api_key_before")
    op.create_table(
        "api_key",
        sa.Column("no", _no(), autoincrement=True, nullable=False),
        sa.Column("trigger_no", _no(), nullable=True),
        sa.Column("consumer_no", _no(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at_us", sa.BigInteger(), nullable=True),
        sa.Column("replaced_at_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(_ONE_OWNER, name=op.f("ck_api_key_one_owner")),
        sa.ForeignKeyConstraint(["trigger_no"], ["integration.no"], name="fk_api_key_trigger_no"),
        sa.ForeignKeyConstraint(["consumer_no"], ["consumer.no"], name="fk_api_key_consumer_no"),
        sa.PrimaryKeyConstraint("no", name="pk_api_key"),
        sa.UniqueConstraint("trigger_no", "digest", name="uq_api_key_trigger_no_digest"),
        sa.UniqueConstraint("consumer_no", "digest", name="uq_api_key_consumer_no_digest"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO api_key (no, trigger_no, label, digest, prefix, sealed, created_at_us, "
        "expires_at_us, last_used_at_us) SELECT no, trigger_no, label, digest, prefix, sealed, "
        "created_at_us, expires_at_us, last_used_at_us FROM api_key_before"
    )
    op.execute("DROP TABLE api_key_before")


def _keys_on_postgresql() -> None:
    op.drop_constraint("uq_api_key_trigger_no_label", "api_key", type_="unique")
    op.alter_column("api_key", "trigger_no", nullable=True)
    op.add_column("api_key", sa.Column("consumer_no", sa.BigInteger(), nullable=True))
    op.add_column("api_key", sa.Column("replaced_at_us", sa.BigInteger(), nullable=True))
    op.create_foreign_key("fk_api_key_consumer_no", "api_key", "consumer", ["consumer_no"], ["no"])
    op.create_unique_constraint(
        "uq_api_key_consumer_no_digest", "api_key", ["consumer_no", "digest"]
    )
    op.create_check_constraint(op.f("ck_api_key_one_owner"), "api_key", _ONE_OWNER)
    # The nodes are told of each change of the catalog (migration 0003).
    for table in ("consumer", "consumer_grant"):
        op.execute(
            f"CREATE TRIGGER tell_catalog AFTER INSERT OR DELETE OR UPDATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION firesteel_tell_catalog()"
        )
    op.execute("DROP TRIGGER tell_catalog ON integration")
    op.execute(
        "CREATE TRIGGER tell_catalog AFTER INSERT OR DELETE OR UPDATE OF name, enabled, "
        "managed_by, published_version_no, concurrency, max_waiting, lane_limit, on_failure, "
        "history_s, payloads_s, removed_at_us ON integration "
        "FOR EACH STATEMENT EXECUTE FUNCTION firesteel_tell_catalog()"
    )
