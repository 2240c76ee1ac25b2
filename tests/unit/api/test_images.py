"""Images over HTTP: addresses, bytes, caching, and reasons where nothing can be shown."""

import numpy as np
import pytest
from pydicom.pixels.utils import pixel_array

from api.images.shown import show
from archive.database import Archive
from archive.files import sha256_of
from archive.records import SopInstanceUid
from archive.review_records import HeatMap
from tests.builders.grey_scales import COLUMNS, GREY_SCALES, ROWS, a_radiograph, encoded
from tests.web import PNG_BYTES, a_client, store_radiograph, web_settings


def test_the_display_leads_to_pixels_and_tables_that_make_the_image(archive: Archive) -> None:
    ds = GREY_SCALES["several windows"]()
    key = store_radiograph(archive, ds)
    client = a_client(archive)
    display = client.get(f"/api/v1/instances/{key.sop_instance_uid}/display").json()
    assert (display["rows"], display["columns"]) == (ROWS, COLUMNS)
    assert [level["name"] for level in display["levels"]] == ["full"]
    assert [preset["name"] for preset in display["presets"]] == ["NORMAL", "HARDER"]
    pixels = np.frombuffer(client.get(display["levels"][0]["pixels"]).content, "<u2")
    assert (pixels.reshape(ROWS, COLUMNS) == pixel_array(ds)).all()
    table = np.frombuffer(client.get(display["presets"][1]["table"]).content, "u1")
    assert (table == show(encoded(ds)).grey_tables[1]).all()
    modality = np.frombuffer(client.get(display["modality"]).content, "<f4")
    assert modality[1000] == 1000.0
    assert client.get(display["presets"][1]["table"].replace("=1", "=9")).status_code == 404


def test_a_large_image_offers_a_first_look(archive: Archive) -> None:
    key = store_radiograph(archive, a_radiograph(np.zeros((2100, 50), dtype=np.uint16)))
    client = a_client(archive)
    display = client.get(f"/api/v1/instances/{key.sop_instance_uid}/display").json()
    sizes = [(level["name"], level["rows"], level["columns"]) for level in display["levels"]]
    assert sizes == [("fit", 1050, 25), ("full", 2100, 50)]
    for level in display["levels"]:
        content = client.get(level["pixels"]).content
        assert len(content) == level["rows"] * level["columns"] * level["bits"] // 8


def test_pixels_stay_in_the_browser_and_nowhere_else(archive: Archive) -> None:
    key = store_radiograph(archive, a_radiograph())
    client = a_client(archive)
    address = f"/api/v1/instances/{key.sop_instance_uid}/pixels"
    first = client.get(address)
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = client.get(address, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_image_that_cannot_be_shown_says_why(archive: Archive) -> None:
    key = store_radiograph(archive, a_radiograph(PixelData=b""))
    response = a_client(archive).get(f"/api/v1/instances/{key.sop_instance_uid}/display")
    assert (response.status_code, response.json()["code"]) == (422, "image_not_shown")
    assert "no pixel data" in response.json()["detail"]


@pytest.mark.parametrize("part", ["display", "pixels", "grey", "modality", "heatmap"])
def test_an_unknown_image_is_404(archive: Archive, part: str) -> None:
    assert a_client(archive).get(f"/api/v1/instances/9.9/{part}").status_code == 404


def test_a_heat_map_is_shown_where_there_is_one_and_the_site_wants_it(archive: Archive) -> None:
    key = store_radiograph(archive, a_radiograph())
    address = f"/api/v1/instances/{key.sop_instance_uid}"
    client = a_client(archive)
    assert client.get(f"{address}/display").json()["heat_map"] is None
    assert client.get(f"{address}/heatmap").status_code == 404
    archive.repository.record_heat_map(
        HeatMap(
            sop_instance_uid=SopInstanceUid(key.sop_instance_uid),
            file_key=archive.files.write_upload(PNG_BYTES),
            file_sha256=sha256_of(PNG_BYTES),
            display_threshold=0.3,
        )
    )
    display = client.get(f"{address}/display").json()
    assert display["heat_map_threshold"] == 0.3
    shown = client.get(display["heat_map"])
    assert (shown.content, shown.headers["content-type"]) == (PNG_BYTES, "image/png")
    off = a_client(archive, web_settings(review={"heat_map": False}))
    assert off.get(f"{address}/display").json()["heat_map"] is None
    assert off.get(f"{address}/heatmap").status_code == 404


def test_showing_an_image_and_a_heat_map_is_written_down(archive: Archive) -> None:
    key = store_radiograph(archive, a_radiograph())
    client = a_client(archive)
    client.get(f"/api/v1/instances/{key.sop_instance_uid}/display")
    [event] = archive.repository.audit_events(limit=9)
    assert (event.entry.action, event.entry.study_uid) == ("IMAGE_SHOWN", key.study_uid)


@pytest.mark.parametrize(
    ("orientation", "is_mirrored"),
    [
        (["L", "F"], False),
        (["R", "F"], True),
        (["RH", "F"], True),
        (["", ""], False),
        (None, False),
    ],
)
def test_an_image_that_is_mirrored_says_so(
    orientation: list[str] | None, is_mirrored: bool
) -> None:
    notes = show(encoded(a_radiograph(PatientOrientation=orientation))).notes
    assert ("mirrored: the patient's left is at the left" in notes) == is_mirrored
