"""A store URL is read whole or refused with a remedy, and its password is never repeated."""

from __future__ import annotations

import pytest

from gateway.clock import ManualClock
from gateway.registry.snapshot import StorePolicy
from gateway.registry.store_address import Credentials, StoreAddress, Tls, parse_store_url
from gateway.store.open import is_shared, open_bus, open_store, open_values


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("memory://", StoreAddress("memory")),
        ("redis://cache", StoreAddress("single", (("cache", 6379),))),
        ("redis://127.0.0.1:7000/3", StoreAddress("single", (("127.0.0.1", 7000),), database=3)),
        ("redis://[::1]:7000", StoreAddress("single", (("::1", 7000),))),
        ("redis://:secret@cache", StoreAddress("single", (("cache", 6379),), Credentials(None, "secret"))),
        (
            "rediss://gate:p%40ss%3A@cache:7000?ssl_ca_certs=/ca.pem&ssl_check_hostname=no",
            StoreAddress(
                "single", (("cache", 7000),), Credentials("gate", "p@ss:"), tls=Tls("/ca.pem", check_hostname=False)
            ),
        ),
        (
            "rediss://cache?ssl_certfile=/c.pem&ssl_keyfile=/k.pem&ssl_cert_reqs=none",
            StoreAddress("single", (("cache", 6379),), tls=Tls(None, "/c.pem", "/k.pem", verify=False)),
        ),
        (
            "redis+sentinel://u:p@a:26380,b/city/2?sentinel_username=s&sentinel_password=q",
            StoreAddress(
                "sentinel", (("a", 26380), ("b", 26379)), Credentials("u", "p"), 2, "city", Credentials("s", "q")
            ),
        ),
        ("rediss+sentinel://a/city", StoreAddress("sentinel", (("a", 26379),), service="city", tls=Tls())),
        ("redis+cluster://a:1,b:2,[::1]:3", StoreAddress("cluster", (("a", 1), ("b", 2), ("::1", 3)))),
        ("rediss+cluster://a", StoreAddress("cluster", (("a", 6379),), tls=Tls())),
    ],
)
def test_every_shape_is_read(url: str, address: StoreAddress) -> None:
    assert parse_store_url(url) == address


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "must begin with one of memory://, redis://"),
        ("postgres://x", "must begin with one of"),
        ("memory://host", "write exactly memory://"),
        ("redis://", "write redis://host:port"),
        ("redis://cache:port", "no number from 1 to 65535"),
        ("redis://cache:70000", "no number from 1 to 65535"),
        ("redis://a,b", r"redis\+sentinel:// or redis\+cluster://"),
        ("redis://user@cache", "write user:password@host"),
        ("redis://cache/zero", "is no number; write /0"),
        ("redis://cache/0/1", "is no number; write /0"),
        ("redis://cache?ssl_ca_certs=/ca", "begin the store URL with rediss://"),
        ("redis+cluster://cache?ssl_ca_certs=/ca", r"begin the store URL with rediss\+cluster://"),
        ("redis://cache?timeout=1", "knows no option 'timeout'; it takes none"),
        ("rediss://cache?ca=1", "it takes ssl_ca_certs"),
        ("rediss://cache?ssl_ca_certs=1&ssl_ca_certs=2", "twice; leave one"),
        ("rediss://cache?ssl_check_hostname=maybe", "write yes or no"),
        ("rediss://cache?ssl_cert_reqs=optional", "write required"),
        ("rediss://cache?ssl_keyfile=/k", "add ssl_certfile"),
        ("redis+sentinel://a,b", "end the URL with /mymaster"),
        ("redis+sentinel://a/city/x", "is no number"),
        ("redis+cluster://a/1", "end the URL after the hosts"),
        ("redis://[::1", "check its brackets"),
        ("redis://[::1]6379", "check its brackets"),
        ("redis+cluster://a,[cache]:1", "check its brackets"),
        ("cache:6379", "must begin with one of"),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(url: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        parse_store_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hunter2@a,b",
        "redis://u:hunter2@a:x",
        "redis://u:hunter2",
        "redis://u:hunter2/3@a",
        "redis://u:x?hunter2@a",
        "redis://u:x#hunter2@a",
        "redis+cluster://u:hunter2@a/1",
    ],
)
def test_a_password_is_never_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"store|Cluster") as refusal:
        parse_store_url(url)
    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(parse_store_url("redis://u:hunter2@a"))


@pytest.mark.parametrize("open_part", [open_store, open_values, open_bus])
def test_a_wrong_url_is_refused_before_anything_is_opened(open_part: object) -> None:
    assert callable(open_part)
    with pytest.raises(ValueError, match="must begin with"):
        open_part(StorePolicy("http://x"), ManualClock())


def test_only_memory_is_not_shared() -> None:
    assert not is_shared(StorePolicy("memory://"))
    assert is_shared(StorePolicy("redis://cache"))


def test_paths_of_files_begin_where_the_url_stands() -> None:
    url = "rediss://cache?ssl_ca_certs=tls/ca.pem&ssl_certfile=/etc/c.pem"
    assert parse_store_url(url, directory="/etc/gateway").tls == Tls("/etc/gateway/tls/ca.pem", "/etc/c.pem")


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile"])
def test_tls_files_that_cannot_be_read_are_named(option: str) -> None:
    with pytest.raises(ValueError, match=r"TLS files cannot be used .*; check /nowhere/ca.pem"):
        open_store(StorePolicy(f"rediss://cache?{option}=/nowhere/ca.pem"), ManualClock())
