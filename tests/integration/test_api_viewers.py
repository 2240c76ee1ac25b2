"""What viewers ask of `/dicom-web`: the requests of OHIF, transfer syntaxes, other origins."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, FileDataset, dcmread
from pydicom.pixels.utils import compress, pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from archive.account_records import Scope
from archive.database import Archive, open_archive
from config.settings import ArchiveSettings
from tests.builders.grey_scales import COLUMNS, ROWS, a_radiograph
from tests.web import report_radiograph, store_radiograph, token_of, web_settings
from tests.web_server import free_port, running

OHIF = "https://ohif.example"
STUDY, SERIES, IMAGE = "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1"
INSTANCE = f"studies/{STUDY}/series/{SERIES}/instances/{IMAGE}"
RLE = "studies/1.2.3.2/series/1.2.3.2.1/instances/1.2.3.2.1.1"
FLAWED = "studies/1.2.3.3/series/1.2.3.3.1/instances/1.2.3.3.1.1"
RELATED = 'multipart/related; type="{}"{}'


def a_study(number: int, **elements: object) -> FileDataset:
    return a_radiograph(
        study_uid=f"1.2.3.{number}",
        sop_instance_uid=f"1.2.3.{number}.1.1",
        WindowCenter=1800,
        WindowWidth=2600,
        **elements,  # type: ignore[arg-type]
    )


def a_compressed() -> FileDataset:
    ds = a_study(2)
    compress(ds, RLELossless, generate_instance_uid=False)
    return ds


@dataclass(kw_only=True)
class Web:
    """A server with three studies, and a program that may read them."""

    archive: Archive
    client: httpx.Client
    dicom: DICOMwebClient

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(f"/dicom-web/{path}", headers=headers)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder: Path = tmp_path_factory.mktemp("viewers")
    archive = open_archive(
        ArchiveSettings(root=folder / "files", database_url=f"sqlite:///{folder / 'hilum.db'}")
    )
    fill(archive)
    settings = web_settings(api={"port": free_port(), "viewer_origins": (OHIF,)})
    bearer = {"Authorization": f"Bearer {token_of(archive, Scope.READ)}"}
    address = f"http://127.0.0.1:{settings.api.port}"
    with (
        running(archive, settings),
        httpx.Client(base_url=address, headers=bearer, timeout=30) as client,
    ):
        yield Web(
            archive=archive,
            client=client,
            dicom=DICOMwebClient(f"{address}/dicom-web", headers=bearer),
        )
    archive.repository.dispose()


def fill(archive: Archive) -> None:
    report_radiograph(archive, a_study(1), patient_name="Roe^Rich", study_date="20260101")
    store_radiograph(archive, a_compressed())
    flawed = a_study(3, SpecificCharacterSet="ISO_IR 100", PatientName="M\u00fcller^J\u00f6rg")
    flawed.add_new("PatientWeight", "DS", "70")
    flawed.add_new("RealWorldValueSlope", "FD", float("nan"))
    store_radiograph(archive, flawed)


def test_the_requests_of_ohif_are_answered(web: Web) -> None:
    """The study list, the series of a study, their metadata, their pixels, in its order."""
    listed = web.dicom.search_for_studies(
        limit=101,
        offset=0,
        fields=["00081030", "00080060"],
        search_filters={"PatientName": "*roe*"},
    )
    [study] = listed
    assert study["00080061"]["Value"] == ["CR", "SR"]
    assert study["00201206"]["Value"] == [2]
    assert study["00201208"]["Value"] == [2]
    series = web.dicom.search_for_series(STUDY, fields=["00080021", "00080031", "0008103E"])
    assert {one["00080060"]["Value"][0] for one in series} >= {"CR"}
    for one in series:
        metadata = web.dicom.retrieve_series_metadata(STUDY, one["0020000E"]["Value"][0])
        assert all("00080018" in instance for instance in metadata)
    [instance] = web.dicom.retrieve_series_metadata(STUDY, SERIES)
    place = instance["7FE00010"]["BulkDataURI"]
    assert place.endswith(f"/dicom-web/{INSTANCE}/frames/1")
    frames = web.get(
        f"{INSTANCE}/frames/1",
        Accept="multipart/related; type=application/octet-stream; transfer-syntax=*",
    )
    assert frames.headers["content-type"].startswith(
        'multipart/related; type="application/octet-stream"; boundary='
    )
    assert a_study(1).PixelData in frames.content
    [bulk] = web.dicom.retrieve_bulkdata(place)
    assert bulk == a_study(1).PixelData
    assert (
        web.get(f"{INSTANCE}/thumbnail", Accept="image/*").headers["content-type"] == "image/jpeg"
    )
    assert (
        web.get(f"{INSTANCE}/rendered", Accept="image/png").headers["content-type"] == "image/png"
    )


@pytest.mark.parametrize(
    ("modality", "expected"), [("SR", ["1.2.3.1"]), ("CR", 3), ("SEG", []), ("KO", [])]
)
def test_objects_of_ours_are_found_by_their_modality(
    web: Web, modality: str, expected: list[str] | int
) -> None:
    found = web.dicom.search_for_studies(search_filters={"ModalitiesInStudy": modality})
    uids = [study["0020000D"]["Value"][0] for study in found]
    assert (len(uids) if isinstance(expected, int) else uids) == expected


def test_further_elements_come_when_they_are_asked_for(web: Web) -> None:
    [plain] = web.dicom.search_for_instances(STUDY, SERIES)
    assert "00281050" not in plain
    [asked] = web.dicom.search_for_instances(STUDY, SERIES, fields=["WindowCenter", "00281051"])
    assert (asked["00281050"]["Value"], asked["00281051"]["Value"]) == ([1800.0], [2600.0])
    [everything] = web.get(f"studies/{STUDY}/series/{SERIES}/instances?includefield=all").json()
    assert "00280004" in everything
    assert "7FE00010" not in everything


def test_a_list_that_was_cut_short_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.dicomweb.search.DEFAULT_PAGE", 2)
    cut = web.get("studies")
    assert len(cut.json()) == 2
    assert cut.headers["warning"].startswith('299 hilum "more studies match')
    assert "warning" not in web.get("studies?limit=2").headers
    assert [len(web.get(f"studies?limit=2&offset={n}").json()) for n in (0, 2, 4)] == [2, 1, 0]


def syntax_of(content: bytes) -> str:
    return str(dcmread(io.BytesIO(content)).file_meta.TransferSyntaxUID)


def parts_of(response: httpx.Response) -> list[tuple[str, bytes]]:
    """Content-Type and bytes of each part, by the library of another project."""
    from email.parser import BytesParser
    from email.policy import HTTP

    heading = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(heading + response.content)
    found = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part["content-type"]).replace('"', ""), content))
    return found


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (RELATED.format("application/dicom", ""), ExplicitVRLittleEndian),
        (RELATED.format("application/dicom", "; transfer-syntax=*"), RLELossless),
        (RELATED.format("application/dicom", f"; transfer-syntax={RLELossless}"), RLELossless),
        (
            RELATED.format("application/dicom", "; transfer-syntax=1.2.840.10008.1.2.4.70")
            + ", "
            + RELATED.format("application/dicom", "; transfer-syntax=1.2.840.10008.1.2.1"),
            ExplicitVRLittleEndian,
        ),
        ("application/dicom", ExplicitVRLittleEndian),
        ("*/*", RLELossless),
    ],
)
def test_a_compressed_object_comes_in_the_transfer_syntax_that_is_taken(
    web: Web, accept: str, expected: str
) -> None:
    response = web.get(RLE, Accept=accept)
    assert response.status_code == 200
    if accept == "application/dicom":
        kind, content = response.headers["content-type"], response.content
    else:
        [(kind, content)] = parts_of(response)
    assert kind == f"application/dicom; transfer-syntax={expected}"
    assert syntax_of(content) == expected
    back = dcmread(io.BytesIO(content))
    assert back.SOPInstanceUID == "1.2.3.2.1.1"
    assert (pixel_array(back) == pixel_array(a_study(2))).all()


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (RLE, RELATED.format("application/dicom", "; transfer-syntax=1.2.840.10008.1.2.4.70")),
        (RLE, "application/dicom; q=0, text/html"),
        (f"{RLE}/frames/1", RELATED.format("image/jpeg", "")),
        (f"{RLE}/frames/1", RELATED.format("application/octet-stream", "; transfer-syntax=1.2.3")),
        (f"{RLE}/rendered", "application/*"),
    ],
)
def test_a_transfer_syntax_that_we_do_not_have_is_406(web: Web, path: str, accept: str) -> None:
    response = web.get(path, Accept=accept)
    assert response.status_code == 406
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (RELATED.format("application/octet-stream", ""), "application/octet-stream"),
        (RELATED.format("image/jp2", "") + ", " + RELATED.format("application/octet-stream", ""),
         "application/octet-stream"),
        (RELATED.format("image/dicom-rle", ""), f"image/dicom-rle; transfer-syntax={RLELossless}"),
        (RELATED.format("image/*", ""), f"image/dicom-rle; transfer-syntax={RLELossless}"),
        (
            RELATED.format("image/dicom-rle", "; q=0.1")
            + ", "
            + RELATED.format("application/octet-stream", "; q=0.9"),
            "application/octet-stream",
        ),
    ],
)  # fmt: skip
def test_a_compressed_frame_comes_as_it_is_taken(web: Web, accept: str, kind: str) -> None:
    response = web.get(f"{RLE}/frames/1", Accept=accept)
    [(media_type, content)] = parts_of(response)
    assert media_type == kind
    if kind == "application/octet-stream":
        decoded = np.frombuffer(content, "<u2").reshape(ROWS, COLUMNS)
        assert (decoded == pixel_array(a_study(2))).all()


@pytest.mark.parametrize(
    ("frames", "status"), [("1,1", 200), ("1,2", 404), ("0", 422), ("1,", 422)]
)
def test_several_frames_come_as_several_parts(web: Web, frames: str, status: int) -> None:
    response = web.get(f"{INSTANCE}/frames/{frames}")
    assert response.status_code == status
    if status == 200:
        assert len(parts_of(response)) == 2


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_uncompressed_objects_are_never_given_with_wrong_pixels(
    web: Web, syntax: str
) -> None:
    number = 10 if syntax == ImplicitVRLittleEndian else 11
    ds = a_study(number)
    pixels = pixel_array(ds)
    is_big = syntax == ExplicitVRBigEndian
    fresh = Dataset()
    fresh.update(ds)
    fresh.file_meta = ds.file_meta
    fresh.file_meta.TransferSyntaxUID = UID(syntax)
    if is_big:
        fresh.PixelData = pixels.astype(">u2").tobytes()
    buffer = io.BytesIO()
    fresh.save_as(
        buffer, implicit_vr=not is_big, little_endian=not is_big, enforce_file_format=True
    )
    stored = dcmread(io.BytesIO(buffer.getvalue()))
    store_radiograph(web.archive, stored)
    path = f"studies/1.2.3.{number}/series/1.2.3.{number}.1/instances/1.2.3.{number}.1.1"
    default = web.get(path, Accept=RELATED.format("application/dicom", ""))
    assert default.status_code == (406 if is_big else 200)
    if not is_big:
        [(_, content)] = parts_of(default)
        assert syntax_of(content) == ExplicitVRLittleEndian
        assert (pixel_array(dcmread(io.BytesIO(content))) == pixels).all()
    [(_, content)] = parts_of(
        web.get(path, Accept=RELATED.format("application/dicom", "; transfer-syntax=*"))
    )
    assert syntax_of(content) == syntax
    [(_, frame)] = parts_of(
        web.get(f"{path}/frames/1", Accept=RELATED.format("application/octet-stream", ""))
    )
    assert (np.frombuffer(frame, "<u2").reshape(pixels.shape) == pixels).all()


def test_metadata_is_utf_8_and_json_whatever_stands_in_the_object(web: Web) -> None:
    [metadata] = web.get(f"{FLAWED}/metadata").json()
    assert metadata["00100010"]["Value"][0]["Alphabetic"] == "M\u00fcller^J\u00f6rg"
    assert metadata["00080005"]["Value"] == ["ISO_IR 192"]
    assert metadata["00101030"]["Value"] == [70.0]
    assert "00409225" not in metadata, "NaN is no JSON"


def test_only_named_viewers_read_from_another_origin(web: Web) -> None:
    asks = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    stranger = httpx.Client(base_url=web.client.base_url)
    for origin, is_named in ((OHIF, True), ("https://elsewhere.example", False)):
        before = stranger.options("/dicom-web/studies", headers={"Origin": origin, **asks})
        assert (before.headers.get("access-control-allow-origin") == origin) == is_named
        assert "access-control-allow-credentials" not in before.headers
        response = web.get("studies", Origin=origin)
        assert (response.headers.get("access-control-allow-origin") == origin) == is_named
    post = {**asks, "Access-Control-Request-Method": "POST", "Origin": OHIF}
    assert stranger.options("/dicom-web/studies", headers=post).status_code == 400
    other = stranger.options("/api/v1/studies", headers={"Origin": OHIF, **asks})
    assert "access-control-allow-origin" not in other.headers
    unasked = stranger.get("/dicom-web/studies", headers={"Origin": OHIF})
    assert unasked.status_code == 401
    assert unasked.headers["access-control-allow-origin"] == OHIF
    stranger.close()
