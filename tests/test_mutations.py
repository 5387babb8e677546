"""The tool that changes the source: what it changes, and that it tells what is noticed from what isn't."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.source_mutations import ROOT, TESTS, mutants, reasons

FILE = "minidl/ops/shortcut.py"
SAMPLE = f"""
import json
from tests import source_mutations

source_mutations.HEAVY, source_mutations.TESTS = [], {{{FILE!r}: ["tests/test_shortcut.py"]}}
print(json.dumps(dict(source_mutations.survivors([{FILE!r}], 6))))
"""


def test_each_file_is_changed_in_ways_of_their_own_names() -> None:
    found = [mutant for file in TESTS for mutant in mutants(file)]
    names = {mutant.name for mutant in found}
    assert len(names) == len(found) >= 450
    assert {mutant.file for mutant in found} == set(TESTS)
    assert not set(reasons()) - names, "reasons for what isn't changed"
    for changed in ("last < place -> last <= place", "os.replace(temporary, target) -> None", " or ", " -> None"):
        assert any(changed in name for name in names)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_what_a_test_notices_is_told_from_what_none_does() -> None:
    before = (ROOT / FILE).read_bytes()
    run = subprocess.run([sys.executable, "-c", SAMPLE], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    assert list(found) == [mutant.name for mutant in mutants(FILE)][::6]
    assert found[f"{FILE} call: listener.hear(primitive, inputs, result, options) -> None"] is False
    # Whether the shortest way is gone makes no difference to what a call gives.
    assert found[f"{FILE} call: type(array) is not ndarray -> type(array) is ndarray"] is True
    assert (ROOT / FILE).read_bytes() == before
