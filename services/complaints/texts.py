"""What citizens are told about their report, in both languages: what happened and what comes next."""

from collections.abc import Mapping
from types import MappingProxyType

from services.complaints.life import Happening, Place, Status
from services.kit.problem import Text

_STATES: Mapping[Status, Text] = MappingProxyType(
    {
        Status.RECEIVED: Text("Laporan diterima, menunggu verifikasi.", "Received, waiting to be verified."),
        Status.VERIFYING: Text("Laporan sedang diverifikasi.", "Being verified."),
        Status.NEEDS_DATA: Text("Kami perlu keterangan dari Anda.", "We need information from you."),
        Status.FORWARDED: Text("Laporan diteruskan ke OPD.", "Forwarded to the agency."),
        Status.HANDED_BACK: Text("Laporan dicarikan OPD yang tepat.", "The right agency is being found."),
        Status.IN_PROGRESS: Text("OPD sedang mengerjakan laporan.", "The agency is working on it."),
        Status.FOLLOWED_UP: Text(
            "OPD sudah menindaklanjuti. Beri penilaian, atau buka kembali bila belum selesai.",
            "The agency has followed up. Rate it, or reopen it if it is not solved.",
        ),
        Status.DONE: Text("Laporan selesai.", "Done."),
        Status.REJECTED: Text("Laporan tidak dapat diproses.", "Cannot be handled."),
        Status.DUPLICATE: Text(
            "Laporan serupa sudah ada; perkembangannya kami kabarkan.",
            "The same was reported before; you are told how it goes on.",
        ),
        Status.REOPENED: Text("Laporan dibuka kembali.", "Reopened."),
    }
)

_HAPPENINGS: Mapping[Happening, Text] = MappingProxyType(
    {
        Happening.RECEIVED: Text("Laporan diterima.", "The report was received."),
        Happening.VERIFICATION_STARTED: Text("Verifikasi dimulai.", "Verification began."),
        Happening.DATA_REQUESTED: Text("Kami perlu keterangan dari Anda.", "We need information from you."),
        Happening.DATA_PROVIDED: Text("Keterangan dilengkapi.", "The information was sent."),
        Happening.DATA_OVERDUE: Text(
            "Keterangan tidak kami terima pada waktunya. Anda dapat membuka kembali laporan ini.",
            "The information did not arrive in time. You can reopen this report.",
        ),
        Happening.FORWARDED: Text("Laporan diteruskan ke OPD.", "The report was forwarded to an agency."),
        Happening.HANDED_BACK: Text(
            "OPD mengembalikan laporan untuk diteruskan ke OPD yang tepat.",
            "The agency returned the report so that the right one gets it.",
        ),
        Happening.WORK_STARTED: Text("OPD mulai mengerjakan.", "The agency began to work on it."),
        Happening.PROGRESSED: Text("Ada perkembangan.", "There is progress."),
        Happening.FOLLOWED_UP: Text(
            "OPD sudah menindaklanjuti. Beri penilaian, atau buka kembali bila belum selesai.",
            "The agency has followed up. Rate it, or reopen it if it is not solved.",
        ),
        Happening.CLOSED_BY_SILENCE: Text(
            "Laporan ditutup karena tidak ada tanggapan. Anda dapat membukanya kembali.",
            "Closed, as there was no reply. You can reopen it.",
        ),
        Happening.RATED: Text("Laporan dinilai.", "The report was rated."),
        Happening.REOPENED: Text("Laporan dibuka kembali.", "The report was reopened."),
        Happening.REJECTED: Text("Laporan tidak dapat diproses.", "The report cannot be handled."),
        Happening.LINKED: Text(
            "Laporan digabung dengan laporan serupa; perkembangannya kami kabarkan.",
            "Joined to an earlier report of the same; you are told how it goes on.",
        ),
        Happening.UNLINKED: Text("Laporan diproses tersendiri lagi.", "The report is handled on its own again."),
        Happening.PHOTO_ADDED: Text("Foto ditambahkan.", "A photo was added."),
        Happening.REPLIED: Text("Pelapor menulis.", "The reporter wrote."),
        Happening.PUBLISHED: Text("Ringkasan laporan diumumkan.", "A summary of the report was published."),
        Happening.CLOCK_WARNED: Text("Batas waktu hampir tiba.", "A time limit is near."),
        Happening.CLOCK_OVERDUE: Text(
            "Batas waktu terlewati. Ini tercatat dan tidak dapat dihapus.",
            "A time limit was missed. This is on record and cannot be removed.",
        ),
    }
)

# The three colours citizens know from Laksa, and the two ways a report ends without being mended.
COLOURS: Mapping[Place, str] = MappingProxyType(
    {
        Place.WAITING: "red",
        Place.IN_PROCESS: "yellow",
        Place.DONE: "green",
        Place.REJECTED: "grey",
        Place.DUPLICATE: "grey",
    }
)


def state_text(status: Status) -> Text:
    """Return what a state means to its reporter."""
    return _STATES[status]


def happening_text(kind: Happening) -> Text:
    """Return what an event means to the reporter."""
    return _HAPPENINGS[kind]
