"""Reads one uploaded image from a multipart body into memory, and tells its kind by its bytes."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.dependencies import InContext
from api.errors import (
    BodyTooLarge,
    Fault,
    MediaTypeUnknown,
    RequestInvalid,
    RequestMalformed,
)
from api.schemas import ImageKind

FIELD = "file"
MAXIMUM_FIELDS = 8
MAXIMUM_FIELD_BYTES = 1 << 10


MEDIA_TYPES = {
    ImageKind.JPEG: "image/jpeg",
    ImageKind.PNG: "image/png",
    ImageKind.DICOM: "application/dicom",
}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One image file as sent."""

    content: bytes
    kind: ImageKind


# The request body of an operation that reads one image, for OpenAPI.
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "One JPEG, PNG or DICOM file as the field `file`.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "The file's bytes.",
                    }
                },
            },
            "encoding": {FIELD: {"contentType": ", ".join(MEDIA_TYPES.values())}},
        }
    },
}


class _MemoryParser(MultiPartParser):
    """Keeps files in memory whatever their size: radiographs must not land in a shared folder."""

    def __init__(self, request: Request, maximum_bytes: int) -> None:
        super().__init__(
            request.headers,
            request.stream(),
            max_files=1,
            max_fields=MAXIMUM_FIELDS,
            max_part_size=MAXIMUM_FIELD_BYTES,
        )
        self.spool_max_size = maximum_bytes + 1


def kind_of(content: bytes) -> ImageKind | None:
    """Return the kind of file that `content` begins like, or None."""
    if content.startswith(b"\xff\xd8\xff"):  # ISO/IEC 10918-1 B.1.1.3: SOI, then a marker
        return ImageKind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):  # ISO/IEC 15948 5.2
        return ImageKind.PNG
    if content[128:132] == b"DICM":  # PS3.10 section 7.1
        return ImageKind.DICOM
    return None


async def uploaded_image(request: Request, context: InContext) -> Upload:
    """Return the image in the field `file` of a multipart body.

    Raises
    ------
    MediaTypeUnknown
        The body is not multipart, or the file is neither JPEG, PNG nor DICOM.
    RequestMalformed
        The body is not what its Content-Type says.
    RequestInvalid
        There is no file in it.
    BodyTooLarge
        The file is larger than the settings permit.
    """
    limit = context.settings.api.maximum_upload_bytes
    content = await _file_content(request, limit)
    if len(content) > limit:
        raise BodyTooLarge(f"a file may have {limit} bytes here")
    kind = kind_of(content)
    if kind is None:
        raise MediaTypeUnknown("the file is neither JPEG, PNG nor DICOM (PS3.10)")
    return Upload(content=content, kind=kind)


async def _file_content(request: Request, limit: int) -> bytes:
    media_type, _ = parse_options_header(request.headers.get("content-type"))
    if media_type != b"multipart/form-data":
        raise MediaTypeUnknown("send the image as multipart/form-data, in the field 'file'")
    try:
        form = await _MemoryParser(request, limit).parse()
    except MultiPartException as error:
        raise RequestMalformed("the body is not well-formed multipart/form-data") from error
    file = form.get(FIELD)
    if not isinstance(file, UploadFile):
        fault = Fault(location=f"body.{FIELD}", message="a file is required", code="missing")
        raise RequestInvalid("there is no file in the field 'file'", faults=[fault])
    try:
        return await file.read()
    finally:
        await form.close()
