"""Pictures of a report: taken in, stripped of everything but pixels, and shown.

The original never outlives the request that brought it: its metadata may name the phone and the home. Only the
position it carries is kept, in a table of its own.
"""

import shutil
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import anyio
from starlette.requests import Request
from starlette.responses import Response

from services.complaints.tables import Photo
from services.kit.database import in_thread
from services.kit.etag import etag_of, is_not_modified
from services.kit.uploads import IMAGES, FileStore, Position, StoredFile, photo_position, public_copy

MAX_PHOTO_BYTES = 5 * 1024 * 1024
MAX_PHOTOS_PER_REPORT = 12
MAX_PHOTOS_AT_ONCE = 3

_REDRAWN_AT_ONCE = 2  # decoding a 50-megapixel photo takes 200 MB and a core


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of a photo: the redrawn copy, and apart from it the position."""

    copy: StoredFile
    position: Position | None


class PhotoRoom:
    """Takes photos in and keeps the copies. Bounded, for a photo is small on disk and large in memory."""

    def __init__(self, folder: Path) -> None:
        self._copies = FileStore(folder / "photos")
        self._incoming = folder / "incoming"
        # Left behind by a process that was killed in the middle of an upload.
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)
        self._limiter = anyio.CapacityLimiter(_REDRAWN_AT_ONCE)

    async def receive(self, request: Request) -> Picture:
        """Take the photo of this request: a raw body, or the form field `file`."""
        with TemporaryDirectory(dir=self._incoming) as folder:
            originals = FileStore(Path(folder))
            original = await originals.receive(request, accept=IMAGES, max_bytes=MAX_PHOTO_BYTES)
            return await in_thread(self._redraw, originals, original, limiter=self._limiter)

    async def take(self, file: IO[bytes]) -> Picture:
        """Take an open file that came with a form."""
        return await in_thread(self._take, file, limiter=self._limiter)

    def response(self, request: Request, photo: Photo, *, name: str, cache_control: str) -> Response:
        """Show a photo's copy."""
        tag = etag_of(photo.sha256)
        headers = {"ETag": tag, "Cache-Control": cache_control}
        if is_not_modified(request, tag):
            return Response(status_code=304, headers=headers)
        stored = StoredFile(photo.sha256, photo.media_type, photo.size_bytes)
        answer = self._copies.response(stored, name=name, inline=True)
        answer.headers.update(headers)
        return answer

    def _take(self, file: IO[bytes]) -> Picture:
        with TemporaryDirectory(dir=self._incoming) as folder:
            originals = FileStore(Path(folder))
            return self._redraw(originals, originals.add(file, IMAGES, MAX_PHOTO_BYTES))

    def _redraw(self, originals: FileStore, original: StoredFile) -> Picture:
        path = originals.path(original.sha256)
        content = public_copy(path)
        return Picture(self._copies.add(BytesIO(content), IMAGES, len(content)), photo_position(path))
