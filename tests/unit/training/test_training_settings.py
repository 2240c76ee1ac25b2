"""training.yaml is typed, frozen and complete."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.training import DEFAULT_TRAINING_FILE, load_training_settings


def test_shipped_file_holds_both_recipes() -> None:
    recipes = load_training_settings().recipes

    seed = recipes["seed"]
    assert (seed.architecture, seed.dropout, seed.epochs) == ("resnet18", 0.5, 10)
    assert seed.weighted_loss
    assert recipes["hilum"].stages[-1].size == 224


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("split_seed: 1", "split_seed: 1\nsplit_sead: 2", "split_sead"),
        ("batch_size: 32", "batch_size: many", "batch_size"),
        ("optimizer: adam\n", "optimizer: lion\n", "optimizer"),
        ("size: 224", "size: 512", "size"),
    ],
)
def test_an_unknown_or_ill_typed_key_is_named(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    text = DEFAULT_TRAINING_FILE.read_text()
    assert old in text
    path = tmp_path / "training.yaml"
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(ValidationError, match=named):
        load_training_settings(path)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_training_settings().split_seed = 2


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 60])
def test_a_recipe_can_be_cut_or_stretched(epochs: int) -> None:
    recipe = load_training_settings().recipes["hilum"].with_epochs(epochs)

    assert recipe.epochs == epochs
    sizes = [recipe.size_of(epoch) for epoch in range(epochs)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 224
