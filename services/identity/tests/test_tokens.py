"""What access tokens say, who can verify them, and how keys follow one another."""

import os
import stat
from datetime import timedelta

import jwt
import pytest

from services.identity.app import keys_folder
from services.identity.signing import SigningKeys, new_key, rotated, signer, withdrawn
from services.identity.tests.conftest import BUDI, City, Phone
from services.kit.testing import START

LIFETIME = timedelta(minutes=15)


async def verified(city: City, phone: Phone) -> dict[str, object]:
    """Verify as a gateway does: by the published keys alone."""
    token = phone.tokens["access_token"]
    published = jwt.PyJWKSet.from_dict((await city.client.get("/.well-known/jwks.json")).json())
    key = published[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        ["ES256"],
        {"verify_exp": False, "verify_iat": False},  # of a clock turned by hand
        audience="tangerang-live",
        issuer="http://127.0.0.1:8101",
    )


async def test_the_token_verifies_and_says_what_the_gateway_needs_and_no_more(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    claims = await verified(city, phone)
    assert claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "scope", "acr", "name", "roles"}
    assert (claims["acr"], claims["roles"], claims["scope"]) == ("1", [], "citizen")
    assert int(str(claims["exp"])) - int(START.timestamp()) == 900 == phone.tokens["expires_in"]
    token = repr(claims)
    assert not any(secret in token for secret in ("36719901", "budi@", "8123456"))


async def test_officers_tokens_carry_their_roles(city: City) -> None:
    officer = await city.officer("officer:DPMPTSP")
    claims = await verified(city, officer)
    assert (claims["roles"], claims["scope"], claims["acr"]) == (["officer:DPMPTSP"], "citizen staff", "2")


async def test_keys_are_files_only_their_owner_reads(city: City) -> None:
    folder = keys_folder(city.settings)
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {path.name for path in files} == {"root.secret", "signing-keys.json"}
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


async def test_a_rotation_by_command_reaches_the_running_service_with_overlap(city: City) -> None:
    await city.register(**BUDI)
    before = await city.login(BUDI["email"])
    with SigningKeys(keys_folder(city.settings), city.now).changing() as keys:
        keys[:] = rotated(keys, city.now(), lead=timedelta(minutes=2), tokens_live=LIFETIME)
    # Published before it signs, so that no gateway meets an unknown key.
    assert len((await city.client.get("/.well-known/jwks.json")).json()["keys"]) == 2
    still = await city.login(BUDI["email"])
    assert _kid(still) == _kid(before)
    city.now.advance(minutes=2)
    after = await city.login(BUDI["email"])
    assert _kid(after) != _kid(before)
    city.now.advance(minutes=15)  # the last token of the old key is just expiring
    await verified(city, still)
    city.now.advance(minutes=3)
    assert len((await city.client.get("/.well-known/jwks.json")).json()["keys"]) == 1
    await verified(city, after)


async def test_a_stolen_key_is_gone_at_once_and_another_signs(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    with SigningKeys(keys_folder(city.settings), city.now).changing() as keys:
        keys[:] = withdrawn(keys, _kid(phone), city.now())
    with pytest.raises(KeyError):
        await verified(city, phone)
    assert (await phone.refresh()).status_code == 200
    await verified(city, phone)


def test_rotating_again_before_the_takeover_keeps_a_signer_at_every_moment() -> None:
    keys, now = [new_key(START)], START
    for _ in range(6):
        keys = rotated(keys, now, lead=timedelta(minutes=2), tokens_live=LIFETIME)
        now += timedelta(seconds=50)
        assert signer(keys, now).is_published(now)
    late = now + timedelta(days=30)
    assert signer(keys, late) == keys[-1]
    assert [key.is_published(late) for key in keys] == [False] * (len(keys) - 1) + [True]


def test_a_key_that_is_not_there_cannot_be_withdrawn() -> None:
    with pytest.raises(LookupError, match="no signing key"):
        withdrawn([new_key(START)], "x", START)


def test_a_clock_set_back_signs_nobody_out() -> None:
    key = new_key(START)
    assert signer([key], START - timedelta(hours=1)) == key


def _kid(phone: Phone) -> str:
    kid: str = jwt.get_unverified_header(phone.tokens["access_token"])["kid"]
    return kid


def test_no_command_line_takes_a_keys_name_for_an_option() -> None:
    """One thumbprint in 64 begins with a hyphen."""
    assert not any(new_key(START).kid.startswith("-") for _ in range(400))
