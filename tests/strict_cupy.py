"""A strict double of CuPy: NumPy behind CuPy's manners, so that code which would break on a GPU breaks here.

Put into `sys.modules` as `cupy`, it counts two GPUs. Like CuPy's, its arrays are a class of their own, are not made
NumPy arrays unless asked, don't mix with NumPy arrays, have no axes where NumPy gives numbers, and live on a device
that must be the current one. It is stricter in that NumPy's functions refuse its arrays, where CuPy's would pass
them on. It knows only the functions and arguments in its tables, which a test holds against the real CuPy.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy

# Functions, with the arguments that they may be given by keyword; and ufuncs.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "arange": ("dtype",),
    "argwhere": (),
    "broadcast_to": (),
    "concatenate": ("axis", "out"),
    "copyto": ("casting",),
    "dot": ("out",),
    "empty": ("dtype",),
    "full": ("dtype",),
    "may_share_memory": (),
    "ones": ("dtype",),
    "stack": ("axis", "out"),
    "take": ("axis",),
    "where": (),
    "zeros": ("dtype",),
}
UFUNCS = (
    "absolute", "add", "cos", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater", "greater_equal",
    "isfinite", "less", "less_equal", "log", "log1p", "logaddexp", "logical_and", "logical_not", "logical_or",
    "logical_xor", "matmul", "maximum", "minimum", "multiply", "negative", "not_equal", "power", "reciprocal",
    "remainder", "sign", "sin", "sqrt", "square", "subtract", "tanh", "trunc",
)  # fmt: skip
UFUNC_ARGUMENTS = ("out", "dtype")

# Methods of arrays, with the arguments that they may be given by keyword.
METHODS: dict[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "argmax": ("axis",),
    "astype": ("copy",),
    "copy": (),
    "fill": (),
    "max": ("axis", "out", "keepdims"),
    "min": ("axis", "out", "keepdims"),
    "reshape": (),
    "sum": ("axis", "dtype", "out", "keepdims"),
    "swapaxes": (),
    "transpose": (),
}
OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "abs", "invert", "and", "or", "xor",
    "lt", "le", "gt", "ge", "eq", "ne", "radd", "rsub", "rmul", "rtruediv", "rpow",
)  # fmt: skip

DEVICES = 2
iinfo = numpy.iinfo


class _Current(threading.local):
    device = 0


_current = _Current()


class _Device:
    """A GPU, and the scope in which it is the current one."""

    def __init__(self, number: int | None = None) -> None:
        self.id = _current.device if number is None else number
        self._outer: list[int] = []

    def __enter__(self) -> _Device:
        self._outer.append(_current.device)
        _current.device = self.id
        return self

    def __exit__(self, *_: object) -> None:
        _current.device = self._outer.pop()


class _Runtime:
    @staticmethod
    def getDeviceCount() -> int:  # CUDA's name
        return DEVICES


class cuda:  # noqa: N801  # CuPy's name
    """Stands for the module `cupy.cuda`."""

    Device = _Device
    runtime = _Runtime


class ndarray:  # noqa: N801  # CuPy's name
    """An array on a GPU."""

    __array_ufunc__ = None  # NumPy's functions and NumPy's arrays are refused
    __hash__ = None  # type: ignore[assignment]  # as of CuPy's arrays; the checker knows only `object`'s

    def __init__(self, values: numpy.ndarray) -> None:
        self._values = numpy.asarray(values)
        self._device = _current.device

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function: Any, *_: Any, **__: Any) -> Any:
        raise TypeError(f"NumPy's {function.__name__} was called on a GPU array")

    @property
    def device(self) -> _Device:
        return _Device(self._device)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._values.shape

    @property
    def dtype(self) -> numpy.dtype:
        return self._values.dtype

    @property
    def ndim(self) -> int:
        return self._values.ndim

    @property
    def size(self) -> int:
        return self._values.size

    @property
    def base(self) -> Any:
        return self._values.base

    @property
    def T(self) -> ndarray:
        return self.transpose()  # type: ignore[attr-defined,no-any-return]  # a method that is made below

    @property
    def strides(self) -> tuple[int, ...]:
        return self._values.strides

    @property
    def flags(self) -> Any:
        return self._values.flags

    @property
    def nbytes(self) -> int:
        return self._values.nbytes

    def get(self) -> numpy.ndarray:
        """A copy of the values as a NumPy array."""
        return self._values.copy()

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __int__(self) -> int:
        return int(self._values)

    def __float__(self) -> float:
        return float(self._values)

    def __index__(self) -> int:
        return self._values.__index__()

    def __repr__(self) -> str:
        return repr(self._values)

    def __getitem__(self, index: Any) -> ndarray:
        return ndarray(_inside(self)[_inside(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        _inside(self)[_inside(index)] = _inside(value)


def _inside(value: Any) -> Any:
    """What NumPy is to work on; an error for what CuPy would refuse."""
    if isinstance(value, ndarray):
        if value._device != _current.device:
            raise ValueError(f"Array device must be same as the current device: {value._device} vs {_current.device}")
        return value._values
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(_inside(part) for part in value)
    return value


def _outside(value: Any) -> Any:
    return value if value is NotImplemented else ndarray(value)


def _called(name: str, function: Any, allowed: tuple[str, ...], arguments: Any, options: dict[str, Any]) -> Any:
    if unknown := set(options) - set(allowed):
        raise TypeError(f"{name} got unexpected keyword arguments {sorted(unknown)}")
    with numpy.errstate(all="ignore"):
        return _outside(function(*map(_inside, arguments), **{key: _inside(each) for key, each in options.items()}))


def _method(name: str, allowed: tuple[str, ...]) -> Any:
    def call(self: ndarray, *arguments: Any, **options: Any) -> Any:
        return _called(name, getattr(numpy.ndarray, name), allowed, (self, *arguments), options)

    return call


def _operator(name: str) -> Any:
    def call(self: ndarray, *others: Any) -> Any:
        if any(not isinstance(other, (ndarray, bool, int, float, numpy.generic)) for other in others):
            raise TypeError(f"Unsupported type {type(others[0])}")
        return _called(name, getattr(numpy.ndarray, name), (), (self, *others), {})

    return call


for _name, _allowed in METHODS.items():
    setattr(ndarray, _name, _method(_name, _allowed))
for _name in OPERATORS:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


class ufunc:  # noqa: N801  # CuPy's name
    """A function that works entry by entry."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _called(self._name, getattr(numpy, self._name), UFUNC_ARGUMENTS, arguments, options)

    def at(self, array: ndarray, index: Any, values: Any) -> None:
        """Work in place at an index, for each time that it is named."""
        getattr(numpy, self._name).at(_inside(array), _inside(index), _inside(values))


def _function(name: str) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        return _called(name, getattr(numpy, name), FUNCTIONS[name], arguments, options)

    return call


globals().update({name: _function(name) for name in FUNCTIONS})
globals().update({name: ufunc(name) for name in UFUNCS})


def asarray(value: Any, dtype: Any = None) -> ndarray:
    """An array on the current GPU, copied from the CPU or from another GPU if need be."""
    if isinstance(value, ndarray):
        return value if value._device == _current.device else ndarray(value._values.copy())
    return ndarray(numpy.array(value, dtype))


def asnumpy(value: Any) -> numpy.ndarray:
    """A NumPy array with the same values."""
    return value.get() if isinstance(value, ndarray) else numpy.asarray(value)
