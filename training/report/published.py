"""What others report on the same 624 test images; only values whose source is known."""

from dataclasses import dataclass

from inference.bundle import BundleManifest
from training.report.page import Page, ResultTable, four

PLACE = 25
LEFT_OUT = (
    "The seed projects' tables of tuning, of the five architectures and of voting are not shown "
    "beside ours: their published values could not be traced to a source, so they are left out. "
    "The command writes our own tables of the same kind."
)


@dataclass(frozen=True, kw_only=True)
class PublishedValue:
    """An area under the ROC curve that somebody published."""

    who: str
    auc: float
    source: str


PUBLISHED = (
    PublishedValue(
        who="the seed project (ResNet18)", auc=0.9395, source="as that project states it"
    ),
    PublishedValue(
        who="MedMNIST, ResNet-18 at 224 from scratch",
        auc=0.956,
        source="Yang et al., Scientific Data 10 (2023) 41, doi 10.1038/s41597-022-01721-8",
    ),
    PublishedValue(
        who="Kermany et al., transfer learning",
        auc=0.968,
        source="Cell 172 (2018) 1122-1131, doi 10.1016/j.cell.2018.02.010",
    ),
    PublishedValue(
        who="MedMNIST, Google AutoML Vision",
        auc=0.991,
        source="Yang et al., Scientific Data 10 (2023) 41, doi 10.1038/s41597-022-01721-8",
    ),
)


def published_page(manifest: BundleManifest) -> Page:
    """Set the bundle's test figure beside what others published."""
    rows = [(value.who, four(value.auc), value.source) for value in PUBLISHED]
    for figures in manifest.figures:
        if figures.split == "test":
            bounds = f"{four(figures.auc.low)}-{four(figures.auc.high)}"
            name = f"{manifest.name} {manifest.version}"
            rows.append((name, four(figures.auc.value), f"this bundle; 95 % interval {bounds}"))
    return Page(
        title="Beside published values",
        place=PLACE,
        paragraphs=(LEFT_OUT,),
        tables=(
            ResultTable(
                title="AUC on the official test split",
                columns=("who", "AUC", "source"),
                rows=tuple(rows),
            ),
        ),
    )
