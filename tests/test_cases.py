"""Every case of the table, on every device, against TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

import minidl
from tfref.cases import CASES
from tfref.judging import judge
from tfref.running import Case, figures


@pytest.mark.tf
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_minidl_computes_what_tensorflow_computes(case: Case, device: str, tensorflow: Any) -> None:
    faults = [
        f"{judgement.figure}: {judgement.fault}"
        for judgement in judge(
            figures(minidl, case), figures(tensorflow, case), figures(tensorflow, case.in_float64())
        )
        if judgement.fault
    ]
    assert not faults
