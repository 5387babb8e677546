"""The operators of tensors and variables, what Python and NumPy ask of them, their printed form, and assignments.

The classes here are what `Tensor` and `Variable` are to users; at the end of the file they are given to them.
"""

import functools
import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy
from numpy import ndarray

from minidl import tensor as idea
from minidl.context import thread
from minidl.devices import device_of
from minidl.errors import InvalidArgumentError
from minidl.ops import elementwise as table
from minidl.ops.creation import convert_to_tensor, identity, ones_like
from minidl.ops.inputs import convert, pair
from minidl.ops.operation import Operation
from minidl.ops.parts import put
from minidl.ops.reductions import _matmul
from minidl.ops.shaping import broadcast_to, getitem, index_of, reshape
from minidl.ops.shortcut import binary
from minidl.primitive import move
from minidl.specs import TensorShape
from minidl.values import bool_


def _operators(operation: Any, name: str) -> tuple[Operation, Operation]:
    """An operation as an operator, and with its sides exchanged."""
    return binary(operation.primitive, operation.dtypes, f"__r{name}__"), lambda x, y: operation(y, x)


def _comparison(operation: Any, otherwise: bool) -> Callable[[Any, Any], Any]:
    """== or != entry by entry; a single False or True where the shapes don't broadcast, as in TensorFlow."""

    def compare(x: Any, y: Any) -> Any:
        if y is None:
            return otherwise
        try:
            return operation(x, y)
        except InvalidArgumentError as error:
            if "broadcast" not in error.message:
                raise
            return convert_to_tensor(otherwise, bool_)

    return compare


def _as_number(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: kind(self.numpy())


class Operators:
    """What tensors and variables can do."""

    __slots__ = ()
    __array_priority__ = 101  # `array * tensor` is the tensor's to compute; CuPy's arrays have 100

    __add__, __radd__ = _operators(table.add, "add")[0], table.add
    __mul__, __rmul__ = _operators(table.multiply, "mul")[0], table.multiply
    __sub__, __rsub__ = _operators(table.subtract, "sub")
    __truediv__, __rtruediv__ = _operators(table.divide, "truediv")
    __floordiv__, __rfloordiv__ = _operators(table.floordiv, "floordiv")
    __mod__, __rmod__ = _operators(table.floormod, "mod")
    __pow__, __rpow__ = _operators(table.pow, "pow")
    __matmul__, __rmatmul__ = _operators(_matmul, "matmul")
    __and__, __rand__ = _operators(table.logical_and, "and")
    __or__, __ror__ = _operators(table.logical_or, "or")
    __xor__, __rxor__ = _operators(table.logical_xor, "xor")
    __lt__, __le__, __gt__, __ge__ = table.less, table.less_equal, table.greater, table.greater_equal
    __eq__, __ne__ = _comparison(table.equal, False), _comparison(table.not_equal, True)
    __neg__, __abs__, __invert__ = table.negative, table.abs, table.logical_not
    __getitem__ = getitem

    @property
    def shape(self: Any) -> TensorShape:
        """The length of each axis: a tuple that can do more."""
        return TensorShape(self.array.shape)

    def get_shape(self: Any) -> TensorShape:
        """The length of each axis; the same as `shape`."""
        return TensorShape(self.array.shape)

    def ref(self: Any) -> "Reference":
        """What stands for the object in sets and as a key of dictionaries: `x.ref().deref() is x`."""
        return Reference(self)

    @property
    def ndim(self: Any) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def device(self: Any) -> str:
        """The full name of the device that holds the value."""
        return f"/job:localhost/replica:0/task:0/device:{self.home.kind.upper()}:{self.home.ordinal}"

    def numpy(self: Any) -> Any:
        """The value as a NumPy array of its own, a NumPy scalar where there are no axes.

        Raises TypeError (an AttributeError too, as TensorFlow's) while a function is traced, where there are no values.
        """
        array = self.tensor.array
        return device_of(array).to_numpy(array)[()]

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        try:
            array = self.tensor.array
            view = array.view() if isinstance(array, ndarray) else device_of(array).to_numpy(array)
        except AttributeError as error:  # which NumPy would take for "there is no such method"
            raise TypeError(*error.args) from None
        view.flags.writeable = False
        return numpy.array(view, dtype, copy=copy)

    def __bool__(self: Any) -> bool:
        array = self.numpy()
        return array.size > 0 and bool(array)  # of no entries, False as in TensorFlow

    __float__, __int__, __index__ = _as_number(float), _as_number(int), _as_number(operator.index)

    def __len__(self: Any) -> int:
        if not self.shape:
            raise TypeError("A tensor of shape () has no length and can't be iterated over")
        return self.shape[0]  # type: ignore[no-any-return]  # self has any class that mixes these in

    def __iter__(self: Any) -> Iterator[idea.Tensor]:
        return (self[index] for index in range(len(self)))

    def __hash__(self: Any) -> int:
        raise TypeError(f"A {type(self).__name__} can't be hashed, since == compares its entries; use id() as the key")

    def __setitem__(self: Any, index: object, value: object) -> None:
        raise TypeError(f"A tensor never changes and can't be written into at {index!r}; assign a variable instead")

    def __reduce__(self: Any) -> Any:  # a copy is another tensor, with a serial number of its own
        if isinstance(self, idea.Variable):
            kept = {name: value for name, value in vars(self).items() if name not in ("held", "serial")}
            return idea.Variable, (self.tensor,), kept
        return idea.Tensor, (self.array,)

    # -- as it is printed

    def __repr__(self: Any) -> str:
        name = f" {self.name!r} shape={self.shape}" if isinstance(self, idea.Variable) else f": shape={self.shape},"
        return f"<minidl.{type(self).__name__}{name} dtype={self.dtype}, {_text(self.tensor.array, 'numpy=')}>"

    def __str__(self: Any) -> str:
        if _is_shown_whole(self):
            return repr(self)
        return f"minidl.Tensor({_text(self.array, '')}, shape={self.shape}, dtype={self.dtype})"

    def __format__(self: Any, specification: str) -> str:
        return str(self) if _is_shown_whole(self) and not specification else format(self.numpy(), specification)


class Reference:
    """Stands for a tensor or a variable where something is looked up by what it is, not by its values."""

    def __init__(self, of: idea.TensorLike) -> None:
        self._of = of

    def deref(self) -> idea.TensorLike:
        """The object itself."""
        return self._of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._of is other._of

    def __hash__(self) -> int:
        return id(self._of)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._of!r}>"


