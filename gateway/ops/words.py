"""The words of the gateway's own pages, Indonesian and English side by side, and how numbers and times are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from gateway.messages import Language
from gateway.registry.snapshot import Words

_WIB: Final = timezone(timedelta(hours=7))

WORDS: Final[dict[str, Words]] = {
    "status": Words("Status layanan", "Service status"),
    "docs": Words("Dokumentasi API", "API reference"),
    "all well": Words("Semua layanan berjalan.", "All services are running."),
    "some down": Words("Sebagian layanan terganggu.", "Some services are disturbed."),
    "pass": Words("Berjalan", "Running"),
    "warn": Words("Berjalan sebagian", "Partly running"),
    "fail": Words("Terganggu", "Disturbed"),
    "unknown": Words("Belum diketahui", "Not known yet"),
    "left out": Words("Tidak tersedia", "Not available"),
    "left out why": Words(
        "Pengaturan layanan ini sedang diperbaiki.", "The settings of this service are being corrected."
    ),
    "since": Words("sejak", "since"),
    "promised": Words("Janji", "Promised"),
    "measured": Words("Terukur", "Measured"),
    "kept": Words("ditepati", "kept"),
    "broken": Words("tidak ditepati", "not kept"),
    "too few": Words("belum cukup data", "too little data"),
    "none promised": Words("tanpa janji", "none made"),
    "availability": Words("Ketersediaan", "Availability"),
    "p95": Words("95% dijawab dalam", "95% answered within"),
    "answers": Words("jawaban diukur sejak", "answers measured since"),
    "agency": Words("Penanggung jawab", "In charge"),
    "as of": Words("Keadaan per", "As of"),
    "how measured": Words(
        "Diukur oleh gerbang ini sejak proses dimulai: ketersediaan adalah bagian jawaban yang tidak gagal karena "
        "dinas; waktu adalah perkiraan lama dinas menjawab.",
        "Measured by this gateway since its process began: availability is the share of answers that did not fail by "
        "the agency's fault; times are estimates of how long the agency took.",
    ),
    "other language": Words("English", "Bahasa Indonesia"),
    "services": Words("Layanan", "Services"),
    "operations": Words("Operasi", "Operations"),
    "own pages": Words("Gerbang layanan kota", "The city's gateway"),
    "sign in": Words("Masuk", "Sign-in"),
    "required": Words("wajib", "required"),
    "optional": Words("boleh", "optional"),
    "none": Words("tidak perlu", "not needed"),
    "scopes": Words("dengan hak", "with scopes"),
    "assurance": Words("tingkat verifikasi minimal", "verification level at least"),
    "learns": Words("Yang diketahui dinas", "What the agency learns"),
    "limits": Words("Batas", "Limits"),
    "per": Words("per", "per"),
    "at once": Words("sekaligus", "at once"),
    "by citizen": Words("tiap warga", "for each citizen"),
    "by address": Words("tiap alamat IP", "for each IP address"),
    "by other": Words("menurut aturan layanan", "as the service counts"),
    "cache": Words("Salinan tersimpan", "Stored copies"),
    "body": Words("Kiriman terbesar", "Largest body"),
    "emergency": Words("Jalur darurat: tidak pernah ditolak.", "Emergency lane: never refused."),
    "parameters": Words("Parameter", "Parameters"),
    "responses": Words("Jawaban", "Answers"),
    "example": Words("Contoh", "Example"),
    "curl note": Words(
        "Dalam contoh, $API adalah alamat halaman ini tanpa /docs, dan $TOKEN tanda masuk Anda.",
        "In the examples, $API is the address of this page without /docs, and $TOKEN your access token.",
    ),
    "missing": Words(
        "Dokumen dari layanan ini sedang tidak dapat diambil; keterangan di bawah mungkin tidak lengkap.",
        "This service's own document cannot be had at the moment; what follows may be incomplete.",
    ),
    "ways": Words("Dokumen lengkap (OpenAPI 3.1)", "The whole document (OpenAPI 3.1)"),
}


def word(name: str, language: Language) -> str:
    """Return a text of this file."""
    return spoken(WORDS[name], language)


def spoken(words: Words, language: Language) -> str:
    """Return one side of a text in both languages."""
    return words.en if language == "en" else words.id


def percent(share: float | None, language: Language) -> str:
    """Write a share from 0 to 1; what is not whole never rounds up to 100 %."""
    if share is None:
        return "–"
    hundredths = int(share * 10_000 + 1e-6)
    return _number(hundredths / 100, language) + "%"


def duration(seconds: float | None, language: Language) -> str:
    """Write a short duration, in milliseconds below a second."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{_number(round(seconds * 1000, 0 if seconds >= 0.01 else 1), language)} ms"
    unit = {"id": "detik", "en": "s"}[language]
    if seconds < 60 or seconds % 60:
        return f"{_number(round(seconds, 2), language)} {unit}"
    minutes = {"id": "menit", "en": "min"}[language]
    return f"{_number(seconds // 60, language)} {minutes}"


def size(count: int, language: Language) -> str:
    """Write a number of bytes."""
    return f"{_number(round(count / 1e6, 1), language)} MB" if count >= 1_000_000 else f"{count // 1000} kB"


def moment(wall_seconds: float) -> str:
    """Write a moment as people in Tangerang read their clocks (WIB, UTC+7, no summer time)."""
    return datetime.fromtimestamp(wall_seconds, UTC).astimezone(_WIB).strftime("%Y-%m-%d %H:%M WIB")


def timestamp(wall_seconds: float) -> str:
    """Write a moment in UTC, whole seconds (RFC 3339 section 5.6)."""
    return datetime.fromtimestamp(int(wall_seconds), UTC).isoformat().replace("+00:00", "Z")


def _number(value: float, language: Language) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if language == "id" else text
