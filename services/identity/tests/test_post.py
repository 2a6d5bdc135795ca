"""Messages leave the house: by which way, how often, and what happens when the way is barred."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from services.identity.senders import ConsoleSender, DeliveryFailed, HttpSender, SmtpSender, open_sender
from services.identity.tests.conftest import BUDI, City

Lines = list[str]


async def ask_for_code(city: City) -> None:
    phone = await city.newcomer(email=BUDI["email"])
    sent = await phone.post(f"/me/identifiers/{(await phone.identifier('email'))['id']}/code")
    assert sent.status_code == 202


async def test_a_message_that_fails_is_tried_again_later_each_time(city: City) -> None:
    city.post.is_down = True
    await ask_for_code(city)
    for pause in (2, 4, 8):
        assert await city.service.postman.deliver_due() == 1
        assert await city.service.postman.deliver_due() == 0
        city.now.advance(seconds=pause)
    city.post.is_down = False
    assert await city.service.postman.deliver_due() == 1
    assert [recipient for recipient, _ in city.post.sent] == [BUDI["email"]]
    city.now.advance(hours=1)
    assert await city.service.postman.deliver_due() == 0
    assert BUDI["email"] not in city.log.getvalue()
    assert city.log.getvalue().count("message not sent") == 3


async def test_a_code_that_expired_is_not_sent_any_more(city: City) -> None:
    city.post.is_down = True
    await ask_for_code(city)
    await city.service.postman.deliver_due()
    city.post.is_down = False
    city.now.advance(minutes=10)
    assert await city.service.postman.deliver_due() == 0
    assert city.post.sent == []


async def test_a_message_reserved_by_a_process_that_died_is_sent_by_another(city: City) -> None:
    await ask_for_code(city)
    reserved = await city.service.database.write(city.service.postman._reserve)
    assert len(reserved) == 1
    assert await city.service.postman.deliver_due() == 0
    city.now.advance(seconds=30)
    assert await city.service.postman.deliver_due() == 1
    assert len(city.post.sent) == 1


async def test_the_postman_goes_by_himself_once_nudged(city: City) -> None:
    arrived = asyncio.Event()
    deliver = city.post.send

    async def send(recipient: str, text: str) -> None:
        await deliver(recipient, text)
        arrived.set()

    city.post.send = send  # type: ignore[method-assign]
    async with city.service.postman.running():
        await ask_for_code(city)
        await asyncio.wait_for(arrived.wait(), 30)


async def test_sms_goes_to_the_provider_with_the_token_and_nothing_in_the_address() -> None:
    seen: list[httpx.Request] = []

    def provider(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202 if len(seen) == 1 else 500)

    sender = HttpSender("https://sms.test/send", "kunci", transport=httpx.MockTransport(provider))
    await sender.send("+6281234567801", "halo")
    assert seen[0].headers["authorization"] == "Bearer kunci"
    assert seen[0].content == b'{"to":"+6281234567801","text":"halo"}'
    assert str(seen[0].url) == "https://sms.test/send"
    with pytest.raises(DeliveryFailed, match="answered 500"):
        await sender.send("+6281234567801", "halo")
    await sender.close()


async def test_a_provider_that_is_away_is_a_failed_delivery() -> None:
    def provider(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    sender = HttpSender("https://sms.test/send", "", transport=httpx.MockTransport(provider))
    with pytest.raises(DeliveryFailed, match="ConnectError"):
        await sender.send("+6281234567801", "halo")
    await sender.close()


@asynccontextmanager
async def mail_relay(answer_to_rcpt: str) -> AsyncIterator[tuple[int, Lines]]:
    """A relay that speaks just enough SMTP (RFC 5321) to take one message."""
    lines: Lines = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 relay.test")
        in_message = False
        while raw := await reader.readline():
            line = raw.decode().rstrip("\r\n")
            lines.append(line)
            verb = line.partition(" ")[0].upper()
            if in_message:
                in_message = line != "."
                if not in_message:
                    say("250 taken")
                continue
            in_message = verb == "DATA"
            say({"DATA": "354 go on", "RCPT": answer_to_rcpt, "QUIT": "221 bye"}.get(verb, "250 fine"))
            if verb == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], lines


async def test_mail_goes_through_the_relay() -> None:
    async with mail_relay("250 fine") as (port, lines):
        sender = open_sender("email", f"smtp://127.0.0.1:{port}?from=kota@example.test", mail_from="x@y.test", token="")
        await sender.send("budi@example.test", "Kode Anda 123456")
        await sender.close()
    assert "mail FROM:<kota@example.test>" in [line.split(" size")[0] for line in lines]
    assert "rcpt TO:<budi@example.test>" in lines
    assert "Subject: Tangerang LIVE" in lines
    assert "Kode Anda 123456" in lines


async def test_a_relay_that_refuses_is_a_failed_delivery_that_names_nobody() -> None:
    async with mail_relay("550 no such user budi@example.test") as (port, _):
        sender = SmtpSender("smtp", "127.0.0.1", port, None, None, "kota@example.test")
        with pytest.raises(DeliveryFailed) as caught:
            await sender.send("budi@example.test", "halo")
    assert "budi" not in str(caught.value)


async def test_the_console_prints_and_names_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleSender("sms").send("+6281234567801", "halo")
    assert capsys.readouterr().out == "[sms] +6281••••801: halo\n"


@pytest.mark.parametrize(
    ("channel", "url"), [("email", "https://x.test"), ("sms", "smtp://x.test"), ("email", "smtp:"), ("sms", "pigeon")]
)
def test_a_way_that_does_not_exist_is_refused_at_start(channel: str, url: str) -> None:
    with pytest.raises(ValueError, match="cannot send"):
        open_sender(channel, url, mail_from="", token="")


@pytest.mark.parametrize(
    ("url", "port", "check"),
    [
        ("smtps://relay.test", 465, lambda sender: sender.user is None),
        (
            "smtp+starttls://ka%40kota:s%2Fr@relay.test",
            587,
            lambda sender: (sender.user, sender.password) == ("ka@kota", "s/r"),
        ),
    ],
)
def test_relays_are_named_by_url(url: str, port: int, check: Callable[[SmtpSender], bool]) -> None:
    sender = open_sender("email", url, mail_from="kota@example.test", token="")
    assert isinstance(sender, SmtpSender)
    assert sender.port == port
    assert check(sender)
