"""Do the tests bite? Gradient rules, then lines of the source, are made wrong in turn; some test must notice.

    python -m tests.mutations
    python -m tests.mutations rules
    python -m tests.mutations minidl/tape.py minidl/keras/metrics.py

Of each rule the sign is changed, the factors are dropped (the upstream gradient is passed on), it is doubled, and its
inputs are swapped; what is listed no case of the table notices, on minidl against the recording of TensorFlow. How the
source is changed says `source_mutations.py`; that takes half an hour. What survives with a reason has it here, or in
`survivors.txt`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import minidl
from minidl.context import thread
from minidl.primitive import GradientRule, Listener, Primitive
from minidl.tensor import Tensor
from tests import source_mutations
from tfref.cases import CASES
from tfref.judging import judge
from tfref.references import Recorded
from tfref.running import Case, figures

Rule = tuple[int, GradientRule]  # as in Primitive.differentiable


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A primitive with a rule made wrong."""

    primitive: Primitive
    change: str
    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        code = self.primitive.forward.__code__
        count = f" of {len(self.primitive.rules)}" if code.co_argcount == 1 else ""  # one for each number of inputs
        return f"{self.primitive.name}{count}: {self.change}"


# Mutants that compute the same thing, each with the reason.
EQUIVALENT = {
    "add: rules swapped": "both rules pass the upstream gradient on",
    **{
        f"{name}: {change}": "the rule gives zeros"
        for name, of in (("sign", "x"), ("where_positive", "y"))
        for change in (f"sign of {of} changed", f"{of} doubled")
    },
    **{
        f"{name}: factors of x dropped": "the rule passes the upstream gradient on"
        for name in ("add", "subtract", "floormod", "identity", "broadcast_to", "sum_over")
    },
    "add: factors of y dropped": "the rule passes the upstream gradient on",
    "concat of 1: factors of input 0 dropped": "the whole upstream gradient is the part of the only input",
}


class _Notes(Listener):
    def __init__(self) -> None:
        self.primitives: dict[str, Primitive] = {}

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        self.primitives.setdefault(f"{primitive.name} of {len(inputs)}", primitive)


@functools.cache
def primitives_called() -> tuple[Primitive, ...]:
    """The primitives that the cases call, in their programs and in their gradients."""
    notes = _Notes()
    thread.state.enter(notes)
    try:
        for case in CASES:
            figures(minidl, case)
    finally:
        thread.state.leave(notes)
    return tuple(notes.primitives.values())


def mutants(primitive: Primitive) -> Iterator[Mutant]:
    """The ways to make a primitive's rules wrong."""
    rules = primitive.differentiable
    names = primitive.forward.__code__.co_varnames[1:]

    def mutant(change: str, place: int, function: Callable[..., Any], keep: Any) -> Mutant:
        changed = rules[place][0], GradientRule(function, keep)
        return Mutant(primitive, change, (*rules[:place], changed, *rules[place + 1 :]))

    for place, (index, rule) in enumerate(rules):
        function, keep = rule.function, rule.keep
        variadic = primitive.forward.__code__.co_argcount == 1
        name = f"input {index}" if variadic else names[index]
        yield mutant(f"sign of {name} changed", place, lambda *a, f=function: _scaled(f(*a), -1.0), keep)
        yield mutant(f"{name} doubled", place, lambda *a, f=function: _scaled(f(*a), 2.0), keep)
        yield mutant(f"factors of {name} dropped", place, lambda upstream, *a: upstream, keep)
    if len(rules) == 2:
        (first, one), (second, other) = rules
        yield Mutant(primitive, "rules swapped", ((first, other), (second, one)))


def _scaled(gradient: Any, factor: float) -> Any:
    return None if gradient is None else gradient * factor


def is_noticed(mutant: Mutant, cases: list[Case], recorded: Recorded) -> bool:
    """Whether a case disagrees with TensorFlow, or breaks, when a primitive has a mutant's rules."""
    right = mutant.primitive.differentiable
    mutant.primitive.differentiable = mutant.rules
    try:
        for case in cases:
            reference = recorded.case(case)
            try:
                found = judge(figures(minidl, case), reference.figures, reference.truth)
            except Exception:  # a mutant may do anything
                return True
            if any(judgement.fault for judgement in found):
                return True
        return False
    finally:
        mutant.primitive.differentiable = right


def survivors() -> list[Mutant]:
    """The mutants that no case notices, but for those that compute the same thing."""
    recorded = Recorded()
    alive = []
    for primitive in primitives_called():
        word = primitive.name.strip("_").replace("reduce_", "")
        cases = sorted(CASES, key=lambda case: word not in case.name)  # those about it first
        cases = [case for case in cases if case.order]
        alive += [mutant for mutant in mutants(primitive) if not is_noticed(mutant, cases, recorded)]
    return [mutant for mutant in alive if mutant.name not in EQUIVALENT]


def change_rules() -> int:
    """Print how many mutants of gradient rules there are, and which survive; how many do."""
    count = sum(1 for primitive in primitives_called() for _ in mutants(primitive))
    alive = survivors()
    for name, reason in EQUIVALENT.items():
        print(f"computes the same: {name} ({reason})")
    for mutant in alive:
        print(f"survives: {mutant.name}")
    print(f"{count} mutants of {len(primitives_called())} primitives; {len(alive)} survive")
    return len(alive)


def change_source(files: list[str], every: int) -> int:
    """Print which changes of the source survive, and how many there are; how many survive without a reason."""
    reasons, count, alive = source_mutations.reasons(), 0, 0
    for name, survives in source_mutations.survivors(files, every):
        reason = reasons.get(name) if survives else ""
        count, alive = count + 1, alive + (reason is None)
        print(("survives: " if survives else "noticed:  ") + name + (f" ({reason})" if reason else ""), flush=True)
    print(f"{count} mutants of {len(files)} files; {alive} survive without a reason")
    return alive


def main() -> int:
    """Change what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help="'rules', or files of the source; by default all")
    parser.add_argument("--every", type=int, default=1, help="change the source in every so manyth way only")
    given = parser.parse_args()
    files = [each for each in given.what or source_mutations.TESTS if each != "rules"]
    alive = change_source(files, given.every) if files else 0  # first: it forks before minidl has computed anything
    if "rules" in given.what or not given.what:
        alive += change_rules()
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
