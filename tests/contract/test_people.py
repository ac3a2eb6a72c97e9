"""What every store promises of users, links, sign-ins and tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from firesteel.errors import CallerError
from firesteel.store.catalog import Catalog
from firesteel.store.people import Link, NewToken, People, SignIn, User, UserRights
from tests.contract.conftest import OpenStore, Store

DAY_US = 86_400_000_000
VIEWER = UserRights("viewer")
ADMIN = UserRights("admin")


class Wall:
    """The test's wall clock."""

    def __init__(self) -> None:
        self.now_us = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def store(open_store: OpenStore, wall: Wall) -> Store:
    return await open_store(wall_us=wall)


@pytest.fixture
def people(store: Store) -> People:
    return store.people


async def refusal(act: Awaitable[object]) -> str:
    with pytest.raises(CallerError) as caught:
        await act
    return caught.value.code


async def acts(catalog: Catalog) -> list[tuple[str, str, str]]:
    """What the audit says, first act first."""
    return [(e.actor, e.action, e.subject) for e in reversed(await catalog.audit())]


@pytest.fixture
def first_link(people: People, wall: Wall) -> Callable[[bytes], Awaitable[None]]:
    async def add(digest: bytes) -> None:
        await people.add_link(Link(digest, None, wall.now_us + DAY_US), "node")

    return add


@pytest.fixture
async def anna(people: People, first_link: Callable[[bytes], Awaitable[None]]) -> User:
    """The first administrator."""
    await first_link(b"first")
    return await people.follow_link(b"first", "anna", "hash of anna")


def visit(user: User, wall: Wall, digest: bytes = b"visit") -> SignIn:
    return SignIn(
        digest, user.user_no, wall.now_us, wall.now_us, wall.now_us + DAY_US, "10.0.0.1", "Firefox"
    )


# --- links and the first administrator ----------------------------------------------------------


async def test_the_first_link_makes_an_administrator_with_every_right(
    people: People, anna: User, catalog: Catalog
) -> None:
    assert anna.rights == UserRights("admin", sees_payloads=True, reveals_keys=True)
    assert await people.user("anna") == anna
    assert await people.has_administrator()
    assert await acts(catalog) == [
        ("node", "user.link", "the first administrator"),
        ("user:anna", "user.first", "anna"),
    ]


