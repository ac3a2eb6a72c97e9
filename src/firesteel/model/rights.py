"""What somebody at the admin port may do: rights, and the roles that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

Right = Literal["view", "payloads", "reveal", "operate", "edit", "administer"]
"""``view``: lists and states; ``payloads``: what messages hold; ``reveal``: API keys in clear;
``operate``: replay, cancel, pause; ``edit``: publish, keys, test connections; ``administer``:
connections, secrets, backup, workers, users, tokens, audit."""

Role = Literal["viewer", "operator", "editor", "admin"]

RIGHTS: tuple[Right, ...] = get_args(Right)
ROLES: tuple[Role, ...] = get_args(Role)
ALL_RIGHTS: frozenset[Right] = frozenset(RIGHTS)

_OF_ROLES: dict[Role, frozenset[Right]] = {
    "viewer": frozenset({"view"}),
    "operator": frozenset({"view", "operate"}),
    "editor": frozenset({"view", "operate", "edit"}),
    "admin": frozenset({"view", "operate", "edit", "administer"}),
}


def rights_of(role: Role, *, payloads: bool, reveal: bool) -> frozenset[Right]:
    """The rights of a user: the role's, and the two that are given to each user apart."""
    apart: dict[Right, bool] = {"payloads": payloads, "reveal": reveal}
    return _OF_ROLES[role] | {right for right, given in apart.items() if given}


def in_order(rights: Iterable[Right]) -> list[Right]:
    """The rights as they are listed, each once."""
    wanted = set(rights)
    return [right for right in RIGHTS if right in wanted]
