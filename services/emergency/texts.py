"""What callers read, in both languages. Reception is never worded as help: that starts when an operator answers."""

from collections.abc import Mapping
from types import MappingProxyType

from services.emergency.machine import Happening, Status
from services.kit.problem import Text

CALL = "tel:112"

_STATES: Mapping[Status, Text] = MappingProxyType(
    {
        Status.RECEIVED: Text(
            "Laporan tersimpan, tetapi belum dibaca petugas. Bantuan belum dikirim.",
            "Your report is stored, but no operator has read it yet. No help has been sent.",
        ),
        Status.TRIAGE: Text("Petugas sedang menangani laporan Anda.", "An operator is handling your report."),
        Status.DISPATCHED: Text("Petugas lapangan sudah diberi tahu.", "A unit has been told."),
        Status.ON_THE_WAY: Text("Bantuan sedang dalam perjalanan.", "Help is on the way."),
        Status.ON_SCENE: Text("Bantuan sudah di lokasi.", "Help is on the scene."),
        Status.CLOSED: Text("Penanganan selesai.", "The incident is closed."),
        Status.MERGED: Text(
            "Kejadian ini sudah dilaporkan juga oleh orang lain; penanganannya satu.",
            "Others report the same; it is handled as one.",
        ),
        Status.UNTRUE: Text(
            "Petugas menilai laporan ini tidak benar. Bila keliru, telepon 112 atau balas di sini.",
            "The operator found this report untrue. If that is wrong, call 112 or reply here.",
        ),
        Status.HANDED_OVER: Text(
            "Lokasi di luar Kota Tangerang; laporan diserahkan ke pusat darurat setempat.",
            "The place is outside the city; your report was handed over to the local centre.",
        ),
    }
)
WAIT = Text(
    "Laporan tersimpan dan menunggu petugas. Menelepon 112 lebih cepat.",
    "Your report is stored and waits for an operator. Calling 112 is faster.",
)
CALL_NOW = Text(
    "Belum ada petugas yang menjawab. Telepon 112 sekarang: gratis, 24 jam.",
    "No operator has answered yet. Call 112 now: free, day and night.",
)
CALL_NOW_SILENTLY = Text(
    "Belum ada petugas yang menjawab. Bila aman, telepon 112; Anda tidak harus berbicara.",
    "No operator has answered yet. If it is safe, call 112; you need not speak.",
)
SILENT = Text(
    "Kami tidak akan menelepon Anda. Balas di sini bila aman.",
    "We will not telephone you. Reply here when it is safe.",
)
FOLLOW = Text("Ikuti petunjuk petugas. Keadaan memburuk? Telepon 112.", "Do as you are told. Worse? Call 112.")
ENDED = Text("Masih darurat? Telepon 112.", "Still an emergency? Call 112.")
OUTSIDE = Text(
    "Lokasi di luar Kota Tangerang. Laporan tetap kami terima dan teruskan; telepon 112 tersambung ke pusat setempat.",
    "The place is outside the city. We take your report and pass it on; calling 112 reaches the local centre.",
)

_HAPPENINGS: Mapping[Happening, Text] = MappingProxyType(
    {
        Happening.REPORTED: Text("Laporan tersimpan.", "Report stored."),
        Happening.ACKNOWLEDGED: Text("Petugas membaca laporan.", "An operator has read the report."),
        Happening.DISPATCHED: Text("Petugas lapangan ditugaskan.", "A unit was assigned."),
        Happening.DEPARTED: Text("Petugas lapangan berangkat.", "A unit departed."),
        Happening.ARRIVED: Text("Petugas lapangan tiba.", "A unit arrived."),
        Happening.RELEASED: Text("Petugas lapangan selesai atau dialihkan.", "A unit has finished or was recalled."),
        Happening.CLOSED: Text("Penanganan selesai.", "Closed."),
        Happening.REOPENED: Text("Penanganan dibuka kembali.", "Reopened."),
        Happening.MERGED: Text("Digabung dengan laporan lain.", "Joined with another report."),
        Happening.SEPARATED: Text("Dipisahkan lagi.", "Separated again."),
        Happening.FOUND_UNTRUE: Text("Dinilai tidak benar.", "Found untrue."),
        Happening.REINSTATED: Text("Dinilai benar kembali.", "Found true after all."),
        Happening.HANDED_OVER: Text("Diserahkan ke pusat lain.", "Handed over to another centre."),
        Happening.TAKEN_BACK: Text("Ditangani kembali di sini.", "Taken back here."),
        Happening.REPORTER_WROTE: Text("Anda menulis.", "You wrote."),
        Happening.OPERATOR_WROTE: Text("Petugas menulis.", "The operator wrote."),
    }
)


def state_text(status: Status) -> Text:
    """Say where an incident stands."""
    return _STATES[status]


def happening_text(kind: Happening) -> Text | None:
    """Say what happened; None for what is the operators' own (assessments, notes)."""
    return _HAPPENINGS.get(kind)


def text_json(text: Text) -> dict[str, str]:
    """Write a text in both languages."""
    return {"id": text.id, "en": text.en}
