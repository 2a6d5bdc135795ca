import hashlib
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from services.kit.problem import Problem
from services.kit.testing import problem_code
from services.kit.uploads import DOCUMENTS, IMAGES, FileStore, photo_position, public_copy, sniff

from .conftest import Notebook

PDF = b"%PDF-1.7\n" + b"x" * 1000


def photo(kind: str = "JPEG", *, gps: bool = True, mode: str = "RGB") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "SECRETPHONE"
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(
            {
                ExifTags.GPS.GPSLatitudeRef: "S",
                ExifTags.GPS.GPSLatitude: (6.0, 10.0, 30.0),
                ExifTags.GPS.GPSLongitudeRef: "E",
                ExifTags.GPS.GPSLongitude: (106.0, 37.0, 48.0),
            }
        )
    out = BytesIO()
    Image.new(mode, (60, 30), None).save(out, kind, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("content", [PDF, photo(), photo("PNG"), photo("WEBP")])
async def test_a_file_is_kept_under_its_hash_once(notebook: Notebook, content: bytes) -> None:
    raw = await notebook.client.post("/files", content=content, headers={"Content-Type": "text/html"})
    form = await notebook.client.post("/files", files={"file": ("../../evil.html", content, "text/html")})
    assert raw.json() == form.json()
    assert raw.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert raw.json()["type"] == sniff(content)
    assert notebook.files.path(raw.json()["sha256"]).read_bytes() == content
    kept = [path for path in notebook.files.path("0" * 64).parent.parent.rglob("*") if path.is_file()]
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"content": b"<html>"}, 415),
        ({"content": b""}, 415),
        ({"content": b"%PDF-" + b"x" * 100_000}, 413),
        ({"files": {"file": ("a.pdf", b"%PDF-" + b"x" * 100_000)}}, 413),
        ({"files": {"file": ("a.pdf", b"%PDF-" + b"x" * 200_000)}}, 413),
        ({"files": {"other": ("a.pdf", PDF)}}, 400),
        ({"files": [("file", ("a.pdf", PDF)), ("file", ("b.pdf", PDF))]}, 400),
        ({"data": {"file": "text"}, "files": {"x": b""}}, 400),
        ({"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400),
        ({"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ],
)
async def test_what_is_no_acceptable_file_is_refused_and_leaves_nothing(
    notebook: Notebook, arguments: dict[str, object], status: int, tmp_path: Path
) -> None:
    answer = await notebook.client.post("/files", **arguments)  # type: ignore[arg-type]  # a table of mixed arguments
    assert answer.status_code == status
    assert problem_code(answer)
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]


async def test_an_oversized_stream_is_stopped_before_its_end(notebook: Notebook) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        yield b"%PDF-"
        while sent < 100:
            sent += 1
            yield b"x" * 50_000

    answer = await notebook.client.post("/files", content=endless())  # type: ignore[arg-type]  # an async generator
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_public_copy_has_pixels_only_and_stands_upright(tmp_path: Path, kind: str) -> None:
    original = tmp_path / "photo"
    original.write_bytes(photo(kind))
    copy = public_copy(original)
    assert b"SECRETPHONE" in original.read_bytes()
    assert b"SECRETPHONE" not in copy
    with Image.open(BytesIO(copy)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (30, 60), {})


def test_a_transparent_picture_becomes_white(tmp_path: Path) -> None:
    original = tmp_path / "photo"
    original.write_bytes(photo("PNG", mode="RGBA"))
    with Image.open(BytesIO(public_copy(original))) as image:
        assert image.getpixel((5, 5)) == (255, 255, 255)


def test_the_position_is_read_apart(tmp_path: Path) -> None:
    original = tmp_path / "photo"
    original.write_bytes(photo())
    position = photo_position(original)
    assert position is not None
    assert position.lat == pytest.approx(-6.175)
    assert position.lon == pytest.approx(106.63)
    original.write_bytes(photo(gps=False))
    assert photo_position(original) is None


@pytest.mark.parametrize("content", [b"\xff\xd8\xff nonsense", photo()[:300], b"%PDF-1.7"])
def test_a_damaged_picture_is_a_422(tmp_path: Path, content: bytes) -> None:
    original = tmp_path / "photo"
    original.write_bytes(content)
    with pytest.raises(Problem) as caught:
        public_copy(original)
    assert caught.value.status == 422


def test_a_picture_that_claims_to_be_huge_is_never_decoded(tmp_path: Path) -> None:
    bomb = bytearray(photo("PNG"))
    bomb[16:24] = (8000).to_bytes(4, "big") * 2
    chunk = bytes(bomb[12:29])
    bomb[29:33] = zlib.crc32(chunk).to_bytes(4, "big")
    original = tmp_path / "photo"
    original.write_bytes(bomb)
    with pytest.raises(Problem):
        public_copy(original)


async def test_a_file_is_served_so_that_no_browser_runs_it(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    stored = store.add(BytesIO(PDF), DOCUMENTS, 5000)
    response = store.response(stored, name='surat "rahasia"/../x')
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Disposition"] == 'attachment; filename="surat-rahasia-x.pdf"'
    assert store.response(stored, name="x", inline=True).headers["Content-Disposition"].startswith("inline")


def test_a_public_copy_is_stored_beside_its_original(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    original = store.add(BytesIO(photo("PNG")), IMAGES, 100_000)
    copy = store.add_public_copy(original)
    assert copy.media_type == "image/jpeg"
    assert store.path(copy.sha256).exists()


@pytest.mark.parametrize("name", ["../x", "A" * 64, "0" * 63])
def test_only_a_hash_names_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="hash"):
        FileStore(tmp_path).path(name)


def test_a_source_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size == 12:
                return super().read(12)
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        FileStore(tmp_path / "files").add(Broken(PDF), DOCUMENTS, 5000)
    assert not list((tmp_path / "files").iterdir())
