"""The catalogue of texts, and the choice of a language."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import errors
from gateway.messages import CATALOGUE, EMERGENCY, Language, Message, preferred_language

LANGUAGES: tuple[Language, ...] = ("id", "en")


def _leaves(cause: type[errors.GatewayError]) -> set[type[errors.GatewayError]]:
    return {cause}.union(*(_leaves(child) for child in cause.__subclasses__()))


def test_every_error_has_a_text() -> None:
    codes = {cause.code for cause in _leaves(errors.GatewayError) if cause.__module__ == errors.__name__}
    assert codes - CATALOGUE.keys() == set()


@pytest.mark.parametrize("message", [*CATALOGUE.values(), EMERGENCY])
def test_texts_exist_in_both_languages_and_differ(message: Message) -> None:
    indonesian, english = (message.text(language) for language in LANGUAGES)
    for text in (indonesian, english):
        assert text.title
        assert text.detail
    assert indonesian.detail != english.detail


@pytest.mark.parametrize("code", CATALOGUE)
def test_both_languages_have_the_same_places_to_fill(code: str) -> None:
    places = [
        {name for _, name, _, _ in string.Formatter().parse(CATALOGUE[code].text(language).detail) if name}
        for language in LANGUAGES
    ]
    assert places[0] == places[1]
    assert places[0] <= {"agency", "seconds"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "id"),
        (b"", "id"),
        (b"en", "en"),
        (b"EN-gb", "en"),
        (b"id-ID,id;q=0.9,en;q=0.8", "id"),
        (b"en-US,en;q=0.9,id;q=0.8", "en"),
        (b"id;q=0.1, en;q=0.2", "en"),
        (b"in", "id"),  # what old Android phones call Indonesian
        (b"en;q=0", "id"),
        (b"fr, en;q=0.1", "en"),
        (b"fr, *", "id"),
        (b"english", "id"),
        (b"id, en", "id"),
        (b"en, id", "en"),
        (b"en; q=0.5 , id ;q=0.4", "en"),
        (b"en;q=5, id;q=0.9", "en"),
        (b"en;level=1", "id"),
        (b"en;q=high", "id"),
        (b"en;q=.", "id"),
        (b"en;q=-1", "id"),
        (b"id;q=0.5, en;q=1.", "en"),
        (b"fr," * 20 + b"en", "id"),  # nobody reads so many; the work stays bounded
    ],
)
def test_language_follows_the_weights_and_is_indonesian_in_doubt(accepted: bytes | None, language: Language) -> None:
    assert preferred_language(accepted) == language


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_choose_a_language(accepted: bytes) -> None:
    assert preferred_language(accepted) in LANGUAGES
