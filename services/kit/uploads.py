"""Files citizens send: streamed to disk, bounded, recognised by their first bytes, kept by content hash.

What the sender says about type and name is not believed. Nothing here is ever executed, and files are served
so that a browser does not either.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import FileResponse

from services.kit.database import in_thread
from services.kit.inputs import media_type, too_large, unsupported_type
from services.kit.problem import Problem, Text, bad_request

MAX_UPLOAD_BYTES = 10 * 1024 * 1024

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
IMAGES = frozenset({JPEG, PNG, WEBP})
DOCUMENTS = IMAGES | {PDF}

_CHUNK_BYTES = 256 * 1024
_IN_MEMORY_BYTES = 256 * 1024
_FORM_OVERHEAD_BYTES = 16 * 1024  # boundaries and part heads around the file
_MAX_PIXELS = 60_000_000  # phones take 50 megapixels; a bomb claims thousands
_PUBLIC_EDGE_PIXELS = 1_920
_SUFFIXES = {JPEG: ".jpg", PNG: ".png", WEBP: ".webp", PDF: ".pdf"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store. `sha256` is its name there; `media_type` is what its bytes are."""

    sha256: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a photo says it was taken, in degrees."""

    lat: float
    lon: float


def sniff(head: bytes) -> str | None:
    """Return the media type these first bytes (12 suffice) give away, or None."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"%PDF-"):
        return PDF
    return None


@asynccontextmanager
async def open_form(
    request: Request, *, max_bytes: int, max_files: int = 1, max_fields: int = 8
) -> AsyncIterator[FormData]:
    """Read a multipart form whose parts hold at most `max_bytes` together; its files are gone afterwards.

    Problems: 400 a broken form or too many parts, 413 too large.
    """
    stream = _bounded(request.stream(), max_bytes + _FORM_OVERHEAD_BYTES)
    try:
        form = await MultiPartParser(request.headers, stream, max_files=max_files, max_fields=max_fields).parse()
    except _TooLarge:
        raise too_large(max_bytes) from None
    except MultiPartException:
        raise bad_request("bad-form", "Formulir tidak dapat dibaca.", "The form cannot be read.") from None
    try:
        yield form
    finally:
        await form.close()


class FileStore:
    """A folder of files named by their SHA-256; the same content is kept once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where this content lies; only a hash can name it, so no path can be smuggled in."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a content hash")
        return self._folder / sha256[:2] / sha256

    async def receive(
        self, request: Request, *, accept: Collection[str] = DOCUMENTS, max_bytes: int = MAX_UPLOAD_BYTES
    ) -> StoredFile:
        """Store the request's file: the form field `file` of a multipart body, or the raw body itself.

        Problems: 400 no file or a broken form, 413 too large, 415 not one of the accepted types.
        """
        try:
            if media_type(request) == "multipart/form-data":
                return await self._receive_form(request, accept, max_bytes)
            return await self._receive_raw(request, accept, max_bytes)
        except _TooLarge:
            raise too_large(max_bytes) from None

    async def _receive_raw(self, request: Request, accept: Collection[str], max_bytes: int) -> StoredFile:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
            async for chunk in _bounded(request.stream(), max_bytes):
                await in_thread(spool.write, chunk)
            return await in_thread(self.add, spool, accept, max_bytes)

    async def _receive_form(self, request: Request, accept: Collection[str], max_bytes: int) -> StoredFile:
        async with open_form(request, max_bytes=max_bytes) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise bad_request("no-file", "Kirim berkas pada isian `file`.", "Send the file as `file`.")
            return await in_thread(self.add, part.file, accept, max_bytes)

    def add(self, source: IO[bytes], accept: Collection[str], max_bytes: int) -> StoredFile:
        """Copy an open file into the store, synced to disk before this returns; in the calling thread."""
        source.seek(0)
        kind = sniff(source.read(12))
        if source.seek(0, os.SEEK_END) > max_bytes:
            raise too_large(max_bytes)
        if kind is None or kind not in accept:
            raise unsupported_type(", ".join(sorted(accept)))
        source.seek(0)
        return self._write(source, kind)

    def _write(self, source: IO[bytes], kind: str) -> StoredFile:
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".incoming-", delete=False) as target:
            try:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
                place = self.path(digest.hexdigest())
                place.parent.mkdir(exist_ok=True)
                # The name appears only when the content is whole and on disk.
                Path(target.name).replace(place)
            except BaseException:
                with suppress(FileNotFoundError):
                    Path(target.name).unlink()
                raise
        for folder in (place.parent, self._folder):
            _sync_folder(folder)
        return StoredFile(digest.hexdigest(), kind, size)

    def response(self, stored: StoredFile, *, name: str, inline: bool = False) -> FileResponse:
        """Serve a stored file so that no browser guesses, runs or frames it; `name` is without suffix."""
        return FileResponse(
            self.path(stored.sha256),
            media_type=stored.media_type,
            filename=re.sub(r"[^\w-]+", "-", name)[:80] + _SUFFIXES[stored.media_type],
            content_disposition_type="inline" if inline else "attachment",
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cross-Origin-Resource-Policy": "same-site",
                "Cache-Control": "private, no-cache",
            },
        )

    def add_public_copy(self, original: StoredFile) -> StoredFile:
        """Store what others may see of a photo: upright, at most 1920 px, without any metadata."""
        content = public_copy(self.path(original.sha256))
        return self.add(BytesIO(content), IMAGES, len(content))


def public_copy(photo: Path) -> bytes:
    """Draw a photo anew as a JPEG: only pixels survive. A Problem 422 when it is no readable picture."""
    with _opened(photo) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((_PUBLIC_EDGE_PIXELS, _PUBLIC_EDGE_PIXELS))
            pixels = Image.new("RGB", upright.size, "white")
            rgba = upright.convert("RGBA")
            pixels.paste(rgba, mask=rgba)
        except (OSError, ValueError, SyntaxError) as exc:
            raise _unreadable() from exc
    out = BytesIO()
    pixels.save(out, "JPEG", quality=85)
    return out.getvalue()


def photo_position(photo: Path) -> Position | None:
    """Read the position a photo carries, to be kept apart from what others see; None when it has none."""
    with _opened(photo) as image:
        try:
            gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
            lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef] == "S")
            lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef] == "W")
        except (KeyError, TypeError, ValueError, ZeroDivisionError, OSError, SyntaxError):
            return None
    return Position(lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None


def _degrees(parts: tuple[float, float, float], is_negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if is_negative else value


def _opened(photo: Path) -> Image.Image:
    try:
        image = Image.open(photo, formats=["JPEG", "PNG", "WEBP"])
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise _unreadable() from exc
    if image.width * image.height > _MAX_PIXELS:
        image.close()
        raise _unreadable()
    return image


def _unreadable() -> Problem:
    return Problem(
        422,
        "unreadable-picture",
        Text("Foto tidak dapat dibaca", "The picture cannot be read"),
        Text("Foto rusak atau terlalu besar. Ambil ulang.", "It is damaged or too large. Take it again."),
    )


class _TooLarge(MultiPartException):
    """Of the parser's own kind, so that it closes its temporary files on the way out."""


async def _bounded(stream: AsyncGenerator[bytes, None], max_bytes: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in stream:
        received += len(chunk)
        if received > max_bytes:
            raise _TooLarge("too large")
        yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
