"""Reading a token: one spelling, one meaning, or a refusal."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import NotAuthenticated, TokenInvalid
from gateway.fields import first
from gateway.identity.token import MAX_TOKEN_BYTES, bearer_token, decode_base64url, read
from tests.identity.issuer import ISSUER, NOW, Json, base64url, claims, signed

HEADER: Json = {"alg": "ES256", "typ": "JWT", "kid": "k1"}


def refusal(token: bytes) -> str:
    """Return why the token is refused, after checking that the citizen's app is told what it needs."""
    with pytest.raises(TokenInvalid) as caught:
        read(token)
    assert (first(caught.value.fields, b"www-authenticate") or b"").startswith(b"Bearer ")
    return caught.value.reason


def test_a_good_token_says_who_until_when_and_for_whom() -> None:
    token = read(signed(claims(nbf=NOW, scope="profile permits", acr="3", aud=["a", "b"], name="Siti")))
    assert (token.algorithm, token.key_id) == ("ES256", "k1")
    said = token.claims
    assert (said.issuer, said.subject, said.session) == (ISSUER, "citizen-1", "session-1")
    assert (said.issued_at, said.not_before, said.expires_at) == (NOW, NOW, NOW + 900)
    assert said.audiences == {"a", "b"}
    assert said.scopes == {"profile", "permits"}
    assert said.assurance == 3
    assert said.members["name"] == "Siti"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "application/at+jwt"])
def test_types_of_access_tokens_are_accepted(kind: str) -> None:
    read(signed(header={"alg": "ES256", "typ": kind}))


def test_a_token_without_type_key_name_session_or_issue_time_is_accepted() -> None:
    token = read(signed(claims(sid=None, iat=None), header={"alg": "ES256"}))
    assert token.key_id is None
    assert token.claims.session is None
    assert token.claims.issued_at is None


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "HS512", "ES384", "RS1", "", None, 1, ["ES256"], "es256"])
def test_only_asymmetric_algorithms_in_their_exact_names_are_read(alg: object) -> None:
    assert "algorithm" in refusal(signed(header={**HEADER, "alg": alg}))


def test_a_token_without_algorithm_is_refused() -> None:
    assert "algorithm" in refusal(signed(header={"typ": "JWT"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwk", {"kty": "EC"}),
        ("jku", "https://evil.example/jwks"),
        ("x5u", "https://evil.example/cert"),
        ("x5c", ["MIIB"]),
        ("b64", True),
        ("b64", False),
        ("crit", ["exp"]),
        ("crit", []),
        ("crit", None),
        ("zip", "DEF"),
        ("cty", "JWT"),
    ],
)
def test_a_header_that_brings_its_own_key_or_extension_is_refused(name: str, value: object) -> None:
    assert name in refusal(signed(header={**HEADER, name: value}))


@pytest.mark.parametrize("typ", ["id+jwt", "dpop+jwt", "", None, 1, ["JWT"], {"JWT": 1}])
def test_tokens_of_another_type_are_refused(typ: object) -> None:
    assert "typ" in refusal(signed(header={**HEADER, "typ": typ}))


@pytest.mark.parametrize("kid", ["", None, 1, True, ["k1"], {"k": 1}, "k" * 600, "k1\x00", "k1\n", "\u2028"])
def test_a_key_name_is_a_short_printable_text(kid: object) -> None:
    assert "kid" in refusal(signed(header={**HEADER, "kid": kid}))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value", [str(NOW), "", True, False, None, [NOW], {}, -1, -0.5, 1e300, 10**4000, 253_402_300_800]
)
def test_a_time_is_a_number_of_a_possible_date(name: str, value: object) -> None:
    payload = json.dumps({**claims(), name: value}).encode()
    assert name in refusal(signed(payload))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"01", b"0x1", b"+1"])
def test_a_number_outside_json_is_refused(number: bytes) -> None:
    payload = json.dumps(claims(exp=0)).encode().replace(b'"exp": 0', b'"exp": ' + number)
    assert "JSON" in refusal(signed(payload))


def test_a_fraction_of_a_second_is_a_time() -> None:
    assert read(signed(claims(exp=NOW + 0.5))).claims.expires_at == NOW + 0.5


def test_expiry_is_required() -> None:
    assert "exp" in refusal(signed(claims(exp=None)))


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("value", [None, "", 7, True, ["citizen-1"], {}, "c" * 513, "a\nb", "a\x00b"])
def test_issuer_and_subject_are_short_printable_texts(name: str, value: object) -> None:
    assert name in refusal(signed(claims(**{name: value})))


@pytest.mark.parametrize("value", ["", 7, False, [], {}, "s" * 513, "\x7f"])
def test_a_session_is_a_short_printable_text(value: object) -> None:
    assert "sid" in refusal(signed(claims(sid=value)))


@pytest.mark.parametrize("aud", [None, "", 1, True, [], [""], ["a", 1], [["a"]], {"a": 1}, ["a"] * 33])
def test_an_audience_is_a_text_or_a_short_list_of_texts(aud: object) -> None:
    assert "aud" in refusal(signed(claims(aud=aud)))


def test_scopes_come_as_text_or_as_list() -> None:
    assert read(signed(claims(scope="a  b"))).claims.scopes == {"a", "b"}
    assert read(signed(claims(scopes=["a", "b"]))).claims.scopes == {"a", "b"}
    assert read(signed()).claims.scopes == frozenset()


