"""Module: what keeps variables, and other modules that keep theirs; to derive from. Layers are modules too."""

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import numpy

from minidl.nest import flatten
from minidl.tensor import Variable

__all__ = ["Module"]

# What holds no variables and no modules, and what is one.
_PLAIN = {str, bool, int, float, type(None), type(numpy.dtype("float32")), type(len), type(lambda: None)}


def snake_case(name: str) -> str:
    """A class's name in lower case, with `_` between its words."""
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", re.sub(r"\W", "", name)).lower()


def each_once(values: Iterable[Any]) -> list[Any]:
    """The values in order, each object once."""
    return list({id(value): value for value in values}.values())


class Module:
    """Keeps variables and modules as attributes, and finds them, in lists and dictionaries too; to derive from.

    Arguments:
        name: what it is called, ValueError for what is no name in Python; by default after its class.

    >>> class Line(tf.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope, self.start = tf.Variable(2.0, name='slope'), tf.Variable(1.0, name='start')
    ...     def __call__(self, x):
    ...         return self.slope * x + self.start
    >>> line = Line()
    >>> line(3.0).numpy(), [variable.name for variable in line.trainable_variables]
    (np.float32(7.0), ['slope', 'start'])
    """

    name: str
    _in_order_of_names = True  # of attributes; a layer's are in the order in which they were set
    _not_kept = frozenset[str]()  # attributes that hold nothing of the module's own

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not str(name).isidentifier():
            raise ValueError(f"A module's name is a name in Python, such as 'my_module'; {name!r} was given")
        self.name = name or snake_case(type(self).__name__)

    @property
    def variables(self) -> Any:
        """The variables of the module and of those that it keeps, each once: by the names of attributes."""
        kept = (each for module in (self, *self.submodules) for each in module._kept())
        return tuple(each_once(each for each in kept if isinstance(each, Variable)))

    @property
    def trainable_variables(self) -> Any:
        """The variables that are trained."""
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def non_trainable_variables(self) -> Any:
        """The variables that aren't trained."""
        return tuple(variable for variable in self.variables if not variable.trainable)

    @property
    def submodules(self) -> tuple["Module", ...]:
        """The modules that this one keeps, and those that they keep, each once."""
        found: dict[int, Module] = {}
        ahead: list[Module] = [self]
        while ahead:
            kept = [each for each in ahead.pop(0)._inner() if id(each) not in found]
            found.update({id(each): each for each in kept if each is not self})
            ahead = [*each_once(kept), *ahead]
        return tuple(found.values())

    def _inner(self) -> list["Module"]:
        """The modules that it keeps itself."""
        return [value for value in self._kept() if isinstance(value, Module)]

    def _kept(self) -> list[Any]:
        """The values of the attributes, those in lists and dictionaries too, but for plain ones."""
        attributes = vars(self).items()
        ordered = sorted(attributes, key=itemgetter(0)) if self._in_order_of_names else attributes
        return flatten([value for name, value in ordered if type(value) not in _PLAIN and name not in self._not_kept])
