"""Cross-validation: the official training images in patient-level folds, each held out in turn."""

from dataclasses import replace

from training.dataset import NO_FOLD, PreparedSet
from training.split import fold_of_each


def held_out(prepared: PreparedSet, *, fold: int, count: int, seed: int) -> PreparedSet:
    """Divide the official training images anew, with one of `count` folds as validation.

    The pixels are shared with the given set; its test split stays what it is.
    """
    rows = [i for i, example in enumerate(prepared.examples) if example.fold != NO_FOLD]
    folds = fold_of_each([prepared.examples[row] for row in rows], seed=seed, folds=count)
    examples = list(prepared.examples)
    for row, number in zip(rows, folds, strict=True):
        split = "validation" if number == fold else "train"
        examples[row] = replace(examples[row], split=split, fold=number)
    return replace(prepared, examples=tuple(examples))
