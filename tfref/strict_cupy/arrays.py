"""Arrays on a GPU, and how CuPy computes with them, done by NumPy.

Every call goes one way, `_called`: it refuses what CuPy would refuse, has NumPy compute, and gives the result CuPy's
looks: an array also where NumPy gives a number, its entries in C order whatever the operands' order was.

What CuPy does was read in the source of its version 14.2: `_core/_kernel.pyx` (ufuncs: `out`, `at`, `reduce`, devices),
`_core/core.pyx` (arrays: operators, priorities, conversion), `_core/_routines_linalg.pyx` (products: `tensordot_core`),
`_core/_routines_manipulation.pyx` (joining), `_core/_routines_indexing.pyx` (indices, what waits), `cuda/compiler.py`
(subnormals), `cuda/stream.pyx` and `cuda/graph.pyx`, and `cupy_backends/cuda/libs/cublas.pyx` (`setStream`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from tfref.strict_cupy import cuda, names
from tfref.strict_cupy.counts import count
from tfref.strict_cupy.cuda import start, thread, transfer, wait_for_gpu

# Operators, with the ufuncs that compute them; those of two operands are also there with `r` and `i` before them.
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}
COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip

ARRAYS = (numpy.ndarray, numpy.generic)  # what NumPy gives where CuPy gives an array

# The ufuncs that have `at`, and those that have `reduce`, with the method that does it.
AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
REDUCE = {"add": "sum", "multiply": "prod"}

TINY = numpy.finfo("float32").tiny
_unknown_order = numpy.random.default_rng(0)


def _of_values(name: str) -> Any:
    return property(operator.attrgetter(f"_values.{name}"))


class ndarray:  # noqa: N801  # CuPy's name
    """An array on a GPU."""

    __array_priority__ = 100  # only what has a higher one gets to compute `array * other`
    __array_ufunc__ = None  # NumPy's functions and NumPy's arrays are refused
    __hash__ = None  # type: ignore[assignment]  # as of CuPy's arrays; the checker knows only `object`'s

    def __init__(self, values: numpy.ndarray) -> None:
        self._values = values
        self._device = thread.device

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function: Any, *_: Any, **__: Any) -> Any:
        raise TypeError(f"NumPy's {function.__name__} was called on a GPU array")

    # -- what is known of it without asking the GPU

    @property
    def device(self) -> cuda.Device:
        count("lookups")
        return cuda.Device(self._device)

    @property
    def data(self) -> cuda.MemoryPointer:
        count("lookups")
        return cuda.MemoryPointer(self._values.ctypes.data, self._device)

    shape, strides, ndim, dtype, size, itemsize, nbytes, flags, base = map(
        _of_values, ("shape", "strides", "ndim", "dtype", "size", "itemsize", "nbytes", "flags", "base")
    )

    @property
    def T(self) -> Any:
        return self.transpose()  # type: ignore[attr-defined]  # one of the methods from the list of names

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[index] for index in range(len(self)))

    # -- values brought to the CPU, and from there

    def get(self) -> numpy.ndarray:
        """A copy of the values as a NumPy array, row by row."""
        transfer("downloads")
        wait_for_gpu()
        return self._values.copy()

    def set(self, values: numpy.ndarray) -> None:
        """Write a NumPy array's values into this array."""
        transfer("uploads")
        numpy.copyto(_inside(self), values)

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    # -- parts

    def __getitem__(self, index: Any) -> Any:
        _prepare(index)
        return _called("getitem", operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        values, where, new = _inside(self), _inside(index), _inside(value)
        start("setitem", lambda: operator.setitem(values, where, new))


def _prepare(index: Any) -> None:
    """What an index costs: lists of numbers are uploaded, and the entries that a mask picks are counted first."""
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, list):
            transfer("uploads")
        if isinstance(part, ndarray) and part.dtype == bool:
            wait_for_gpu()


def _inside(value: Any) -> Any:
    """What NumPy is to work on; an error for what CuPy would refuse."""
    if isinstance(value, ndarray):
        if value._device != thread.device:
            raise ValueError(
                f"The device where the array resides ({value._device}) is different from the current device "
                f"({thread.device}). Peer access is unavailable between these devices."
            )
        return value._values
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(map(_inside, value))
    return value