async def test_a_link_is_followed_once_also_by_two_at_once(
    people: People, first_link: Callable[[bytes], Awaitable[None]]
) -> None:
    await first_link(b"first")
    assert await people.link(b"first") is not None
    results = await asyncio.gather(
        *(people.follow_link(b"first", name, "hash") for name in ("anna", "bert")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["CallerError", "User"]
    assert len(await people.users()) == 1
    assert await people.link(b"first") is None


async def test_no_link_for_the_first_administrator_works_once_there_is_one(
    people: People, first_link: Callable[[bytes], Awaitable[None]]
) -> None:
    await first_link(b"one")
    await first_link(b"two")
    await people.follow_link(b"two", "anna", "hash")
    assert await people.link(b"one") is None
    assert await refusal(people.follow_link(b"one", "eve", "hash")) == "link_invalid"
    assert await refusal(first_link(b"three")) == "link_invalid"


async def test_a_link_that_is_over_is_none(
    people: People, first_link: Callable[[bytes], Awaitable[None]], wall: Wall
) -> None:
    await first_link(b"first")
    wall.now_us += DAY_US
    assert await people.link(b"first") is None
    assert await refusal(people.follow_link(b"first", "anna", "hash")) == "link_invalid"


async def test_an_invited_user_gets_a_password_by_the_link_and_a_newer_link_replaces_it(
    people: People, anna: User, wall: Wall, catalog: Catalog
) -> None:
    await people.add_user("bert", VIEWER, "user:anna")
    await people.add_link(Link(b"old", "bert", wall.now_us + DAY_US), "user:anna")
    await people.add_link(Link(b"new", "bert", wall.now_us + DAY_US), "user:anna")
    assert await people.link(b"old") is None
    assert await people.link(b"new") == Link(b"new", "bert", wall.now_us + DAY_US)

    bert = await people.follow_link(b"new", "whoever", "hash of bert")

    assert (bert.name, bert.password_hash, bert.role) == ("bert", "hash of bert", "viewer")
    assert await people.link(b"new") is None
    assert (await acts(catalog))[-1] == ("user:bert", "user.password", "bert")


async def test_a_link_for_a_new_password_ends_the_sessions_of_the_old_one(
    people: People, anna: User, wall: Wall
) -> None:
    await people.begin_sign_in(visit(anna, wall))
    await people.add_link(Link(b"forgotten", "anna", wall.now_us + DAY_US), "local")
    assert await people.sign_in(b"visit") is not None
    await people.follow_link(b"forgotten", "anna", "another hash")
    assert await people.sign_in(b"visit") is None


async def test_a_user_who_is_disabled_or_unknown_gets_no_link(
    people: People, anna: User, wall: Wall
) -> None:
    await people.add_user("bert", replace(VIEWER, enabled=False), "user:anna")
    link = Link(b"link", "bert", wall.now_us + DAY_US)
    assert await refusal(people.add_link(link, "user:anna")) == "link_invalid"
    assert await refusal(people.add_link(replace(link, user="carl"), "local")) == "unknown_user"


# --- users --------------------------------------------------------------------------------------


async def test_users_are_listed_by_name_and_a_name_stands_once(people: People, anna: User) -> None:
    carl = await people.add_user("carl", VIEWER, "user:anna")
    bert = await people.add_user("bert", UserRights("editor", reveals_keys=True), "user:anna")
    assert await people.users() == [anna, bert, carl]
    assert await refusal(people.add_user("bert", VIEWER, "user:anna")) == "user_taken"
    assert await people.user("Bert") is None


async def test_what_is_decided_of_a_user_is_replaced_and_audited(
    people: People, anna: User, catalog: Catalog
) -> None:
    await people.add_user("bert", VIEWER, "user:anna")
    changed = await people.change_user(
        "bert", UserRights("editor", sees_payloads=True, enabled=False), "user:anna"
    )
    assert changed.rights == UserRights("editor", sees_payloads=True, enabled=False)
    latest, *_ = await catalog.audit()
    assert (latest.actor, latest.action, latest.subject) == ("user:anna", "user.change", "bert")
    assert latest.detail == "editor, payloads, disabled"
    assert await refusal(people.change_user("carl", VIEWER, "user:anna")) == "unknown_user"


async def test_a_disabled_user_loses_sign_ins_and_links_for_good(
    people: People, anna: User, wall: Wall
) -> None:
    bert = await people.add_user("bert", VIEWER, "user:anna")
    await people.begin_sign_in(visit(bert, wall))
    await people.add_link(Link(b"link", "bert", wall.now_us + DAY_US), "user:anna")
    await people.change_user("bert", replace(VIEWER, enabled=False), "user:anna")
    assert await refusal(people.begin_sign_in(visit(bert, wall, b"again"))) == "unknown_user"
    await people.change_user("bert", VIEWER, "user:anna")
    assert await people.sign_in(b"visit") is None
    assert await people.link(b"link") is None


async def test_the_last_administrator_cannot_be_taken_away(people: People, anna: User) -> None:
    invited = await people.add_user("bert", ADMIN, "user:anna")
    assert invited.password_hash is None, "who cannot sign in cannot let others in"
    for act in (
        people.delete_user("anna", "user:anna"),
        people.change_user("anna", UserRights("editor"), "user:anna"),
        people.change_user("anna", replace(ADMIN, enabled=False), "user:anna"),
    ):
        assert await refusal(act) == "last_administrator"
    assert await people.user("anna") == anna


async def test_of_two_administrators_who_remove_each_other_at_once_one_stays(
    people: People, anna: User
) -> None:
    await people.add_user("bert", ADMIN, "user:anna")
    await people.set_password("bert", "hash", keep=None, actor="local")
    results = await asyncio.gather(
        people.delete_user("anna", "user:bert"),
        people.delete_user("bert", "user:anna"),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["NoneType", "CallerError"]
    assert await people.has_administrator()


async def test_a_user_is_deleted_with_all_that_belongs_to_them(
    people: People, anna: User, wall: Wall
) -> None:
    bert = await people.add_user("bert", VIEWER, "user:anna")
    await people.begin_sign_in(visit(bert, wall))
    await people.add_link(Link(b"link", "bert", wall.now_us + DAY_US), "user:anna")
    await people.delete_user("bert", "user:anna")
    assert await people.sign_in(b"visit") is None
    assert await people.link(b"link") is None
    assert await refusal(people.delete_user("bert", "user:anna")) == "unknown_user"
    again = await people.add_user("bert", VIEWER, "user:anna")
    assert again.password_hash is None


async def test_another_password_ends_every_session_but_the_one_that_changed_it(
    people: People, anna: User, wall: Wall
) -> None:
    for digest in (b"one", b"two", b"three"):
        await people.begin_sign_in(visit(anna, wall, digest))
    await people.set_password("anna", "new hash", keep=b"two", actor="user:anna")
    assert [sign_in.digest for sign_in in await people.sign_ins(anna.user_no)] == [b"two"]
    found = await people.user("anna")
    assert found is not None
    assert found.password_hash == "new hash"


async def test_a_hash_is_refreshed_only_where_it_is_still_the_password(
    people: People, anna: User
) -> None:
    await people.refresh_password_hash(anna.user_no, "hash of anna", "stronger")
    await people.refresh_password_hash(anna.user_no, "hash of anna", "late")
    found = await people.user("anna")
    assert found is not None
    assert found.password_hash == "stronger"


# --- sign-ins -----------------------------------------------------------------------------------


async def test_a_sign_in_is_found_by_its_digest_with_its_user(
    people: People, anna: User, wall: Wall, catalog: Catalog
) -> None:
    await people.begin_sign_in(visit(anna, wall))
    found = await people.sign_in(b"visit")
    assert found == (visit(anna, wall), replace(anna, last_sign_in_at_us=wall.now_us))
    assert await people.sign_in(b"other") is None
    assert (await acts(catalog))[-1] == ("user:anna", "user.sign_in", "anna")


async def test_the_later_use_stands_and_the_one_seen_last_comes_first(
    people: People, anna: User, wall: Wall
) -> None:
    for digest in (b"one", b"two"):
        await people.begin_sign_in(visit(anna, wall, digest))
    await people.touch({b"one": wall.now_us + 5, b"gone": 1}, {})
    await people.touch({b"one": wall.now_us + 3}, {})
    found = await people.sign_ins(anna.user_no)
    assert [(s.digest, s.last_seen_at_us - wall.now_us) for s in found] == [
        (b"one", 5),
        (b"two", 0),
    ]


async def test_one_session_or_all_others_are_ended(
    people: People, anna: User, wall: Wall, catalog: Catalog
) -> None:
    for digest in (b"one", b"two", b"three", b"four"):
        await people.begin_sign_in(visit(anna, wall, digest))
    end, no = people.end_sign_ins, anna.user_no
    assert await end(no, digest=b"one", keep=None, actor="user:anna") == 1
    assert await refusal(end(no, digest=b"one", keep=None, actor="a")) == "unknown_session"
    assert await end(no, digest=None, keep=b"two", actor="user:anna") == 2
    assert await end(no, digest=None, keep=b"two", actor="user:anna") == 0
    assert await end(no, digest=None, keep=None, actor="user:anna") == 1
    assert [act for _, act, _ in await acts(catalog)].count("user.sign_out") == 3


async def test_nobody_ends_the_session_of_another(people: People, anna: User, wall: Wall) -> None:
    bert = await people.add_user("bert", VIEWER, "user:anna")
    await people.begin_sign_in(visit(anna, wall))
    ended = people.end_sign_ins(bert.user_no, digest=b"visit", keep=None, actor="user:bert")
    assert await refusal(ended) == "unknown_session"
    assert await people.sign_in(b"visit") is not None


async def test_sign_ins_that_are_over_are_forgotten_with_the_next_one(
    people: People, anna: User, wall: Wall
) -> None:
    await people.begin_sign_in(visit(anna, wall, b"old"))
    wall.now_us += DAY_US
    await people.begin_sign_in(visit(anna, wall, b"new"))
    assert [sign_in.digest for sign_in in await people.sign_ins(anna.user_no)] == [b"new"]


# --- tokens -------------------------------------------------------------------------------------

TOKEN = NewToken("deployment", ("view", "edit"), b"digest", "fst_AbCd", None)


async def test_a_token_is_found_by_its_digest_and_gone_when_deleted(
    people: People, catalog: Catalog, wall: Wall
) -> None:
    added = await people.add_token(TOKEN, "user:anna")
    assert (added.name, added.scopes, added.created_by) == (
        "deployment",
        ("view", "edit"),
        "user:anna",
    )
    assert (added.created_at_us, added.last_used_at_us) == (wall.now_us, None)
    assert await people.token(b"digest") == added
    assert await people.tokens() == [added]
    await people.delete_token("deployment", "user:bert")
    assert await people.token(b"digest") is None
    assert await refusal(people.delete_token("deployment", "user:bert")) == "unknown_token"
    assert await acts(catalog) == [
        ("user:anna", "token.add", "deployment"),
        ("user:bert", "token.delete", "deployment"),
    ]


async def test_a_name_of_a_token_stands_once_and_tokens_are_listed_by_name(people: People) -> None:
    await people.add_token(TOKEN, "local")
    await people.add_token(replace(TOKEN, name="back-up", digest=b"other"), "local")
    again = replace(TOKEN, digest=b"third")
    assert await refusal(people.add_token(again, "local")) == "token_taken"
    assert [token.name for token in await people.tokens()] == ["back-up", "deployment"]


async def test_the_later_use_of_a_token_stands(people: People, wall: Wall) -> None:
    added = await people.add_token(TOKEN, "local")
    await people.touch({}, {added.token_no: 50, 99: 1})
    await people.touch({}, {added.token_no: 40})
    (found,) = await people.tokens()
    assert found.last_used_at_us == 50


async def test_people_outlive_a_restart_and_their_secrets_are_in_no_audit(
    open_store: OpenStore, wall: Wall
) -> None:
    first = await open_store(wall_us=wall)
    await first.people.add_link(Link(b"first", None, wall.now_us + DAY_US), "node")
    anna = await first.people.follow_link(b"first", "anna", "hash of anna")
    token = await first.people.add_token(TOKEN, "user:anna")
    await first.people.begin_sign_in(visit(anna, wall))
    await first.close()
    second = await open_store(wall_us=wall)
    assert await second.people.token(b"digest") == token
    assert await second.people.sign_in(b"visit") is not None
    text = repr(await second.catalog.audit())
    for secret in ("hash of", "digest", "fst_"):
        assert secret not in text


async def test_an_attempt_that_failed_is_in_the_audit_log(people: People, catalog: Catalog) -> None:
    await people.refuse_sign_in("anna", "from 10.0.0.1")
    await people.refuse_sign_in(None, "from 10.0.0.2")
    latest = [(e.actor, e.action, e.subject, e.detail) for e in await catalog.audit()][:2]
    assert latest == [
        ("nobody", "user.refuse", "nobody", "from 10.0.0.2"),
        ("nobody", "user.refuse", "anna", "from 10.0.0.1"),
    ]


# --- refused acts -------------------------------------------------------------------------------


async def test_a_refused_act_is_in_the_audit_log(people: People, catalog: Catalog) -> None:
    await people.refuse_act("token:machine", "GET /api/v1/users", "lacks administer, from ::1")
    (entry,) = await catalog.audit()
    assert (entry.actor, entry.action) == ("token:machine", "access.refuse")
    assert (entry.subject, entry.detail) == ("GET /api/v1/users", "lacks administer, from ::1")
