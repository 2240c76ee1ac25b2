"""The lowest film numbers as validation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.training import load_training_settings
from training.dataset import LOWEST_FILMS, NO_FOLD, Example, PreparedSet
from training.film_block import lowest_films_held_out
from training.kaggle import read_folder


def film(patient_key: str, *, fold: int = 3, sha256: str = "") -> Example:
    return Example(
        name=f"{patient_key}-of-{fold}",
        split="test" if fold == NO_FOLD else "train",
        fold=fold,
        class_index=1 if patient_key.startswith("person") else 0,
        patient_key=patient_key,
        sha256=sha256 or patient_key,
    )


def a_set(*examples: Example) -> PreparedSet:
    return PreparedSet(
        examples=examples,
        images=np.zeros((len(examples), 2, 2), np.uint8),
        data_sha256="",
        duplicates=(),
    )


def held_out(prepared: PreparedSet, share: float) -> set[str]:
    divided = lowest_films_held_out(prepared, share=share)
    assert divided.held_out == LOWEST_FILMS
    return {e.patient_key for e in divided.examples if e.split == "validation"}


def test_the_lowest_numbers_of_each_series_are_held_out() -> None:
    children = [f"person{n}" for n in range(8, 12)]
    wells = [f"IM-{n:04d}-0001" for n in range(200, 204)]
    others = [f"NORMAL2-IM-{n:04d}-0001" for n in range(400, 404)]

    assert held_out(a_set(*map(film, [*children, *wells, *others])), 0.5) == {
        "person8", "person9", "IM-0200-0001", "IM-0201-0001",
        "NORMAL2-IM-0400-0001", "NORMAL2-IM-0401-0001",
    }  # fmt: skip


def test_the_official_test_split_stays_what_it_is() -> None:
    prepared = a_set(film("person1", fold=NO_FOLD), film("person2"), film("person3"))

    divided = lowest_films_held_out(prepared, share=0.5)

    assert [e.split for e in divided.examples] == ["test", "validation", "train"]
    assert divided.examples[0] == prepared.examples[0]


def test_one_child_and_one_file_stay_on_one_side() -> None:
    twice = replace(film("person1"), name="again")
    copied = film("person9", sha256="person1")

    held = held_out(a_set(film("person1"), twice, copied, film("person7"), film("person8")), 0.5)

    assert held == {"person1", "person9"}


@pytest.mark.data
def test_the_block_of_the_real_set_lies_between_test_and_training(test_data: Path) -> None:
    images = read_folder(test_data / "chest_xray_224")
    share = load_training_settings().film_block.share
    prepared = a_set(
        *(
            replace(
                film(image.patient_key, fold=NO_FOLD if image.split == "test" else 0),
                class_index=image.class_index,
                sha256=image.sha256,
            )
            for image in images
        )
    )

    divided = lowest_films_held_out(prepared, share=share)

    sides = {
        split: [e for e in divided.examples if e.split == split]
        for split in ("train", "validation")
    }
    assert 0.13 < len(sides["validation"]) / 5216 < 0.17
    assert {e.class_index for e in sides["validation"]} == {0, 1, 2}
    assert not {e.patient_key for e in sides["train"]} & {
        e.patient_key for e in sides["validation"]
    }
    assert not {e.sha256 for e in sides["train"]} & {e.sha256 for e in sides["validation"]}
