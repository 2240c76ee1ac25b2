"""What Schemathesis cannot read from the OpenAPI document: how an image file begins."""

import schemathesis
from hypothesis import strategies as st

from tests.web import DICOM_BYTES, JPEG_BYTES, PNG_BYTES

for media_type, content in (
    ("image/png", PNG_BYTES),
    ("image/jpeg", JPEG_BYTES),
    ("application/dicom", DICOM_BYTES),
):
    schemathesis.openapi.media_type(media_type, st.just(content))
