"""Our tree is the one that highdicom's own templates build, item by item."""

import pytest
from pydicom.dataset import Dataset

from archive.records import Presence
from benchmarks.straightforward_report import straightforward_report
from inference.report.document import encode
from inference.report.words import Language
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_finding, an_ai_result, an_author
from tests.builders.studies import as_dataset
from tests.unit.inference.report.tree import name_of


def flat(item: Dataset, depth: int = 0) -> list[str]:
    """Every item of a tree in its order, with all that it says."""
    children = item.get("ContentSequence", [])
    own = Dataset()
    for element in item:
        if element.keyword != "ContentSequence":
            own.add(element)
    lines = [f"{depth} {own.to_json()}"]
    for child in children:
        lines += flat(child, depth + 1)
    return lines


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("presence", list(Presence))
def test_the_tree_equals_the_one_of_highdicoms_templates(
    presence: Presence, language: Language
) -> None:
    source, author = radiograph(), an_author(language)
    expected = straightforward_report(source, a_finding(source, presence), author)
    ours = as_dataset(encode(an_ai_result(source, presence, author=author)))
    for our_item, expected_item in zip(ours.ContentSequence, expected.ContentSequence, strict=True):
        assert name_of(our_item) == name_of(expected_item)
        assert flat(our_item) == flat(expected_item), name_of(our_item)


def test_the_header_has_what_highdicom_writes() -> None:
    source, author = radiograph(), an_author()
    expected = straightforward_report(source, a_finding(source), author)
    ours = as_dataset(encode(an_ai_result(source, author=author)))
    # What differs on purpose: identity and times.
    own = {
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SeriesNumber",
        "ContentDate",
        "ContentTime",
        "InstanceCreationDate",
        "InstanceCreationTime",
        "ContentSequence",
        "ContributingEquipmentSequence",
        "SoftwareVersions",
    }
    for element in expected:
        if element.keyword in own:
            continue
        assert element.keyword in ours, element.keyword
        assert ours[element.keyword].value == element.value, element.keyword