# -- calls ---------------------------------------------------------------------------------------------------------


def _called(name: str, compute: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What CuPy's function of this name gives, where NumPy computes the same with this one."""
    out = options.pop("out", None)
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if out is not None and not isinstance(out, ndarray):
        raise TypeError("Output arguments type must be cupy.ndarray")
    given = [_inside(argument) for argument in arguments]
    named = {key: _inside(option) for key, option in options.items()}
    if name in names.WAIT:
        wait_for_gpu()

    def kernel() -> Any:
        with numpy.errstate(all="ignore"):
            return compute(*given, **named)

    found = numpy.asarray(kernel()) if name in names.GIVE_ARRAYS else kernel()
    if isinstance(found, (list, tuple)) and found and all(isinstance(each, ARRAYS) for each in found):
        parts = [_result(name, each, _part(kernel, index), None, given) for index, each in enumerate(found)]
        return parts if isinstance(found, list) else tuple(parts)
    return _result(name, found, kernel, out, given) if isinstance(found, ARRAYS) else found


def _part(kernel: Callable[[], Any], index: int) -> Callable[[], Any]:
    return lambda: kernel()[index]


def _result(name: str, found: Any, kernel: Callable[[], Any], out: ndarray | None, given: list[Any]) -> ndarray:
    """The array that a kernel, which finds this, writes into: the one given for it, or a new one."""
    if out is None:
        if isinstance(found, numpy.ndarray) and _is_view(found, given):
            return ndarray(found)
        values = numpy.array(found, order="K" if name in names.COPIES else "C")
    else:
        values = _inside(out)
        if values.shape != found.shape:
            raise ValueError(f"Out shape is mismatched: {values.shape} for a result of shape {found.shape}")
        if not numpy.can_cast(found.dtype, values.dtype, "same_kind"):
            raise TypeError(f"Cannot cast output from {found.dtype} to {values.dtype} with casting rule 'same_kind'")
        if name == "dot" and not (values.dtype == found.dtype and values.flags.c_contiguous):
            raise ValueError("Output array must be C-contiguous, and its dtype that of the result")
    if name == "astype":
        count("conversions")
    is_captured = cuda.get_current_stream().is_capturing()
    if is_captured and name in names.PRODUCTS and found.dtype.kind == "f" and found.size > 1:
        raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
    if name in names.PRODUCTS and out is not None and _is_view(values, given):  # NumPy, and CuPy's ufuncs, copy first
        raise ValueError("cuBLAS would write over what it has still to read")
    if is_captured and out is None:
        _spoil(values)
    start(name, lambda: numpy.copyto(values, kernel() if is_captured else found, casting="same_kind"))
    return ndarray(values) if out is None else out


def _is_view(found: numpy.ndarray, given: Any) -> bool:
    if isinstance(given, (list, tuple)):
        return any(_is_view(found, each) for each in given)
    return isinstance(given, numpy.ndarray) and numpy.may_share_memory(found, given)


def _spoil(values: numpy.ndarray) -> numpy.ndarray:
    """Memory that nothing was written into yet: numbers that whoever reads them will notice."""
    if values.dtype.kind == "f":
        values.fill(numpy.nan)
    return values


def _written(name: str, write: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Have a kernel write into an array."""
    given = [_inside(argument) for argument in arguments]
    named = {key: _inside(option) for key, option in options.items()}
    start(name, lambda: write(*given, **named))


def flushed(value: Any) -> Any:
    """A value with zeros for float32's subnormal numbers, since CuPy's kernels are compiled with -ftz=true."""
    if isinstance(value, ARRAYS) and value.dtype == numpy.float32:
        is_small = numpy.abs(value) < TINY
        if (is_small & (value != 0)).any():
            return numpy.multiply(value, ~is_small)
    return value


def _flushing(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(*arguments: Any, **options: Any) -> Any:
        found = function(*map(flushed, arguments), **options)
        return tuple(map(flushed, found)) if isinstance(found, tuple) else flushed(found)

    return compute


def _product(function: Callable[..., Any]) -> Callable[..., Any]:
    """A product; where that is one entry, CuPy multiplies entries and sums them, without cuBLAS."""

    def compute(a: Any, b: Any, *more: Any, **options: Any) -> Any:
        found = function(a, b, *more, **options)
        if found.size == 1 and numpy.ndim(a) in (1, 2) and numpy.ndim(b) in (1, 2) and numpy.size(a):
            total = flushed(flushed(a.ravel()) * flushed(b.ravel())).sum(dtype=found.dtype)
            return numpy.asarray(flushed(total)).reshape(found.shape)
        return found

    return compute


def _computed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """How a GPU computes what this function of NumPy's computes."""
    if name in names.PRODUCTS:
        return _product(function)
    if name == "take":
        return lambda *arguments, **options: function(*arguments, mode="wrap", **options)
    return _flushing(function) if name in names.SUMS or isinstance(function, numpy.ufunc) else function


# -- functions, ufuncs and methods ---------------------------------------------------------------------------------


def _check(name: str, parameters: tuple[str, ...], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise TypeError for arguments that CuPy's function doesn't have, even if NumPy's does."""
    if "**" not in "".join(parameters) and (unknown := set(options) - set(parameters)):
        raise TypeError(f"{name} got unexpected keyword arguments {sorted(unknown)}")
    if "*" not in "".join(parameters) and len(arguments) > len(parameters):
        raise TypeError(f"{name} takes {len(parameters)} arguments, but {len(arguments)} were given")


def _function(name: str, parameters: tuple[str, ...]) -> Callable[..., Any]:
    function = getattr(numpy, name)
    compute = _computed(name, function)

    def call(*arguments: Any, **options: Any) -> Any:
        _check(name, parameters, arguments, options)
        if (name in names.JOIN and len(arguments[0]) > names.POINTERS) or (
            name == "take" and isinstance(arguments[1], list)
        ):
            transfer("uploads")
        return (_written if name in names.WRITE else _called)(name, compute, arguments, options)

    return call


def _method(name: str, parameters: tuple[str, ...]) -> Callable[..., Any]:
    function = getattr(numpy.ndarray, name)
    compute = _computed(name, function)

    def call(self: ndarray, *arguments: Any, **options: Any) -> Any:
        _check(name, parameters, arguments, options)
        if name == "take" and isinstance(arguments[0], list):
            transfer("uploads")
        if name in names.DOWNLOAD:
            return function(self.get(), *arguments, **options)
        return (_written if name in names.METHODS_WRITE else _called)(name, compute, (self, *arguments), options)

    return call


class ufunc:  # noqa: N801  # CuPy's name
    """A function that works entry by entry."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._function = getattr(numpy, name)
        self._compute = _computed(name, self._function)
        self.nin, self.nout = getattr(self._function, "nin", 1), getattr(self._function, "nout", 1)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if unknown := set(options) - {"out", "dtype", "casting"}:
            raise TypeError(f"Wrong arguments {sorted(unknown)}")
        if len(arguments) > self.nin:
            options["out"] = arguments[self.nin :]
        return _called(self.name, self._compute, arguments[: self.nin], options)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """Work in place at indices, for each time that a place is named, in an order that nobody knows."""
        if self.name not in AT:
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")

        def write(values: Any, index: Any, operand: Any) -> None:
            places = numpy.arange(values.size).reshape(values.shape)[index]
            order = _unknown_order.permutation(places.size)
            operands = numpy.broadcast_to(operand, places.shape).reshape(-1)[order]
            entries = values.flatten()
            self._function.at(entries, places.reshape(-1)[order], operands)
            values[...] = entries.reshape(values.shape)

        _written(f"{self.name}.at", write, (a, indices, b), {})

    def reduce(
        self, array: ndarray, axis: Any = 0, dtype: Any = None, out: ndarray | None = None, keepdims: bool = False
    ) -> Any:
        if self.name not in REDUCE:
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return getattr(array, REDUCE[self.name])(axis, dtype, out, keepdims)


def _operator(name: str, operation: ufunc) -> Callable[..., Any]:
    """The operator of an array and something else; `name` begins with r where the array stands on the right."""

    def call(self: ndarray, *others: Any) -> Any:
        for other in others:
            if isinstance(other, (ndarray, bool, int, float, numpy.generic)):
                continue
            protocol = getattr(other, "__array_ufunc__", ...)
            if protocol is None or (protocol is ... and getattr(other, "__array_priority__", 0) > 100):
                return NotImplemented
            raise TypeError(f"Unsupported type {type(other)}")
        operands = (*others, self) if name[0] == "r" and name != "rshift" else (self, *others)
        return operation(*operands, out=self) if name[0] == "i" and name != "invert" else operation(*operands)

    return call


# -- making arrays -------------------------------------------------------------------------------------------------


def array(
    obj: Any, dtype: Any = None, copy: bool | None = True, order: str | None = "K", subok: bool = False,
    ndmin: int = 0, *, blocking: bool = False,
) -> ndarray:  # fmt: skip
    """An array on the current GPU, copied from the CPU or from another GPU if need be."""
    if subok:
        raise NotImplementedError
    if isinstance(obj, ndarray):
        if obj._device != thread.device:
            if not obj.flags.forc:
                raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
            start("copy", lambda: None)
            obj, copy = ndarray(obj._values.copy()), None
        dtype = obj.dtype if dtype is None else numpy.dtype(dtype)
        return _converted(obj, dtype, order=order or "K") if copy or obj.dtype != dtype else obj
    if _holds_arrays(obj):
        joined: ndarray = _called("concatenate", lambda parts: numpy.array(parts, dtype), (obj,), {})
        return joined
    is_column_by_column = isinstance(obj, numpy.ndarray) and obj.flags.fnc and order in (None, "A", "K")
    values = numpy.array(obj, dtype, ndmin=ndmin, order="F" if is_column_by_column or order == "F" else "C")
    if values.ndim:
        transfer("uploads")
    else:
        start("fill", lambda: None)  # the number is an argument of a kernel, or a 0 that memory is set to
        values = numpy.where(values == 0, values.dtype.type(0), values)
    return ndarray(values)


def _converted(obj: ndarray, dtype: Any, order: str) -> ndarray:
    made: ndarray = obj.astype(dtype, order=order)  # type: ignore[attr-defined]  # a method from the list of names
    return made


def _holds_arrays(obj: Any) -> bool:
    return isinstance(obj, ndarray) or (isinstance(obj, (list, tuple)) and any(map(_holds_arrays, obj)))


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, blocking: bool = False
) -> ndarray:
    return array(a, dtype, copy, order, blocking=blocking)


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    made = asarray(a, dtype)
    return made if made.flags.c_contiguous else _converted(made, made.dtype, order="C")


def empty(shape: Any, dtype: Any = float, order: Any = "C") -> ndarray:
    return ndarray(_spoil(numpy.empty(shape, dtype, order)))


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> numpy.ndarray:
    """A NumPy array with the same values."""
    return a.get() if isinstance(a, ndarray) else numpy.asarray(a)


def namespace() -> dict[str, Any]:
    """All names that the double shares with CuPy."""
    found: dict[str, Any] = {name: getattr(numpy, name) for name in names.read("value") if hasattr(numpy, name)}
    found |= {name: ufunc(name) for name in names.read("ufunc") if hasattr(numpy, name)}
    found |= {name: _function(name, each) for name, each in names.read("function").items() if hasattr(numpy, name)}
    own = (array, asarray, ascontiguousarray, empty, asnumpy, ndarray, ufunc)
    return found | {"asanyarray": asarray} | {each.__name__: each for each in own}


NAMESPACE = namespace()
for _name, _parameters in names.read("method").items():
    setattr(ndarray, _name, _method(_name, _parameters))
for _name, _ufunc in (UNARY | COMPARISONS | BINARY).items():
    for _side in ("",) if _name not in BINARY else ("", "r") if _name == "matmul" else ("", "r", "i"):
        setattr(ndarray, f"__{_side}{_name}__", _operator(f"{_side}{_name}", NAMESPACE[_ufunc]))