def _is_shown_whole(x: Any) -> bool:
    """Whether to print a tensor is to show what it is beside its values."""
    return isinstance(x, idea.Variable) or _has_no_values(x.array)


def _has_no_values(array: Any) -> bool:
    return not isinstance(array, ndarray) and device_of(array) is array.device


def _text(array: Any, prefix: str) -> str:
    """An array's values as `repr` shows them behind a prefix, or as `str` does without one, as TensorFlow does."""
    if _has_no_values(array):
        return str(array)
    values = device_of(array).to_numpy(array)[()]
    text = repr(values if values.ndim else values.item()) if prefix else str(values)
    return prefix + "\n" * ("\n" in text) + text


def _refused(sign: str, instead: str) -> Callable[[Any, Any], Any]:
    def refuse(self: Any, other: Any) -> Any:
        raise RuntimeError(f"`v {sign}= x` would make {self.name!r} a tensor; `v.{instead}` changes the variable")

    return refuse


class Assignments:
    """What variables can do beside."""

    __iadd__, __isub__ = _refused("+", "assign_add(x)"), _refused("-", "assign_sub(x)")
    __imul__, __itruediv__ = _refused("*", "assign(v * x)"), _refused("/", "assign(v / x)")
    __ipow__ = _refused("**", "assign(v ** x)")

    def assign(self: Any, value: Any, use_locking: Any = False, name: Any = None, read_value: bool = True) -> Any:
        """Give a variable another value, of its shape and dtype; no gradient flows through it.

        Arguments:
            value: a tensor, number, list or array; inside a device scope it is brought to the variable's device.
            read_value: whether to return the variable, and not None.

        Raises ValueError for another shape or dtype, InvalidArgumentError for a tensor of another device; the variable
        then keeps its value.
        """
        old = self.held.array
        array = value.array if type(value) is idea.Tensor else None
        if type(array) is not ndarray or type(old) is not ndarray or array.dtype is not old.dtype:
            value = _value_for(self, value)
            array = value.array
        if array.shape != old.shape:
            why = f"it can't be assigned a value of shape {array.shape}"
            raise ValueError(f"Variable {self.name!r} has shape {old.shape}; {why}")
        self.bind(value)
        return self if read_value else None

    def assign_add(self: Any, delta: Any, use_locking: Any = False, name: Any = None, read_value: bool = True) -> Any:
        """Add to a variable a value of its shape (InvalidArgumentError for another); see `assign`."""
        return _changed("assign_add", table.add, self, delta, read_value)

    def assign_sub(self: Any, delta: Any, use_locking: Any = False, name: Any = None, read_value: bool = True) -> Any:
        """Subtract from a variable a value of its shape (InvalidArgumentError for another); see `assign`."""
        return _changed("assign_sub", table.subtract, self, delta, read_value)

    def value(self: Any) -> idea.Tensor:
        """The present value as a tensor of its own, through which gradients flow."""
        return identity(self)

    read_value = value

    def relocate(self: Any, device: Any) -> None:
        """Keep the value on another device from now on."""
        if self.home is not device:
            self.held = idea.Tensor(device.place(self.tensor.array))