@pytest.mark.parametrize("wrong", [{"scope": ["a"]}, {"scope": 1}, {"scopes": "a"}, {"scopes": [1]}])
def test_scopes_of_another_type_are_refused(wrong: dict[str, object]) -> None:
    assert "scope" in refusal(signed(claims(**wrong)))


@pytest.mark.parametrize(
    ("acr", "level"),
    [
        (1, 1),
        (4, 4),
        (0, 0),
        ("1", 1),
        ("2", 2),
        ("4", 4),
        ("5", 0),
        (None, 0),
        (5, 0),
        (-1, 0),
        ("0", 0),
        ("high", 0),
        (True, 0),
        (1.5, 0),
        ([3], 0),
    ],
)
def test_only_the_citys_own_levels_of_assurance_count(acr: object, level: int) -> None:
    assert read(signed(claims(acr=acr))).claims.assurance == level


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"\\u0062":2}]}',
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\\ud800"}',
        b'{"a":"\x01"}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_header_and_payload_are_strict_json_objects(part: int, text: bytes) -> None:
    token = signed(header=text) if part == 0 else signed(text)
    assert "JSON" in refusal(token)


def test_a_token_within_a_token_is_refused() -> None:
    assert "JSON" in refusal(signed(signed()))
    assert "cty" in refusal(signed(header={**HEADER, "cty": "JWT"}))


def test_an_encrypted_token_is_refused() -> None:
    assert "three parts" in refusal(b"e30.YQ.YQ.YQ.YQ")


@pytest.mark.parametrize("token", [b"", b".", b"..", b"a.b", b"a.b.c.d", b"e30..YQ", b".e30.YQ", b"\x00.\xff.\n"])
def test_what_has_not_three_full_parts_is_refused(token: bytes) -> None:
    refusal(token)


def test_a_token_without_signature_is_refused() -> None:
    assert "signature" in refusal(signed().rpartition(b".")[0] + b".")


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("ending", [b"=", b"==", b"\n", b" ", b"+", b"/", b"%3D", b"\x00"])
def test_padding_and_foreign_characters_are_refused(index: int, ending: bytes) -> None:
    parts = signed().split(b".")
    parts[index] += ending
    refusal(b".".join(parts))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_spare_bits_are_refused(index: int) -> None:
    # Of the last character of a part whose length is 2 or 3 modulo 4, some bits encode nothing.
    payload = json.dumps(claims()).encode()
    padded = payload + b" " * (2 - len(payload) % 3)
    parts = signed(padded, header=json.dumps(HEADER).encode().ljust(80)).split(b".")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(parts[index]) % 4 in (2, 3)
    parts[index] = parts[index][:-1] + alphabet[alphabet.index(parts[index][-1:]) + 1 :][:1]
    assert "strict" in refusal(b".".join(parts))


def test_a_token_longer_than_the_bound_is_refused_unread() -> None:
    assert MAX_TOKEN_BYTES == 8_192
    assert "long" in refusal(b"a" * 8_193)
    assert "long" not in refusal(b"a" * 8_192)


def test_bounds_belong_to_what_is_accepted() -> None:
    name, last_second = "x" * 512, 253_402_300_799
    said = read(signed(claims(sub=name, aud=[f"a{n}" for n in range(32)], exp=last_second))).claims
    assert (said.subject, len(said.audiences), said.expires_at) == (name, 32, last_second)


def test_a_value_whose_spelling_ends_in_any_letter_is_read() -> None:
    for last in string.ascii_letters + string.digits + "-_":
        assert decode_base64url(b"AAA" + last.encode()) == base64.urlsafe_b64decode(f"AAA{last}")


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_refused_and_nothing_else(token: bytes) -> None:
    refusal(token)


@given(st.binary(min_size=1, max_size=60))
def test_bytes_have_one_base64url_spelling(raw: bytes) -> None:
    assert decode_base64url(base64url(raw).encode()) == raw


@given(st.binary(max_size=20))
def test_what_decodes_is_its_own_spelling(text: bytes) -> None:
    try:
        raw = decode_base64url(text)
    except ValueError:
        return
    assert base64url(raw).encode() == text


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
def test_the_scheme_is_read_in_any_case(scheme: bytes) -> None:
    assert bearer_token((scheme + b" a.b-c_d~e+f/g==",)) == b"a.b-c_d~e+f/g=="


def test_no_field_means_nobody_signed_in() -> None:
    with pytest.raises(NotAuthenticated) as caught:
        bearer_token(())
    assert caught.value.fields == ((b"www-authenticate", b'Bearer realm="tangerang-live"'),)


@pytest.mark.parametrize(
    "values",
    [
        (b"Bearer a", b"Bearer a"),
        (b"Bearer a", b""),
        (b"",),
        (b"Bearer",),
        (b"Bearer ",),
        (b"Bearer  a",),
        (b"Bearer\ta",),
        (b" Bearer a",),
        (b"Bearer a ",),
        (b"Bearer a\n",),
        (b"Bearer a, Bearer b",),
        (b"Bearer a b",),
        (b"Bearer =a",),
        (b'Bearer "a"',),
        (b"Bearer token=a",),
        (b"Basic YTpi",),
        (b"Bearera",),
        (b"a.b.c",),
        (b"Bearer \xff",),
    ],
)
def test_anything_but_one_bearer_token_is_refused(values: tuple[bytes, ...]) -> None:
    with pytest.raises(TokenInvalid):
        bearer_token(values)
