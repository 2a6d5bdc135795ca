"""What citizens read when something fails: one catalogue, Indonesian and English side by side.

A text says what happened, whether the citizen's data is safe, and what to do next. Every entry has both languages by
construction. `{agency}`, `{seconds}` and `{phone}` are the only places to fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["id", "en"]
DEFAULT_LANGUAGE: Final[Language] = "id"


@dataclass(frozen=True, slots=True)
class Text:
    """One text in one language: `title` never varies for a code, `detail` may have places."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Message:
    """The same message in both languages."""

    id: Text
    en: Text

    def text(self, language: Language) -> Text:
        return self.en if language == "en" else self.id


CATALOGUE: Final[dict[str, Message]] = {
    "internal": Message(
        Text(
            "Gangguan pada sistem kota",
            "Terjadi gangguan di sistem kami, bukan di jaringan Anda. Permintaan ini mungkin belum tersimpan. "
            "Coba lagi beberapa saat; bila berulang, sebutkan kode kasus kepada petugas.",
        ),
        Text(
            "A fault in the city's system",
            "Something failed on our side, not in your network. This request may not have been saved. "
            "Try again shortly; if it happens again, tell the help desk the case code.",
        ),
    ),
    "malformed-request": Message(
        Text(
            "Permintaan tidak dapat dibaca",
            "Permintaan dari aplikasi tidak sesuai aturan, sehingga tidak diteruskan. Data Anda tidak berubah. "
            "Perbarui aplikasi, lalu coba lagi.",
        ),
        Text(
            "The request cannot be read",
            "The app sent a request that breaks the rules, so it was not passed on. Your data has not changed. "
            "Update the app, then try again.",
        ),
    ),
    "route-not-found": Message(
        Text(
            "Alamat tidak ditemukan",
            "Tidak ada layanan di alamat ini. Data Anda tidak berubah. Daftar layanan ada di /v1/services.",
        ),
        Text(
            "No such address",
            "There is no service at this address. Your data has not changed. The list of services is at /v1/services.",
        ),
    ),
    "misdirected": Message(
        Text(
            "Alamat bukan milik kota",
            "Permintaan ini ditujukan ke nama yang bukan milik layanan ini, sehingga tidak diteruskan. "
            "Data Anda tidak berubah. Periksa alamat yang dibuka aplikasi.",
        ),
        Text(
            "Not this city's address",
            "The request names a host that is not ours, so it was not passed on. Your data has not changed. "
            "Check the address the app opens.",
        ),
    ),
    "method-not-allowed": Message(
        Text(
            "Cara akses tidak tersedia",
            "Layanan ini ada, tetapi tidak menerima cara akses tersebut. Data Anda tidak berubah. "
            "Cara yang diterima ada di kepala jawaban Allow.",
        ),
        Text(
            "Method not available",
            "The service exists but does not accept this method. Your data has not changed. "
            "The Allow header lists what it accepts.",
        ),
    ),
    "body-too-large": Message(
        Text(
            "Kiriman terlalu besar",
            "Kiriman melebihi batas layanan ini dan tidak disimpan. Data Anda yang sebelumnya aman. "
            "Perkecil foto atau berkas, lalu kirim lagi.",
        ),
        Text(
            "Too large",
            "What you sent is larger than this service accepts and was not saved. Your earlier data is safe. "
            "Make the photo or file smaller, then send it again.",
        ),
    ),
    "client-timed-out": Message(
        Text(
            "Kiriman terputus",
            "Kiriman berhenti di tengah jalan, mungkin karena jaringan lemah. Yang belum lengkap tidak disimpan. "
            "Coba lagi saat sinyal membaik.",
        ),
        Text(
            "The upload stopped",
            "What you sent stopped halfway, perhaps because the network is weak. Nothing incomplete was saved. "
            "Try again when the signal is better.",
        ),
    ),
    "not-authenticated": Message(
        Text(
            "Silakan masuk",
            "Layanan ini memerlukan akun Tangerang LIVE. Data Anda aman. Masuk, lalu coba lagi.",
        ),
        Text(
            "Please sign in",
            "This service needs a Tangerang LIVE account. Your data is safe. Sign in, then try again.",
        ),
    ),
    "token-invalid": Message(
        Text(
            "Tanda masuk tidak dikenali",
            "Tanda masuk dari aplikasi tidak dapat diterima. Data Anda aman. Silakan masuk kembali.",
        ),
        Text(
            "Sign-in not recognised",
            "The app's sign-in token cannot be accepted. Your data is safe. Please sign in again.",
        ),
    ),
    "token-expired": Message(
        Text(
            "Sesi perlu diperbarui",
            "Masa berlaku sesi Anda habis. Data Anda aman. Aplikasi akan memperbaruinya, atau silakan masuk kembali.",
        ),
        Text(
            "Session needs renewing",
            "Your session has expired. Your data is safe. The app will renew it, or please sign in again.",
        ),
    ),
    "session-ended": Message(
        Text(
            "Sesi Anda berakhir",
            "Sesi ini sudah diakhiri. Data Anda aman. Silakan masuk kembali.",
        ),
        Text(
            "Your session has ended",
            "This session has been ended. Your data is safe. Please sign in again.",
        ),
    ),
    "not-permitted": Message(
        Text(
            "Belum berhak",
            "Akun Anda belum memiliki hak atau tingkat verifikasi untuk layanan ini. Data Anda aman. "
            "Lengkapi verifikasi akun atau hubungi {agency}.",
        ),
        Text(
            "Not permitted",
            "Your account does not have the right or the verification level for this service. Your data is safe. "
            "Complete your verification or contact {agency}.",
        ),
    ),
    "keys-unavailable": Message(
        Text(
            "Pemeriksaan masuk sedang terganggu",
            "Kami belum dapat memeriksa tanda masuk; ini gangguan kami, Anda tidak dikeluarkan. Data Anda aman. "
            "Coba lagi dalam {seconds} detik.",
        ),
        Text(
            "Sign-in checks are disturbed",
            "We cannot check sign-ins at the moment; the fault is ours and you are not signed out. Your data is safe. "
            "Try again in {seconds} seconds.",
        ),
    ),
    "quota-exceeded": Message(
        Text(
            "Terlalu banyak permintaan",
            "Terlalu banyak percobaan. Permintaan ini tidak diproses; data Anda aman. Coba lagi dalam {seconds} detik.",
        ),
        Text(
            "Too many requests",
            "Too many attempts. This request was not processed; your data is safe. Try again in {seconds} seconds.",
        ),
    ),
    "too-many-in-flight": Message(
        Text(
            "Terlalu banyak permintaan sekaligus",
            "Permintaan lain masih diproses. Yang ini tidak diproses; data Anda aman. Coba lagi dalam {seconds} detik.",
        ),
        Text("Too many at once", "This one was not processed; your data is safe. Try again in {seconds} seconds."),
    ),
    "store-unavailable": Message(
        Text(
            "Layanan ditutup sementara",
            "Demi keamanan, layanan ini ditutup sementara karena gangguan di sistem kami. Data Anda aman. "
            "Coba lagi dalam {seconds} detik.",
        ),
        Text(
            "Closed for a moment",
            "For safety this service is closed for a moment because of a fault in our system. Your data is safe. "
            "Try again in {seconds} seconds.",
        ),
    ),
    "overloaded": Message(
        Text(
            "Sedang sangat ramai",
            "Layanan sedang sangat ramai. Permintaan ini tidak diproses; data Anda aman. "
            "Coba lagi dalam {seconds} detik.",
        ),
        Text(
            "Very busy",
            "The service is very busy. This request was not processed; your data is safe. "
            "Try again in {seconds} seconds.",
        ),
    ),
    "nothing-stored": Message(
        Text(
            "Belum ada salinan tersimpan",
            "Aplikasi hanya meminta salinan tersimpan, dan salinan itu belum ada. Data Anda tidak berubah. "
            "Coba lagi saat terhubung.",
        ),
        Text(
            "No stored copy",
            "The app asked for a stored copy only, and there is none. Your data has not changed. "
            "Try again when connected.",
        ),
    ),
    "agency-broken": Message(
        Text(
            "Layanan sedang gangguan",
            "Layanan {agency} menjawab tidak utuh; ini bukan jaringan Anda. Data yang sudah tersimpan aman. "
            "Periksa riwayat sebelum mengirim ulang, atau coba lagi nanti.",
        ),
        Text(
            "The service is disturbed",
            "The service of {agency} gave a broken answer; it is not your network. Data already saved is safe. "
            "Check your history before sending again, or try again later.",
        ),
    ),
    "agency-unavailable": Message(
        Text(
            "Layanan sedang tidak tersedia",
            "Layanan {agency} sedang gangguan, bukan jaringan Anda. Permintaan ini belum diterima; "
            "data yang sudah tersimpan aman. Coba lagi dalam {seconds} detik.",
        ),
        Text(
            "The service is not available",
            "The service of {agency} is disturbed; it is not your network. This request was not received; "
            "data already saved is safe. Try again in {seconds} seconds.",
        ),
    ),
    "agency-timed-out": Message(
        Text(
            "Layanan terlalu lama menjawab",
            "Layanan {agency} belum menjawab pada waktunya; ini bukan jaringan Anda. Permintaan mungkin sudah "
            "diterima: periksa riwayat sebelum mengirim ulang. Data yang sudah tersimpan aman.",
        ),
        Text(
            "The service took too long",
            "The service of {agency} did not answer in time; it is not your network. The request may have been "
            "received: check your history before sending again. Data already saved is safe.",
        ),
    ),
}

EMERGENCY: Final = Message(
    Text("Gawat darurat? Telepon 112 (gratis).", "Telepon 112 sekarang. Gratis, 24 jam, juga tanpa pulsa. "),
    Text("Emergency? Call 112 (free).", "Call 112 now. Free, day and night, without credit too. "),
)


def preferred_language(accept_language: bytes | None) -> Language:
    """Choose Indonesian or English from `Accept-Language` (RFC 9110 section 12.5.4); Indonesian when in doubt."""
    best: Language = DEFAULT_LANGUAGE
    best_weight = 0.0
    for part in (accept_language or b"").split(b",")[:20]:
        tag, _, parameter = part.strip().partition(b";")
        primary = tag.strip().lower().partition(b"-")[0]
        weight = _weight(parameter)
        if primary in (b"id", b"en", b"in") and weight > best_weight:
            best, best_weight = ("en" if primary == b"en" else "id"), weight
    return best


def _weight(parameter: bytes) -> float:
    name, _, value = parameter.strip().partition(b"=")
    if not name:
        return 1.0
    if name.strip().lower() != b"q" or not value.replace(b".", b"", 1).isdigit():
        return 0.0
    return min(float(value), 1.0)
