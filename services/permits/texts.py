"""What states and events are called when citizens read them, in both languages."""

from collections.abc import Mapping

from services.kit.problem import Text
from services.permits.machine import EventKind, State

STATE_TEXTS: Mapping[State, Text] = {
    State.DRAF: Text("Draf, belum diajukan", "Draft, not yet submitted"),
    State.DIAJUKAN: Text("Diajukan, menunggu petugas", "Submitted, waiting for an officer"),
    State.CEK_BERKAS: Text("Berkas diperiksa", "The file is being checked"),
    State.PERBAIKAN: Text("Menunggu perbaikan dari Anda", "Waiting for your correction"),
    State.PENILAIAN_TEKNIS: Text("Dinilai dinas teknis", "Being assessed by the technical agency"),
    State.PENETAPAN_RETRIBUSI: Text("Retribusi sedang ditetapkan", "The retribution is being set"),
    State.MENUNGGU_BAYAR: Text("Menunggu pembayaran dari Anda", "Waiting for your payment"),
    State.CEK_BAYAR: Text("Pembayaran diperiksa", "The payment is being checked"),
    State.PENANDATANGANAN: Text("Menunggu tanda tangan", "Waiting for the signature"),
    State.TERBIT: Text("Izin terbit", "The permit is issued"),
    State.DITOLAK: Text("Permohonan ditolak", "The application is refused"),
    State.DIBATALKAN: Text("Dibatalkan pemohon", "Withdrawn by the applicant"),
    State.KEDALUWARSA: Text("Kedaluwarsa", "Expired"),
}
NEXT_TEXTS: Mapping[State, Text] = {
    State.DRAF: Text("Lengkapi isian dan dokumen, lalu ajukan.", "Complete form and documents, then submit."),
    State.PERBAIKAN: Text(
        "Perbaiki hal yang disebutkan, lalu ajukan lagi. Waktu yang dijanjikan berhenti sementara.",
        "Correct what is listed, then submit again. The promised time stands still meanwhile.",
    ),
    State.MENUNGGU_BAYAR: Text(
        "Bayar dengan kode bayar di bank. Waktu yang dijanjikan berhenti sementara.",
        "Pay at a bank with the billing code. The promised time stands still meanwhile.",
    ),
    State.TERBIT: Text("Unduh izin Anda.", "Download your permit."),
    State.DITOLAK: Text("Baca alasan dan cara mengajukan keberatan.", "Read the reason and how to object."),
    State.DIBATALKAN: Text("Tidak ada; Anda dapat mengajukan lagi.", "Nothing; you may apply again."),
    State.KEDALUWARSA: Text("Ajukan permohonan baru.", "Make a new application."),
}
OFFICE_ACTS = Text(
    "Tidak ada yang perlu Anda lakukan; petugas sedang bekerja.", "Nothing for you to do; the office is at work."
)
EVENT_TEXTS: Mapping[EventKind, Text] = {
    EventKind.CREATED: Text("Permohonan dibuat", "Application begun"),
    EventKind.DETAILS_CHANGED: Text("Isian diubah", "Form changed"),
    EventKind.DOCUMENT_ADDED: Text("Dokumen diunggah", "Document uploaded"),
    EventKind.SUBMITTED: Text("Permohonan diajukan", "Application submitted"),
    EventKind.TAKEN: Text("Petugas mulai mengerjakan", "An officer took the case"),
    EventKind.RELEASED: Text("Petugas mengembalikan ke antrean", "Put back into the queue"),
    EventKind.CORRECTION_ASKED: Text("Petugas meminta perbaikan", "A correction was asked for"),
    EventKind.CORRECTED: Text("Perbaikan diajukan", "Correction submitted"),
    EventKind.FILE_ACCEPTED: Text("Berkas dinyatakan lengkap", "The file is complete"),
    EventKind.ASSESSED: Text("Penilaian teknis selesai, retribusi ditetapkan", "Assessed; a retribution is due"),
    EventKind.ASSESSED_FREE: Text("Penilaian teknis selesai, gratis", "Assessed; free of charge"),
    EventKind.LEVY_SET: Text("Surat ketetapan retribusi terbit, silakan bayar", "The retribution is set, please pay"),
    EventKind.PAID: Text("Pembayaran diterima bank", "The bank received the payment"),
    EventKind.PAYMENT_CONFIRMED: Text("Pembayaran sesuai", "The payment is confirmed"),
    EventKind.PAYMENT_REJECTED: Text("Pembayaran tidak sesuai", "The payment does not match"),
    EventKind.PAYMENT_SURPLUS: Text(
        "Pembayaran di luar tagihan diterima dan akan dikembalikan",
        "A payment that was not due arrived and will be returned",
    ),
    EventKind.ISSUED: Text("Izin terbit", "Permit issued"),
    EventKind.REFUSED: Text("Permohonan ditolak", "Application refused"),
    EventKind.WITHDRAWN: Text("Permohonan dibatalkan", "Application withdrawn"),
    EventKind.EXPIRED: Text("Permohonan kedaluwarsa", "Application expired"),
}
# What the applicant is told of in the inbox: everything they did not do themselves.
NOTIFIED = (
    EventKind.TAKEN,
    EventKind.CORRECTION_ASKED,
    EventKind.FILE_ACCEPTED,
    EventKind.ASSESSED_FREE,
    EventKind.LEVY_SET,
    EventKind.PAYMENT_CONFIRMED,
    EventKind.PAYMENT_REJECTED,
    EventKind.PAYMENT_SURPLUS,
    EventKind.ISSUED,
    EventKind.REFUSED,
    EventKind.EXPIRED,
)


def bilingual(text: Text) -> dict[str, str]:
    """Write a text as JSON in both languages."""
    return {"id": text.id, "en": text.en}
