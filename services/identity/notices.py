"""What an account's owner should know: an inbox, and for what concerns safety, a message to every proved contact."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity.accounts import Means, handle_of, identifiers_of
from services.identity.identifiers import Kind
from services.identity.postman import write_message
from services.identity.service import Service, signed_in
from services.identity.tables import Account, Notice
from services.kit.assertion import require_caller
from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.paging import Listing, since
from services.kit.problem import Language, Text, preferred_language

NOTICES = Listing(
    sorts={"at": Notice.at},
    tie=Notice.id,
    default_sort="-at",
    filters={"since": since(Notice.at)},
)

# kind → what to tell. {subject} is the device or the masked contact it is about.
TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "new-sign-in": Text("Akun Anda dibuka di perangkat: {subject}.", "Your account was opened on: {subject}."),
        "contact-proved": Text("{subject} sudah terbukti milik Anda.", "{subject} is proved to be yours."),
        "contact-lost": Text(
            "{subject} dibuktikan sebagai milik akun lain dan dilepas dari akun Anda. Bukan kehendak Anda? "
            "Datang ke loket Disdukcapil dengan KTP.",
            "{subject} was proved by another account and is no longer on yours. Not what you want? "
            "Come to the Disdukcapil counter with your ID card.",
        ),
        "nik-matched": Text("NIK Anda sesuai data kependudukan.", "Your NIK matches the population register."),
        "nik-contested": Text(
            "Akun lain juga mengaku memiliki NIK Anda dan datanya sesuai. Datang ke loket Disdukcapil dengan KTP.",
            "Another account claims your NIK too, with matching data. "
            "Come to the Disdukcapil counter with your ID card.",
        ),
        "verified-in-person": Text("Identitas Anda diverifikasi di loket.", "You were verified at the counter."),
        "password-changed": Text(
            "Kata sandi Anda diganti dan perangkat lain dikeluarkan. Bukan Anda? Pulihkan akun Anda segera.",
            "Your password was changed and other devices were signed out. Not you? Recover your account at once.",
        ),
        "recovered": Text(
            "Akun Anda dipulihkan dengan kata sandi baru dan semua perangkat dikeluarkan. Bukan Anda? "
            "Datang ke loket Disdukcapil dengan KTP.",
            "Your account was recovered with a new password and all devices were signed out. Not you? "
            "Come to the Disdukcapil counter with your ID card.",
        ),
        "session-replayed": Text(
            "Sesi di {subject} diakhiri karena token lama dipakai lagi. Masuk kembali di perangkat Anda.",
            "The session on {subject} was ended because an old token was used again. Sign in again.",
        ),
        "roles-changed": Text("Peran petugas Anda berubah: {subject}.", "Your officer roles changed: {subject}."),
    }
)
_BY_MESSAGE = frozenset({"contact-lost", "nik-contested", "password-changed", "recovered"})


def notify(session: Session, means: Means, account: Account, kind: str, subject: str = "") -> None:
    """Tell the owner; what concerns safety also goes to every contact proved at this moment."""
    notice = Notice(id=secrets.token_urlsafe(12), account_id=account.id, kind=kind, at=means.now())
    notice.sealed_subject = means.vault.seal(subject, owner=notice.id) if subject else None
    session.add(notice)
    if kind not in _BY_MESSAGE:
        return
    for row in identifiers_of(session, account.id):
        if row.proof and Kind(row.kind).is_contact:
            # Every citizen reads Indonesian; a message cannot ask for a language.
            text = f"Tangerang LIVE: {TEXTS[kind].id.format(subject=subject)}"
            write_message(
                session, means, handle_of(means, row), text, lives=timedelta(hours=means.policy.message_hours)
            )


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def notifications(request: Request) -> Response:
        caller = require_caller(request)
        page = NOTICES.read(request)
        language = preferred_language(request.headers.get("accept-language"))

        def query(session: Session) -> dict[str, Any]:
            own = signed_in(session, caller)
            rows = session.scalars(page.apply(select(Notice).where(Notice.account_id == own.account.id))).all()
            return page.answer(rows, lambda notice: notice_json(service.means, notice, language))

        headers = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language"}
        return json_response(await service.database.read(query), headers=headers)

    return [Route("/notifications", notifications)]


def notice_json(means: Means, notice: Notice, language: Language) -> dict[str, Any]:
    """Show one notice in the reader's language."""
    subject = means.vault.unseal(notice.sealed_subject, owner=notice.id) if notice.sealed_subject else ""
    text = TEXTS[notice.kind].in_language(language).format(subject=subject)
    return {"id": notice.id, "kind": notice.kind, "at": iso(notice.at), "text": text}
