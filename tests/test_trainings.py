"""The training runs, on every device, against Keras, recorded and itself."""

from __future__ import annotations

from typing import Any

import pytest

import minidl
from tests import mutations
from tfref.judging import judge, units_apart
from tfref.references import Recorded
from tfref.report import training_rows
from tfref.running import MODES
from tfref.training import DIGITS, TRAININGS, Training, digit_labels, train


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_minidl_trains_as_keras_did(training: Training, device: str, recorded: Recorded) -> None:
    (row,) = training_rows([training], recorded, device, lambda what: None)
    assert not row.faults


@pytest.mark.tf
@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_keras_still_trains_as_recorded(training: Training, tensorflow: Any, recorded: Recorded) -> None:
    reference = recorded.training(training)
    found = train(tensorflow, training, **MODES["graph"][1])
    faults = [
        str(each) for each in judge(found, reference.figures["graph"], reference.truth, reference.own) if each.fault
    ]
    assert not faults


def test_the_digits_that_were_held_out_are_read(device: str, recorded: Recorded) -> None:
    labels = digit_labels()
    keras = recorded.training(DIGITS).figures["eager"]["predictions"]
    found = train(minidl, DIGITS)["predictions"]
    assert len(labels) == 397
    assert (found.argmax(1) == labels).mean() >= 0.92
    assert (found.argmax(1) == keras.argmax(1)).all()


def test_float64_is_the_truth_on_minidl_too(recorded: Recorded) -> None:
    for training in TRAININGS[3:9]:
        truth = recorded.training(training).truth
        found = train(minidl, training, "float64")
        assert all(units_apart(found[name], truth[name]) < 1e4 for name in found)  # 1e-12 of the largest


# -- do the tests bite? ------------------------------------------------------------------------------------------


def test_no_wrong_gradient_rule_goes_unnoticed() -> None:
    assert [mutant.name for mutant in mutations.survivors()] == []
