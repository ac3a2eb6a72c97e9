"""The tables of people and machines at the admin port."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from firesteel.store.columns import flag, metadata, numbered

# ``password_hash``: argon2id, in its own encoding, NULL until the user has chosen one.
# ``sees_payloads`` and ``reveals_keys`` are rights beside the role's.
user = Table(
    "user",
    metadata,
    numbered(),
    Column("name", Text(), nullable=False),
    Column("role", Text(), nullable=False),
    flag("sees_payloads"),
    flag("reveals_keys"),
    Column("password_hash", Text()),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("disabled_at_us", BigInteger()),
    Column("last_sign_in_at_us", BigInteger()),
    UniqueConstraint("name"),
    CheckConstraint("role IN ('viewer', 'operator', 'editor', 'admin')", name="role"),
)

# A browser that is signed in. ``digest``: of the cookie's token. The token against
# cross-site requests is not kept: it is derived from the cookie's.
sign_in = Table(
    "sign_in",
    metadata,
    Column("digest", LargeBinary(), nullable=False),
    Column("user_no", ForeignKey("user.no"), nullable=False),
    Column("started_at_us", BigInteger(), nullable=False),
    Column("last_seen_at_us", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger(), nullable=False),
    Column("address", Text(), nullable=False),
    Column("agent", Text(), nullable=False),
    PrimaryKeyConstraint("digest"),
)

# A link that signs in once: at the first start, for a new user, for a forgotten password.
# ``user_no`` NULL: whoever follows it becomes the first administrator.
invitation = Table(
    "invitation",
    metadata,
    Column("digest", LargeBinary(), nullable=False),
    Column("user_no", ForeignKey("user.no")),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("digest"),
)

# An API token of a machine. ``scopes``: a JSON list of rights; ``digest``: the keyed hash of the
# token, ``prefix`` its first characters, for people.
token = Table(
    "token",
    metadata,
    numbered(),
    Column("name", Text(), nullable=False),
    Column("scopes", Text(), nullable=False),
    Column("digest", LargeBinary(), nullable=False),
    Column("prefix", Text(), nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("created_by", Text(), nullable=False),
    Column("expires_at_us", BigInteger()),
    Column("last_used_at_us", BigInteger()),
    UniqueConstraint("name"),
    UniqueConstraint("digest"),
)
