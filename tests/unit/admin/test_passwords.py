"""Passwords and attempts: bounded, and the same for who is there and who is not."""

from __future__ import annotations

import asyncio

import pytest

from firesteel.admin.accounts import attempts, passwords
from firesteel.admin.accounts.attempts import Attempts, TooManyAttempts
from firesteel.admin.accounts.passwords import Cost, Passwords
from tests.unit.admin.conftest import CHEAP


async def test_a_few_wait_for_the_one_thread_and_more_are_told_to_come_again() -> None:
    keeper = Passwords(CHEAP)
    many = passwords.MOST_WAITING + 5
    results = await asyncio.gather(
        *(keeper.hashed("correct horse battery") for _ in range(many)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, TooManyAttempts)]
    assert len(refused) == 5
    assert await keeper.hashed("correct horse battery"), "there is room again"
    keeper.close()


async def test_a_hash_of_another_cost_is_made_anew_and_nobody_fits_none() -> None:
    old, new = Passwords(CHEAP), Passwords(Cost(passes=2, memory_kib=64))
    stored = await old.hashed("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert (await old.check("correct horse battery", stored)).rehashed is None
    checked = await new.check("correct horse battery", stored)
    assert checked.fits
    assert checked.rehashed
    assert not (await new.check("another", stored)).fits
    assert not (await new.check("the password of nobody", None)).fits
    assert not (await new.check("lone \ud800 surrogate", stored)).fits
    old.close()
    new.close()


def test_a_limit_is_over_after_its_window_and_a_success_clears_the_name() -> None:
    now = [0.0]
    kept = Attempts(lambda: now[0])
    for _ in range(attempts.PER_NAME):
        kept.begin("anna", "10.0.0.1")
    with pytest.raises(TooManyAttempts) as refused:
        kept.begin("anna", "10.0.0.2")
    assert refused.value.retry_after_s == attempts.WINDOW_S
    kept.begin("bert", "10.0.0.1")
    now[0] = attempts.WINDOW_S
    kept.begin("anna", "10.0.0.2")
    kept.succeeded("anna", "10.0.0.2")
    for _ in range(attempts.PER_NAME):
        kept.begin("anna", "10.0.0.3")


def test_an_address_is_limited_whatever_the_names_and_an_ipv6_host_is_its_network() -> None:
    kept = Attempts(lambda: 0.0)
    for number in range(attempts.PER_ADDRESS):
        kept.begin(f"name {number}", f"2001:db8::{number + 1:x}")
    with pytest.raises(TooManyAttempts):
        kept.begin("another", "2001:db8::ffff")
    kept.begin("another", "2001:db8:0:1::1")


def test_the_audit_log_is_told_of_so_many_failures_in_a_window() -> None:
    now = [0.0]
    kept = Attempts(lambda: now[0])
    assert [kept.noted() for _ in range(attempts.NOTED + 1)] == [True] * attempts.NOTED + [False]
    now[0] = attempts.WINDOW_S
    assert kept.noted()
