"""Issuers come, change and go with reloads, and nobody is signed out by that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.revocation import Revocations
from gateway.identity.verifier import Verifier
from gateway.registry.snapshot import IssuerPolicy
from tests.identity.issuer import EC_KEY, GATEWAY, ISSUER, NOW, POLICY, jwk, signed
from tests.identity.site import Site, open_site, reply


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        opened.says(reply({"keys": [jwk(EC_KEY)], "next": 0, "revocations": []}))
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


@pytest.fixture
async def trusted(clock: ManualClock) -> AsyncIterator[TrustedIssuers]:
    async with httpx.AsyncClient(trust_env=False) as client:
        made = TrustedIssuers(client, Revocations(clock), clock)
        yield made
        await made.aclose()


def policy(site: Site) -> IssuerPolicy:
    return replace(POLICY, jwks_url=site.url + "/jwks", revocations_url=site.url + "/revocations")


async def test_adopted_issuers_come_with_their_keys(site: Site, trusted: TrustedIssuers, clock: ManualClock) -> None:
    await trusted.adopt((policy(site),))
    verifier = Verifier(trusted.policies, trusted.sources, Revocations(clock), clock, own_issuer=GATEWAY)
    assert verifier.verify_at_hand(signed())
    assert set(trusted.conditions()) == {f"keys {ISSUER}", f"revocations {ISSUER}"}
    assert trusted.conditions()[f"keys {ISSUER}"].status == "pass"


async def test_an_unchanged_issuer_goes_on_through_a_reload(site: Site, trusted: TrustedIssuers) -> None:
    await trusted.adopt((policy(site),))
    source = trusted.sources[ISSUER]
    await trusted.adopt((replace(policy(site)),))
    assert trusted.sources[ISSUER] is source


async def test_a_changed_issuer_is_replaced_with_keys_at_hand(
    site: Site, trusted: TrustedIssuers, clock: ManualClock
) -> None:
    await trusted.adopt((policy(site),))
    verifier = Verifier(trusted.policies, trusted.sources, Revocations(clock), clock, own_issuer=GATEWAY)
    before = trusted.sources[ISSUER]
    await trusted.adopt((replace(policy(site), audiences=frozenset({"tangerang-live", "new"}), revocations_url=None),))
    verifier.adopt(trusted.policies, trusted.sources, own_issuer=GATEWAY)
    assert trusted.sources[ISSUER] is not before
    assert verifier.verify_at_hand(signed())
    assert set(trusted.conditions()) == {f"keys {ISSUER}"}


async def test_an_issuer_that_is_gone_from_the_registry_is_left_alone(site: Site, trusted: TrustedIssuers) -> None:
    await trusted.adopt((policy(site),))
    await trusted.adopt(())
    assert trusted.sources == {}
    assert not [task for task in asyncio.all_tasks() if ISSUER in task.get_name()]


async def test_an_issuer_that_is_down_delays_no_start(trusted: TrustedIssuers, site: Site) -> None:
    site.says(b"")
    await trusted.adopt((policy(site),))
    assert trusted.conditions()[f"keys {ISSUER}"].status == "fail"


async def test_an_adoption_cut_short_leaves_nothing_behind(site: Site, trusted: TrustedIssuers) -> None:
    async def never(target: str) -> bytes:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # it never ends

    site.answer = never
    adopting = asyncio.create_task(trusted.adopt((policy(site),)))
    await site.asked(1)
    adopting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adopting
    assert trusted.sources == {}
    assert not [task for task in asyncio.all_tasks() if ISSUER in task.get_name()]
