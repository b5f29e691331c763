"""Performance of predictions, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from selfplay.drift.tables import performance
from selfplay.drift.tables.columns import MISSING_TEXTS
from selfplay.drift.tables.files.blocks import TableError
from selfplay.drift.tables.performance import Classes, Confusion, Performance

metrics = pytest.importorskip("sklearn.metrics")


def measured(labels: list[str], guesses: list[str], scores: np.ndarray | None = None, positive: str | None = None,
             block: int = 64) -> Performance:  # fmt: skip
    classes, confusion = Classes(MISSING_TEXTS, positive), Confusion()
    coded = classes.codes(labels, None), classes.codes(guesses, None)
    for begin in range(0, len(labels), block):
        confusion.update(coded[0][begin : begin + block], coded[1][begin : begin + block])
    return confusion.performance(classes, coded[0], scores)


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(500).round(2)  # with ties
    labels = (rng.random(500) < scores).astype(int)
    guesses = (scores > 0.6).astype(int)
    found = measured(labels.astype(str).tolist(), guesses.astype(str).tolist(), scores)
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(labels, guesses).tolist()))
    assert (found.classes, found.positive) == (("0", "1"), "1")
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, guesses))
    assert found.recall == pytest.approx(metrics.recall_score(labels, guesses))
    assert found.f1 == pytest.approx(metrics.f1_score(labels, guesses))
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_more_classes_are_measured_by_macro_averages() -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(["cat", "dog", "owl"], 400, p=[0.6, 0.3, 0.1])
    guesses = np.where(rng.random(400) < 0.7, labels, rng.choice(["cat", "dog", "owl"], 400))
    found = measured(labels.tolist(), guesses.tolist(), rng.random(400))
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(labels, guesses).tolist()))
    assert found.recall == pytest.approx(metrics.recall_score(labels, guesses, average="macro"))
    assert found.f1 == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
    assert found.positive is None and found.roc_auc is None


def test_rows_without_a_label_or_a_prediction_are_left_out() -> None:
    found = measured(["1", "", "0", "1"], ["1", "1", "NA", "0"], np.array([0.9, 0.8, 0.1, 0.2]))
    assert (found.rows, found.accuracy) == (2, 0.5)
    assert found.roc_auc == pytest.approx(1.0)  # the labelled rows: 0.9 and 0.2 of the class, 0.1 of the other


def test_one_spelling_of_a_class_is_as_good_as_another() -> None:
    found = measured(["1", "0", "1.0"], ["1.0", "0", "01"])
    assert (found.classes, found.accuracy) == (("0", "1"), 1.0)
    found = measured(["true", "False", "yes"], ["True", "no", "false"])
    assert (found.classes, found.positive, found.confusion) == (("false", "true"), "true", ((1, 0), (1, 1)))


def test_the_positive_class_can_be_chosen() -> None:
    labels, guesses = ["a", "b", "b"], ["a", "a", "b"]
    assert measured(labels, guesses).recall == 0.5
    assert measured(labels, guesses, positive="a").recall == 1.0
    assert measured(["a", "b", "c"], ["a", "a", "c"], positive="b").recall == 0.0


@pytest.mark.parametrize("labels", [["1", "1"], ["", ""]], ids=["one class", "no label"])
def test_what_is_not_defined_is_none(labels: list[str]) -> None:
    found = measured(labels, ["1", "1"], np.array([0.5, 0.6]))
    assert found.roc_auc is None and (found.accuracy is None) == (labels == ["", ""])


def test_labels_that_are_no_classes_are_refused() -> None:
    with pytest.raises(TableError, match=r"more than 50 different values, such as '50': expected classes"):
        measured([str(n) for n in range(60)], ["1"] * 60)


def test_truth_values_of_a_typed_file_are_classes() -> None:
    classes = Classes(MISSING_TEXTS)
    typed = classes.codes(np.array([0.0, 1.0, np.nan]), "boolean")
    np.testing.assert_array_equal(typed, classes.codes(["false", "true", ""], None))
    assert performance.roc_auc(np.array([True]), np.array([np.nan]), np.array([True])) is None
