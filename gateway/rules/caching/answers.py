"""A stored answer as one client gets it: whole, not modified, or in part (RFC 9111 section 4)."""

from __future__ import annotations

from gateway.fields import Fields
from gateway.rules.caching.exchange import Answer
from gateway.rules.caching.preconditions import is_not_modified, not_modified_fields, range_still_applies
from gateway.rules.caching.ranges import partial_fields, requested_slice, unsatisfiable_fields
from gateway.rules.caching.stored import StoredResponse


def answer_from(stored: StoredResponse, *, method: bytes, conditions: Fields, age_seconds: int) -> Answer:
    """Make the answer to a GET or HEAD whose conditions and range are among `conditions`.

    Conditions only count where the answer without them would be a success (RFC 9110 section 13.2.1), and are judged
    before the range (section 13.2.2).
    """
    fields = (*stored.fields, (b"age", b"%d" % age_seconds))
    body = stored.body if method == b"GET" else b""
    if not conditions or not 200 <= stored.status < 300:
        return Answer(stored.status, stored.reason, fields, body, stored.trailers)
    if is_not_modified(conditions, stored.fields, stored.response_time):
        return Answer(304, b"Not Modified", not_modified_fields(fields), b"")
    part = requested_slice(conditions, len(stored.body)) if method == b"GET" and stored.status == 200 else None
    if part is None or not range_still_applies(conditions, stored.fields, stored.response_time):
        return Answer(stored.status, stored.reason, fields, body, stored.trailers)
    length = len(stored.body)
    if part.start == part.stop:
        return Answer(416, b"Range Not Satisfiable", unsatisfiable_fields(fields, length), b"")
    return Answer(206, b"Partial Content", partial_fields(fields, part, length), body[part.start : part.stop])