def _changed(name: str, operation: Operation, variable: idea.Variable, delta: Any, read_value: bool) -> Any:
    """Give a variable what an operation makes of its value and another of its shape."""
    value, change = (variable.read(), delta) if type(delta) is idea.Tensor else pair(name, variable, delta)
    if change.array.shape != value.array.shape:
        raise InvalidArgumentError(f"{name} doesn't broadcast {change.shape} to {variable.name!r} of {value.shape}")
    value = operation(value, change)
    variable.bind(value if thread.state.device is None else _value_for(variable, value))
    return variable if read_value else None


# The parts of variables that somebody holds, by their serial numbers, with the variable and the index.
_parts: dict[int, tuple[Any, idea.Variable, Any]] = {}


def _part_of_variable(self: idea.Variable, index: Any) -> idea.Tensor:
    """The part at an index, as a tensor; `v[index].assign(value)` assigns to that part of the variable."""
    part = getitem(self, index)
    reference = weakref.ref(part, functools.partial(_parts.pop, part.serial))
    _parts[part.serial] = reference, self, index
    return part


def _assign_to_part(self: idea.Tensor) -> Callable[[Any], Any]:
    """Of a part of a variable: what gives it another value, as in `v[0].assign([1.0, 2.0])`."""
    if self.serial not in _parts:
        raise AttributeError("A tensor never changes: only a variable `v` has `assign`, and a part of one, as `v[0]`")
    _, variable, index = _parts[self.serial]

    def assign(value: Any) -> Any:
        whole, tensor = variable.read(), convert(value, variable.dtype, variable.home)
        more = (1,) * (tensor.ndim - self.ndim)  # axes of length 1 in front are let go
        new = reshape(broadcast_to(tensor, (*more, *self.shape)), self.shape)
        places = put(ones_like(new, bool_), index=index_of(index), shape=whole.shape)
        return variable.assign(table.where(places, put(new, index=index_of(index), shape=whole.shape), whole))

    return assign


def _value_for(variable: idea.Variable, value: Any) -> idea.Tensor:
    """A value as a tensor of a variable's dtype, where the variable is."""
    device = variable.home
    tensor = convert(value, variable.dtype, device)
    if thread.state.device is None and (other := tensor.home) is not device:
        why = f"Variable {variable.name!r} is on {device}; it can't be assigned a tensor on {other}"
        raise InvalidArgumentError(f"{why}, unless inside `with tf.device('{device}'):`")
    return move(tensor, device)


for _given, _class in ((Operators, idea.TensorLike), (Assignments, idea.Variable)):
    for _name, _what in vars(_given).items():
        if _name not in (*vars(type("Empty", (), {})), "__slots__"):  # what every class has
            setattr(_class, _name, _what)
# By their names in the module, since a type checker has no such attribute, or another, for these.
vars(idea)["Tensor"].assign = property(_assign_to_part)
vars(idea)["Variable"].__getitem__ = _part_of_variable
