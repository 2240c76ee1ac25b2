"""DICOMweb asked by dicomweb-client: search, retrieve and store against our web process."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import FileDataset, dcmread
from pydicom.pixels.utils import compress, pixel_array
from pydicom.uid import RLELossless

from archive.account_records import Scope
from archive.database import Archive
from archive.records import StudyUid
from tests.builders.grey_scales import COLUMNS, ROWS, a_radiograph, encoded
from tests.web import store_radiograph, token_of, web_settings
from tests.web_server import free_port, running

STUDY, SERIES, IMAGE = "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1"


def a_stored(study: int = 1, **elements: object) -> FileDataset:
    return a_radiograph(
        study_uid=f"1.2.3.{study}",
        sop_instance_uid=f"1.2.3.{study}.1.1",
        WindowCenter=1800,
        WindowWidth=2600,
        **elements,  # type: ignore[arg-type]
    )


@pytest.fixture
def client(archive: Archive) -> Iterator[DICOMwebClient]:
    """A DICOMweb client with a token that may read and store."""
    settings = web_settings(api={"port": free_port()}, node={"minimum_free_bytes": 0})
    token = token_of(archive, Scope.READ, Scope.STORE)
    with running(archive, settings):
        yield DICOMwebClient(
            f"http://127.0.0.1:{settings.api.port}/dicom-web",
            headers={"Authorization": f"Bearer {token}"},
        )


def fill(archive: Archive) -> None:
    for study, name, date in ((1, "Doe^Jane", "20260101"), (2, "Roe^Rich", "20260301")):
        store_radiograph(
            archive,
            a_stored(study),
            patient_name=name,
            patient_id=f"P_{study}",
            study_date=date,
            accession_number=f"A{study}",
        )


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["1.2.3.2", "1.2.3.1"]),
        ({"PatientName": "doe*"}, ["1.2.3.1"]),
        ({"PatientName": "D?e^Jane"}, ["1.2.3.1"]),
        ({"00100020": "P_2"}, ["1.2.3.2"]),
        ({"PatientID": "P%2"}, []),
        ({"AccessionNumber": "A1"}, ["1.2.3.1"]),
        ({"StudyDate": "20260201-"}, ["1.2.3.2"]),
        ({"StudyDate": "20260101-20260228"}, ["1.2.3.1"]),
        ({"StudyDate": "-20251231"}, []),
        ({"ModalitiesInStudy": "CR"}, ["1.2.3.2", "1.2.3.1"]),
        ({"ModalitiesInStudy": "CT"}, []),
        ({"StudyInstanceUID": "1.2.3.2"}, ["1.2.3.2"]),
    ],
)
def test_studies_are_found_by_what_stands_in_them(
    archive: Archive, client: DICOMwebClient, filters: dict[str, str], expected: list[str]
) -> None:
    fill(archive)
    found = client.search_for_studies(search_filters=filters)
    assert [study["0020000D"]["Value"][0] for study in found] == expected


def test_pages_follow_limit_and_offset(archive: Archive, client: DICOMwebClient) -> None:
    fill(archive)
    assert len(client.search_for_studies(limit=1)) == 1
    [second] = client.search_for_studies(limit=1, offset=1)
    assert second["0020000D"]["Value"] == ["1.2.3.1"]


def test_series_and_instances_are_listed_with_their_counts(
    archive: Archive, client: DICOMwebClient
) -> None:
    fill(archive)
    [series] = client.search_for_series(STUDY)
    assert series["0020000E"]["Value"] == [SERIES]
    assert series["00201209"]["Value"] == [1]
    [instance] = client.search_for_instances(STUDY, SERIES)
    assert instance["00080018"]["Value"] == [IMAGE]
    assert (instance["00280010"]["Value"], instance["00280011"]["Value"]) == ([ROWS], [COLUMNS])


def test_an_object_comes_back_byte_for_byte(archive: Archive, client: DICOMwebClient) -> None:
    fill(archive)
    sent, back = a_stored(), client.retrieve_instance(STUDY, SERIES, IMAGE)
    assert back.PixelData == sent.PixelData
    assert back == dcmread(io.BytesIO(encoded(sent)))
    assert len(client.retrieve_study(STUDY)) == 1
    assert len(client.retrieve_series(STUDY, SERIES)) == 1


def test_metadata_has_every_element_and_an_address_for_the_pixels(
    archive: Archive, client: DICOMwebClient
) -> None:
    fill(archive)
    metadata = client.retrieve_instance_metadata(STUDY, SERIES, IMAGE)
    assert metadata["00100010"]["Value"][0]["Alphabetic"] == "Doe^Jane"
    assert metadata["7FE00010"]["BulkDataURI"].endswith("/frames/1")
    assert "InlineBinary" not in metadata["7FE00010"]
    assert len(client.retrieve_study_metadata(STUDY)) == 1


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_frame_has_the_stored_pixels(
    archive: Archive, client: DICOMwebClient, is_compressed: bool
) -> None:
    ds = a_stored()
    expected = pixel_array(ds)
    if is_compressed:
        compress(ds, RLELossless, generate_instance_uid=False)
    store_radiograph(archive, ds)
    [frame] = client.retrieve_instance_frames(
        STUDY, SERIES, IMAGE, [1], media_types=("application/octet-stream",)
    )
    assert (np.frombuffer(frame, "<u2").reshape(ROWS, COLUMNS) == expected).all()


def test_a_compressed_frame_is_passed_on_to_who_takes_any_syntax(
    archive: Archive, client: DICOMwebClient
) -> None:
    ds = a_stored()
    compress(ds, RLELossless, generate_instance_uid=False)
    store_radiograph(archive, ds)
    response = httpx.get(
        f"{client.base_url}/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/frames/1",
        headers={
            "Authorization": client._session.headers["Authorization"],
            "Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        },
    )
    assert response.status_code == 200
    assert b"image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5" in response.content


def test_a_rendered_image_shows_the_default_window(
    archive: Archive, client: DICOMwebClient
) -> None:
    fill(archive)
    content = client.retrieve_instance_rendered(STUDY, SERIES, IMAGE, media_types=("image/png",))
    shown = np.asarray(Image.open(io.BytesIO(content)))
    assert shown.shape == (ROWS, COLUMNS)
    assert shown[0, 0] == 255
    assert shown[10, 0] < shown[-1, -1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/rendered?viewport=20,20", 200),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/rendered?window=1,2,cubic", 422),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/rendered?window=nan,9", 422),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/rendered?viewport=0,9", 422),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/frames/2", 404),
        (f"/studies/{STUDY}/series/{SERIES}/instances/no-uid/frames/1", 422),
        (f"/studies/{STUDY}/series/no-uid/instances/{IMAGE}/frames/1", 422),
        (f"/studies/no-uid/series/{SERIES}/instances/{IMAGE}/frames/1", 422),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/frames/0", 422),
        ("/studies/9.9", 404),
        (f"/studies/{STUDY}/series/9.9/metadata", 404),
        ("/studies?StudyDate=yesterday", 400),
        ("/studies?limit=-1", 400),
    ],
)
def test_what_is_asked_wrongly_is_refused_as_a_problem(
    archive: Archive, client: DICOMwebClient, path: str, status: int
) -> None:
    fill(archive)
    token = client._session.headers["Authorization"]
    response = httpx.get(f"{client.base_url}{path}", headers={"Authorization": token})
    assert response.status_code == status
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"


def test_what_is_not_offered_is_406_and_what_is_not_done_is_warned_of(
    archive: Archive, client: DICOMwebClient
) -> None:
    fill(archive)
    token = client._session.headers["Authorization"]
    for path, accept in (
        (f"/studies/{STUDY}", "text/html"),
        ("/studies", "application/dicom+xml"),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}/rendered", "video/mp4"),
    ):
        response = httpx.get(
            f"{client.base_url}{path}", headers={"Authorization": token, "Accept": accept}
        )
        assert response.status_code == 406, path
    warned = httpx.get(
        f"{client.base_url}/studies?fuzzymatching=true", headers={"Authorization": token}
    )
    assert warned.headers["warning"].startswith("299 ")


def test_what_is_stored_is_durable_and_a_repeat_is_success(
    archive: Archive, client: DICOMwebClient
) -> None:
    ds = dcmread(io.BytesIO(encoded(a_stored())))
    for _ in range(2):
        answer = client.store_instances([ds])
        [reference] = answer.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == IMAGE
        assert "FailedSOPSequence" not in answer
    detail = archive.repository.study(StudyUid(STUDY))
    assert len(detail.instances) == 1
    assert client.retrieve_instance(STUDY, SERIES, IMAGE).PixelData == ds.PixelData


def post(client: DICOMwebClient, contents: list[bytes], path: str = "") -> httpx.Response:
    body = b"".join(
        b"--b\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n"
        for content in contents
    )
    return httpx.post(
        f"{client.base_url}/studies{path}",
        content=body + b"--b--\r\n",
        headers={
            "Authorization": client._session.headers["Authorization"],
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
        },
    )


def reasons(response: httpx.Response) -> list[int]:
    items = response.json().get("00081198", {}).get("Value", [])
    return [item["00081197"]["Value"][0] for item in items]


def test_some_stored_is_202_and_none_is_409_with_the_reason(
    archive: Archive, client: DICOMwebClient
) -> None:
    good, other = encoded(a_stored(1)), encoded(a_stored(1, PatientID="P9"))
    assert post(client, [good]).status_code == 200
    mixed = post(client, [good, b"no DICOM", other])
    assert (mixed.status_code, reasons(mixed)) == (202, [0xC000, 0x0111])
    none = post(client, [encoded(a_stored(2))], f"/{STUDY}")
    assert (none.status_code, reasons(none)) == (409, [0xA900])
    assert archive.repository.study(StudyUid(STUDY)).study.instance_count == 1
    assert list(archive.files.list_keys("incoming")) == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ('multipart/related; type="application/dicom"', b"", 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"nonsense", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b--", 415),
    ],
)
def test_a_body_of_another_kind_is_refused(
    client: DICOMwebClient, content_type: str, body: bytes, status: int
) -> None:
    response = httpx.post(
        f"{client.base_url}/studies",
        content=body,
        headers={
            "Authorization": client._session.headers["Authorization"],
            "Content-Type": content_type,
        },
    )
    assert response.status_code == status
