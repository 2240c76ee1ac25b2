"""The folder is read by its names alone; whatever is not understood is refused by name."""

from pathlib import Path

import pytest

from tests.builders.kaggle import drawn_picture, kaggle_folder, write_jpeg
from training.errors import EmptyClass, UnknownLayout
from training.kaggle import LabelledImage, data_sha256, duplicate_groups, read_folder
from training.split import FOLDS, fold_of_each


def an_image(name: str, patient: str, *, label: int = 1, content: str = "") -> LabelledImage:
    return LabelledImage(
        path=Path(name),
        split="train",
        class_index=label,
        patient_key=patient,
        sha256=content or name,
    )


@pytest.mark.parametrize(
    ("name", "patient", "label"),
    [
        ("PNEUMONIA/person12_virus_34.jpeg", "person12", 2),
        ("PNEUMONIA/person447_virus_921_1.jpeg", "person447", 2),
        ("PNEUMONIA/person1_bacteria_2.jpeg", "person1", 1),
        ("NORMAL/IM-0115-0001.jpeg", "IM-0115-0001", 0),
        ("NORMAL/IM-0666-0001-0002.jpeg", "IM-0666-0001", 0),
        ("NORMAL/NORMAL2-IM-0501-0001-0002.jpeg", "NORMAL2-IM-0501-0001", 0),
    ],
)
def test_name_gives_patient_and_class(tmp_path: Path, name: str, patient: str, label: int) -> None:
    root = kaggle_folder(tmp_path, train=1, test=1)
    write_jpeg(root / "train" / name, drawn_picture(is_ill=False, seed=99))

    found = [image for image in read_folder(root) if image.path.name == Path(name).name]

    assert [(image.patient_key, image.class_index) for image in found] == [(patient, label)]


def test_nested_download_is_found_and_its_small_val_folder_ignored(tmp_path: Path) -> None:
    root = kaggle_folder(tmp_path / "chest_xray" / "chest_xray", train=2, test=1)
    write_jpeg(
        root / "val" / "NORMAL" / "NORMAL2-IM-1427-0001.jpeg", drawn_picture(is_ill=False, seed=1)
    )

    assert {image.split for image in read_folder(tmp_path)} == {"train", "test"}


def test_unknown_layout_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownLayout, match=str(tmp_path)):
        read_folder(tmp_path)


def test_unknown_name_is_refused_with_the_file(tmp_path: Path) -> None:
    root = kaggle_folder(tmp_path, train=2, test=1)
    write_jpeg(root / "train" / "PNEUMONIA" / "scan7.jpeg", drawn_picture(is_ill=True, seed=1))

    with pytest.raises(UnknownLayout, match=r"scan7\.jpeg"):
        read_folder(root)


def test_empty_class_names_the_folder(tmp_path: Path) -> None:
    root = kaggle_folder(tmp_path, train=2, test=1)
    for path in (root / "test" / "NORMAL").iterdir():
        path.unlink()

    with pytest.raises(EmptyClass, match="test/NORMAL"):
        read_folder(root)


def test_duplicates_are_listed_and_the_data_hash_sees_every_change(tmp_path: Path) -> None:
    root = kaggle_folder(tmp_path, train=4, test=1)
    before = read_folder(root)
    twin = root / "train" / "NORMAL" / "IM-0900-0001.jpeg"
    twin.write_bytes((root / "train" / "NORMAL" / "IM-0001-0001.jpeg").read_bytes())
    after = read_folder(root)

    assert duplicate_groups(before) == []
    assert [[i.name for i in group] for group in duplicate_groups(after)] == [
        ["IM-0001-0001", "IM-0900-0001"]
    ]
    assert data_sha256(before) != data_sha256(after)
    assert data_sha256(after) == data_sha256(list(reversed(after)))


def test_no_patient_and_no_duplicate_stands_in_two_folds() -> None:
    images = [an_image(f"{p}-{n}", f"person{p}") for p in range(200) for n in range(1 + p % 3)]
    images += [an_image("copy", "person900", content="5-0"), an_image("own", "person900")]

    folds = fold_of_each(images, seed=1)

    by_patient: dict[str, set[int]] = {}
    for image, fold in zip(images, folds, strict=True):
        by_patient.setdefault(image.patient_key, set()).add(fold)
    assert all(len(found) == 1 for found in by_patient.values())
    assert by_patient["person900"] == by_patient["person5"]


def test_folds_are_balanced_in_every_class_and_do_not_depend_on_the_order() -> None:
    images = [an_image(f"{c}-{n}", f"{c}-{n}", label=c) for c in (0, 1, 2) for n in range(160)]

    folds = fold_of_each(images, seed=1)
    backwards = fold_of_each(images[::-1], seed=1)

    assert folds == backwards[::-1]
    for label in (0, 1, 2):
        counts = [folds[160 * label : 160 * (label + 1)].count(fold) for fold in range(FOLDS)]
        assert counts == [20] * FOLDS
    assert folds != fold_of_each(images, seed=2)


@pytest.mark.data
def test_the_real_folder_holds_what_its_readme_says(test_data: Path) -> None:
    images = read_folder(test_data / "chest_xray_224")

    ill = [(i.split, i.class_index != 0) for i in images]
    assert [ill.count(key) for key in (("train", False), ("train", True))] == [1341, 3875]
    assert [ill.count(key) for key in (("test", False), ("test", True))] == [234, 390]
    keys = {
        label: {
            i.patient_key for i in images if i.split == "train" and (i.class_index > 0) == label
        }
        for label in (False, True)
    }
    # One key more than the folder's README counts by the same rule.
    assert sorted(map(len, keys.values())) == [1212, 1635]
    assert len(duplicate_groups(images)) == 30
