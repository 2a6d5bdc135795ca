"""How stored answers stand in the shared store: written so that nothing but what was written is ever read back.

    stamp (16) | length (8) | head length (4) | head, JSON | bodies

The stamp is a keyed digest of all that follows and of the key it was written for; the length is of all that follows.
Bytes that were cut short, changed, moved to another key, or written by a gateway with another secret or another version
of this format do not open. Whoever may write to the store but does not know the secret cannot plant an answer.
Compressed forms are not written: each process makes its own when somebody wants it.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import Any, Final

from gateway.fields import Fields
from gateway.rules.caching.freshness import Freshness
from gateway.rules.caching.stored import Selecting, StoredResponse
from gateway.store.values import STAMP_BYTES

FORMAT: Final = 1  # of the head; another gateway's format is no answer of ours
_LENGTH_BYTES: Final = 8
_HEAD_LENGTH_BYTES: Final = 4
_PLAIN_MEMBERS: Final = ("status", "request_time", "response_time", "stale_from")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The answers under one key, and what tells whether they still count.

    `mark` is their group's and `book` the name of the book of purges when they were asked for; `purge` is the latest
    number in it at that time.
    """

    variants: tuple[StoredResponse, ...]
    mark: bytes
    book: bytes
    purge: int


def seal(key: str, sealed: Sealed, secret: bytes) -> bytes:
    """Write down what stands under `key`."""
    head = {
        "format": FORMAT,
        "mark": _text(sealed.mark),
        "book": _text(sealed.book),
        "purge": sealed.purge,
        "variants": [_written(one) for one in sealed.variants],
    }
    head_text = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode()
    bodies = [one.body for one in sealed.variants]
    content = b"".join((len(head_text).to_bytes(_HEAD_LENGTH_BYTES, "big"), head_text, *bodies))
    counted = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return _stamp(key, counted, secret) + counted


def unseal(key: str, value: bytes, secret: bytes) -> Sealed | None:
    """Read what `seal` wrote for this key with this secret; None when it is anything else."""
    counted = memoryview(value)[STAMP_BYTES:]
    length = int.from_bytes(counted[:_LENGTH_BYTES], "big")
    if len(counted) != _LENGTH_BYTES + length or not hmac.compare_digest(
        value[:STAMP_BYTES], _stamp(key, counted, secret)
    ):
        return None
    try:
        return _read(bytes(counted[_LENGTH_BYTES:]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # rightly sealed, by a gateway that writes something else


def stamp_of(value: bytes) -> bytes:
    """Return what tells a value from others at its place."""
    return value[:STAMP_BYTES]


def _stamp(key: str, counted: bytes | memoryview, secret: bytes) -> bytes:
    digest = blake2b(key=secret, digest_size=STAMP_BYTES)
    name = key.encode()
    digest.update(len(name).to_bytes(_LENGTH_BYTES, "big") + name)
    digest.update(counted)
    return digest.digest()


def _read(content: bytes) -> Sealed | None:
    begin = _HEAD_LENGTH_BYTES + int.from_bytes(content[:_HEAD_LENGTH_BYTES], "big")
    head = json.loads(content[_HEAD_LENGTH_BYTES:begin])
    if head["format"] != FORMAT:
        return None
    lengths = [int(one["body_bytes"]) for one in head["variants"]]
    edges = pairwise(accumulate(lengths, initial=begin))
    variants = [_unwritten(one, content[start:end]) for one, (start, end) in zip(head["variants"], edges, strict=True)]
    return Sealed(tuple(variants), _bytes(head["mark"]), _bytes(head["book"]), int(head["purge"]))


def _written(one: StoredResponse) -> dict[str, object]:
    return {
        "body_bytes": len(one.body),
        "reason": _text(one.reason),
        "fields": _pairs(one.fields),
        "trailers": _pairs(one.trailers),
        "selecting": [[_text(name), None if value is None else _text(value)] for name, value in one.selecting],
        "freshness": asdict(one.freshness),
        "tags": sorted(map(_text, one.tags)),
        **{name: getattr(one, name) for name in _PLAIN_MEMBERS},
    }


def _unwritten(written: dict[str, Any], body: bytes) -> StoredResponse:
    selecting: Selecting = tuple(
        (_bytes(name), None if value is None else _bytes(value)) for name, value in written["selecting"]
    )
    return StoredResponse(
        reason=_bytes(written["reason"]),
        fields=_fields(written["fields"]),
        body=body,
        trailers=_fields(written["trailers"]),
        selecting=selecting,
        freshness=Freshness(**written["freshness"]),
        tags=frozenset(map(_bytes, written["tags"])),
        **{name: written[name] for name in _PLAIN_MEMBERS},
    )


def _pairs(fields: Fields) -> list[list[str]]:
    return [[_text(name), _text(value)] for name, value in fields]


def _fields(pairs: list[list[str]]) -> Fields:
    return tuple((_bytes(name), _bytes(value)) for name, value in pairs)


def _text(raw: bytes) -> str:
    """Write any bytes as text: Latin-1 has a character for each."""
    return raw.decode("latin-1")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
