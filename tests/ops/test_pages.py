from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ops.layout import contact, element
from gateway.ops.pages import Rendered, Representation, prefers_html, represent


@pytest.mark.parametrize(
    ("accept", "is_html"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"text/html", True),
        (b"TEXT/HTML;level=1;Q=0.5, application/json;q=0.4", True),
        (b"text/*;q=0.5", True),
        (b"*/*", False),
        (b"", False),
        (b"application/json, text/html;q=0.9", False),
        (b"text/html;q=0, */*", False),
        (b"text/html;q=much", False),
    ],
)
def test_who_puts_html_first_gets_it(accept: bytes, is_html: bool) -> None:
    assert prefers_html(((b"accept", accept),)) is is_html


def test_who_says_nothing_gets_json() -> None:
    assert prefers_html(()) is False


@given(st.binary(max_size=200))
def test_no_accept_field_breaks_the_choice(accept: bytes) -> None:
    assert prefers_html(((b"accept", accept),)) in (True, False)


@given(st.text(), st.text())
def test_no_text_leaves_its_place(content: str, value: str) -> None:
    written = element("p", content, title=value)
    assert (written.count("<"), written.count(">"), written.count('"')) == (2, 2, 2)


def test_contacts_can_be_dialled_and_written_to() -> None:
    assert contact("Loket 3 · 021-557 & 4 · 021-557 · a.b@example.go.id · https://example.go.id") == (
        'Loket 3 · 021-557 &amp; 4 · <a href="tel:021557">021-557</a> · '
        '<a href="mailto:a.b@example.go.id">a.b@example.go.id</a> · <a href="https://example.go.id">https://example.go.id</a>'
    )


def test_what_is_rendered_is_remembered_within_bounds_and_forgotten_with_its_edition() -> None:
    rendered, edition, asked = Rendered(), object(), list[int]()

    def get(number: int, of: object) -> None:
        def render() -> Representation:
            asked.append(number)
            return represent(b"x", b"text/plain", max_age_seconds=1)

        rendered.get(of, number, render)

    for number in (*range(64), *range(64)):
        get(number, edition)
    assert asked == list(range(64))
    get(64, edition)
    get(0, edition)
    assert asked == [*range(65), 0], "the oldest made room"
    get(1, object())
    assert asked[-1] == 1
