"""Secondary keys: which stored variant a request selects (RFC 9111 section 4.1).

Selecting fields are compared normalised, in ways that cannot change their meaning. Fields that tell people apart are
compared byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.fields import Fields, values
from gateway.rules.caching.stored import Selecting, StoredResponse

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_Q_VALUE: Final = re.compile(rb"[qQ]=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")

# Lists of weighted, case-insensitive words, whose order says nothing (RFC 9110 section 12.4.2).
_WEIGHTED: Final = frozenset({b"accept-charset", b"accept-encoding", b"accept-language"})
PERSONAL_FIELDS: Final = frozenset({b"authorization", b"cookie"})


def vary_names(fields: Fields) -> tuple[bytes, ...] | None:
    """Return the lower-case names an answer varies on, sorted; None when no request can be known to match."""
    lines = values(fields, b"vary")
    if not lines:
        return ()
    names = {part.strip(b" \t").lower() for line in lines for part in line.split(b",")} - {b""}
    # A name that is no token cannot be looked up, so nothing is known to match, as with `*` (which is a token).
    return None if b"*" in names or not all(map(_TOKEN.fullmatch, names)) else tuple(sorted(names))


def selecting_of(names: Iterable[bytes], request_fields: Fields) -> Selecting:
    """Return the secondary key of a request for an answer that varies on `names`."""
    return tuple((name, normalised(name, values(request_fields, name))) for name in names)


def normalised(name: bytes, lines: list[bytes]) -> bytes | None:
    """Return the value of a field in the one spelling that is compared; None when the field is absent."""
    if not lines:
        return None
    joined = b",".join(lines)
    # White space inside a quoted string means something, and so it may in what identifies a person.
    if name in PERSONAL_FIELDS or b'"' in joined:
        return joined
    parts = [part.strip(b" \t") for part in joined.split(b",")]
    if name not in _WEIGHTED:
        return b",".join(parts)
    weighted = {_weighted(part) for part in parts if part}
    return b",".join(sorted(b"%b;q=%d" % (word, weight) for word, weight in weighted))


def weighted_words(lines: list[bytes]) -> dict[bytes, int]:
    """Read a list such as `gzip, br;q=0.5`: each word with its weight in thousandths (RFC 9110 section 12.4.2)."""
    return dict(_weighted(part.strip(b" \t")) for line in lines for part in line.split(b",") if part.strip(b" \t"))


def _weighted(part: bytes) -> tuple[bytes, int]:
    """Split `en;q=0.5` into the word and its weight in thousandths; an odd weight stays part of the word."""
    word, _, parameter = part.lower().partition(b";")
    parameter = parameter.strip(b" \t")
    if not parameter:
        return word.strip(b" \t"), 1000
    if not _Q_VALUE.fullmatch(parameter):
        return part.lower(), 1000
    return word.strip(b" \t"), round(float(parameter[2:]) * 1000)


def select(variants: Sequence[StoredResponse], request_fields: Fields) -> StoredResponse | None:
    """Return the variant a request selects: of several that match, the newest (RFC 9111 section 4)."""
    chosen: StoredResponse | None = None
    for variant in variants:
        if (chosen is None or variant.response_time > chosen.response_time) and selects(
            variant.selecting, request_fields, variant.fields
        ):
            chosen = variant
    return chosen


def selects(selecting: Selecting, request_fields: Fields, response_fields: Fields) -> bool:
    """Tell whether a request selects the variant stored with `selecting`."""
    for name, value in selecting:
        lines = values(request_fields, name)
        if normalised(name, lines) == value:
            continue
        if name != b"accept-language" or not _prefers_language(lines, values(response_fields, b"content-language")):
            return False
    return True


def _prefers_language(accept_language: list[bytes], content_language: list[bytes]) -> bool:
    """Tell whether an answer is in the one language a request likes best: then no other answer can suit it better."""
    weighted = [_weighted(part) for part in b",".join(accept_language).split(b",") if part.strip(b" \t")]
    best = max((weight for _, weight in weighted), default=0)
    liked = {word for word, weight in weighted if weight == best and best > 0}
    return len(content_language) == 1 and liked == {content_language[0].strip(b" \t").lower()}
