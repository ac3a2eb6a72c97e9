"""What a publication is asked to do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firesteel.engine.api_keys import KeyChange
    from firesteel.engine.consumers import GrantChange
    from firesteel.engine.ownership import Owner
    from firesteel.model.fault import Fault


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How a document is published.

    ``dry_run``: check and tell, change nothing. ``prune``: delete API keys, and take back grants,
    that the document does not declare. ``expect_version``: refuse unless this is the published
    version; 0: unless it is new. ``draft_revision``: the document is the draft of that revision,
    which ends with it. ``keep_keys``: API keys and grants stay as they are, whatever the document
    declares. ``leave_others``: a declared API key or grant that is not what is declared, because
    another actor made it so, stays as it is.
    """

    owner: Owner
    dry_run: bool = False
    prune: bool = False
    expect_version: int | None = None
    draft_revision: int | None = None
    keep_keys: bool = False
    leave_others: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication did, or with ``dry_run`` would do. ``version`` is the published one
    afterwards (0: none yet)."""

    name: str
    created: bool
    changed: bool
    version: int
    document: dict[str, Any]
    previous: dict[str, Any] | None
    warnings: list[Fault]
    keys: list[KeyChange]
    consumers: list[GrantChange]
