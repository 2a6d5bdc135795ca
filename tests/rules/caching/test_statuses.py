"""Which statuses mean what to a cache, written out another way than in the code."""

from __future__ import annotations

from gateway.rules.caching.decide import FAILURE_STATUSES
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.storing import UNDERSTOOD_STATUSES

ALL = range(200, 600)


def test_every_final_status_of_rfc_9110_is_understood_but_parts_and_not_modified() -> None:
    successes, redirections = set(range(200, 206)), set(range(300, 309)) - {304, 306}
    client, server = set(range(400, 418)) | {421, 422, 426}, set(range(500, 506))
    assert successes | redirections | client | server == UNDERSTOOD_STATUSES


def test_an_outage_is_what_rfc_5861_calls_an_error() -> None:
    assert {500, 502, 503, 504} == FAILURE_STATUSES


def test_a_ttl_means_answers_that_carry_what_was_asked_for_and_a_negative_one_lasting_refusals() -> None:
    policy = CachePolicy(ttl_seconds=60, negative_ttl_seconds=5)
    assert [status for status in ALL if policy.ttl_for(status) == 60] == [200, 203, 204, 300, 301, 308]
    assert [status for status in ALL if policy.ttl_for(status) == 5] == [404, 405, 410, 414, 501]
    assert [status for status in ALL if CachePolicy().ttl_for(status) is not None] == []


def test_the_order_of_a_query_matters_unless_the_registry_says_otherwise() -> None:
    assert CachePolicy().query_order_matters
