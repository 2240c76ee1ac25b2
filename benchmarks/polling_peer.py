"""What a user would put together: Orthanc, and a script that asks it for new images.

``python -m benchmarks.polling_peer URL`` looks at Orthanc's changes once a second; each new image
is fetched, prepared by MONAI's plain chain, answered by the network alone, one after the other, and
the report that highdicom's guide shows is uploaded. Says `ready` when it begins to look.
"""

import io
import sys
import time
import warnings

import httpx
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import HistogramNormalize, ScaleIntensityRange
from monai.transforms.spatial.array import Resize
from monai.transforms.utility.array import EnsureChannelFirst, EnsureType
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, generate_uid

from archive.records import Presence
from benchmarks.report import encode_plainly
from benchmarks.straightforward_report import straightforward_report
from inference.bundle import SHIPPED_BUNDLES
from inference.model import load_classifier
from inference.network import RadiographNet, pneumonia_logit
from inference.preprocessing import HISTOGRAM_BINS, INPUT_SIZE
from inference.report.author import Author, author_of
from tests.builders.reports import a_finding

POLL_SECONDS = 1.0
WHITE = 4095


def main() -> None:
    """Look for new images until the process is ended."""
    warnings.filterwarnings("ignore")
    classifier = load_classifier(SHIPPED_BUNDLES / "default")
    author = author_of(classifier.manifest)
    chain = Compose(
        [
            EnsureChannelFirst(channel_dim="no_channel"),
            ScaleIntensityRange(0, WHITE, 0.0, 1.0, clip=True),
            Resize((INPUT_SIZE, INPUT_SIZE), mode="bilinear", anti_aliasing=True),
            HistogramNormalize(num_bins=HISTOGRAM_BINS, min=0, max=1),
            EnsureType(dtype=torch.float32, track_meta=False),
        ]
    )
    with httpx.Client(base_url=sys.argv[1], timeout=60) as orthanc:
        print("ready", flush=True)
        last = 0
        while True:
            page = orthanc.get("/changes", params={"since": last, "limit": 100}).json()
            for change in page["Changes"]:
                if change["ChangeType"] == "NewInstance":
                    _answer(orthanc, change["ID"], chain, classifier.network, author)
            last = page["Last"]
            if page["Done"]:
                time.sleep(POLL_SECONDS)


@torch.inference_mode()
def _answer(
    orthanc: httpx.Client, instance: str, chain: Compose, network: RadiographNet, author: Author
) -> None:
    ds: Dataset = dcmread(io.BytesIO(orthanc.get(f"/instances/{instance}/file").content))
    if ds.SOPClassUID != ComputedRadiographyImageStorage:
        return
    picture = chain(ds.pixel_array.astype("float32"))
    probability = float(torch.sigmoid(pneumonia_logit(network(picture[None])))[0])
    presence = Presence.PRESENT if probability >= 0.5 else Presence.ABSENT
    report = straightforward_report(ds, a_finding(ds, presence, probability=probability), author)
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    orthanc.post("/instances", content=encode_plainly(report)).raise_for_status()


if __name__ == "__main__":
    main()
