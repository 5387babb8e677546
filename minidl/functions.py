"""function: a Python function that is traced once for each signature, and from then on runs as a program."""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

import numpy

from minidl.context import compiling, thread
from minidl.devices import is_gpu_array
from minidl.errors import brief
from minidl.nest import flatten, form, pack
from minidl.specs import TensorSpec
from minidl.tensor import Tensor, TensorLike, Variable, as_tensor
from minidl.tracing.compiled import Compiled, Pass, result_of
from minidl.tracing.passes import PASSES
from minidl.tracing.running import ANOTHER
from minidl.tracing.trace import ValuesNeededError

P = ParamSpec("P")
R = TypeVar("R")


@overload
def function(func: Callable[P, R], **options: Any) -> Function[P, R]: ...


@overload
def function(func: None = None, **options: Any) -> Callable[[Callable[P, R]], Function[P, R]]: ...


def function(func: Any = None, *, input_signature: Any = None, **options: Any) -> Any:
    """Make a function compiled: traced in its first call, it runs as a straight-line program in later ones.

    Arguments:
        func: takes tensors, variables, numbers, and nests of them; NumPy's arrays and numbers come as tensors.
            Without it, the result is a decorator.
        input_signature: a TensorSpec for each argument, in nests where the arguments are: what is given is made a
            tensor, and must look so. Each shape is traced by itself nevertheless.
        options: TensorFlow's `autograph`, `jit_compile`, `reduce_retracing`. Here every function is compiled, each
            shape is traced by itself, and an `if` or a `while` on a tensor is an error, whatever they say.

    The first call with a signature (the nest of the arguments; shapes, dtypes, layouts and devices of its tensors and
    variables, and which of them are one; all else by value) runs the function while a trace listens. From the trace a
    program of array calls is written, which later calls with that signature run; it gives the same bits. What Python
    does beside is done when the function is traced, and not again. A list that is a default value is an argument like
    others. A variable that the function knows otherwise too, as by an optimizer, has a program of its own. Functions,
    gradients taken inside and variables assigned inside are traced through; where a tape listens outside, the recorded
    operations are issued again for it (or the function is run, if it calls one with a custom gradient). It may be
    traced more than once. What it computes in threads of its own is not traced, and so the same at each call; they must
    not call compiled functions while it waits for them. Ctrl-C in the midst of a program that assigns several variables
    may leave some with their new values, and others with the old: `Model.fit` puts it off to the end of a step.

    Raises TypeError for arguments that don't fit the input signature, and where Python looks at a tensor's value while
    the function is traced; ValueError where it makes a variable in any call but its first.

    >>> @tf.function
    ... def descend(x):
    ...     with tf.GradientTape() as tape:
    ...         y = tf.square(x - 50.0)
    ...     x.assign_sub(0.25 * tape.gradient(y, x))
    ...     return y
    >>> x = tf.Variable(42.0)
    >>> [float(descend(x)) for _ in range(3)]
    [64.0, 16.0, 4.0]
    """
    if unknown := set(options) - {"autograph", "jit_compile", "reduce_retracing", "experimental_relax_shapes"}:
        raise TypeError(f"tf.function has no argument {', '.join(sorted(unknown))} in minidl")
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    if not callable(func):
        raise TypeError(f"tf.function makes a function compiled; {func!r} was given")
    return Function(func, input_signature=input_signature)


class Function(Generic[P, R]):
    """A compiled function; see `function`. `python_function` is the function in Python."""

    def __init__(self, func: Callable[P, R], passes: Mapping[str, Pass] = PASSES, input_signature: Any = None) -> None:
        functools.update_wrapper(self, func, updated=())
        self.python_function, self._passes, self.input_signature = func, passes, input_signature
        self._compiled: dict[Hashable, Compiled] = {}
        self._guards: list[tuple[Callable[..., Any], Compiled]] = []  # that of the latest call first
        self._latest: Compiled | None = None
        self._has_run = False
        self._methods: dict[int, Function[..., Any]] = {}  # for each instance whose method this is, by its id
        self._parameters: Any = None  # where some default values are tensors or may change, such as lists
        with contextlib.suppress(TypeError, ValueError):  # what is written in C may have no signature
            parameters = inspect.signature(func)
            defaults = [each.default for each in parameters.parameters.values()]
            if not all(isinstance(each, Hashable) and not isinstance(each, numpy.floating) for each in defaults):
                self._parameters = parameters

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        key = id(instance)
        if key not in self._methods:
            try:
                reference = weakref.ref(instance, functools.partial(self._methods.pop, key))
            except TypeError:  # what can't be referred to weakly is an argument like others, and kept
                return MethodType(self, instance)
            self._methods[key] = _Method(self.python_function, reference, self._passes, self.input_signature)
        return MethodType(self._methods[key], instance)

    def __repr__(self) -> str:
        return f"<minidl.function {getattr(self, '__qualname__', self.python_function)}>"

    if TYPE_CHECKING:
        __name__: str

        def __call__(self, *arguments: P.args, **options: P.kwargs) -> R: ...

    def _run_compiled(self, *arguments: Any, **options: Any) -> Any:
        """What the function gives, by the program for such arguments."""
        if not options:
            for guard, compiled in self._guards:
                found = guard(*arguments)
                if found is not ANOTHER:
                    if compiled is not self._latest:
                        self._note(compiled)
                    return found
        if self.input_signature is not None:
            arguments, options = self._checked(arguments, options), {}
        state = thread.state
        if state.trace is not None:
            return self.python_function(*arguments, **options)  # the trace in force hears it all
        if self._parameters is not None:  # a default value is an argument like others
            bound = self._parameters.bind(*arguments, **options)
            bound.apply_defaults()
            arguments, options = bound.args, bound.kwargs
        nest = (arguments, options)
        leaves = [_as_argument(leaf) for leaf in flatten(nest)]
        with compiling:
            try:
                compiled = self._compiled_for(nest, leaves)
            except ValuesNeededError:  # by a variable that this first call makes; the next can be traced
                self._has_run = True
                found = self.python_function(*arguments, **options)
                return pack(found, map(result_of, flatten(found)))
            if state.listeners:
                return compiled.issue(pack(nest, leaves))
            return compiled.run(state, *[leaf for leaf in leaves if isinstance(leaf, TensorLike)])

    def _checked(self, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments as tensors that look as the input signature says."""
        bound = inspect.signature(self.python_function).bind(*arguments, **options)
        if bound.kwargs or len(bound.args) != len(self.input_signature):
            raise TypeError(f"{self!r} takes {len(self.input_signature)} arguments, one for each of its signature's")
        return tuple(map(_fitted, self.input_signature, bound.args))

    def _compiled_for(self, nest: Any, leaves: Sequence[Any]) -> Compiled:
        """The function compiled for a signature."""
        variables = [leaf for leaf in leaves if isinstance(leaf, Variable)]
        serials = tuple([variable.serial for variable in variables])
        signature = thread.state.device, _signature_of(nest, leaves)
        compiled = self._compiled.get(signature)
        if compiled is None or not compiled.variables.isdisjoint(serials):
            compiled = self._compiled.get((signature, serials))
        if compiled is None:
            compiled = Compiled(self.python_function, nest, leaves, not self._has_run, self._passes)
            if compiled.creates:  # only in the first call; later ones find them there
                compiled = Compiled(self.python_function, nest, leaves, False, self._passes)
            # Where the function knows these otherwise too, as by an optimizer, the program is for them alone.
            roots = [self.python_function, *(leaf for leaf in leaves if not isinstance(leaf, Variable))]
            is_for_these = signature in self._compiled or _refers(roots, variables)
            self._compiled[(signature, serials) if is_for_these else signature], self._has_run = compiled, True
        self._note(compiled)
        return compiled

    def _note(self, compiled: Compiled) -> None:
        """The program of the latest call, whose guard is asked first in the next."""
        self._latest = compiled
        if compiled.guard is not None:
            self._guards = [(compiled.guard, compiled), *(each for each in self._guards if each[1] is not compiled)]

    def source(self, level: str | None = None) -> str:
        """The text of the program that runs for the arguments that were given last.

        Arguments:
            level: 'plain' for the program as it was traced, a line for each array call; the name of a pass for what
                it is after that: 'unused', 'repeats', 'constants', 'packing', 'inplace', 'buffers'.
                By default it is after the last, which is what runs. All give the same bits.

        Raises ValueError before the first call, and for a level that there isn't.

        >>> double = tf.function(lambda x: x * 2.0)
        >>> double(tf.constant([1.0, 2.0])).numpy()
        array([2., 4.], dtype=float32)
        >>> print(double.source())  # doctest: +ELLIPSIS
        from numpy import asarray, multiply
        ...
        """
        if self._latest is None:
            raise ValueError(f"{self!r} has no program yet: that is written when it is first called")
        return self._latest.source(level)


class _Method(Function[..., Any]):
    """A compiled method of one instance. It is given that at each call and doesn't keep it, so that it can die."""

    def __init__(self, func: Callable[..., Any], reference: weakref.ref[Any], passes: Mapping[str, Pass],
                 input_signature: Any) -> None:  # fmt: skip
        @functools.wraps(func)
        def method(*arguments: Any, **options: Any) -> Any:
            return func(reference(), *arguments, **options)

        with contextlib.suppress(TypeError, ValueError):  # what is written in C may have no signature
            vars(method)["__signature__"] = inspect.signature(MethodType(func, reference()))
            self.__signature__ = inspect.signature(func)  # of this, the first parameter is the instance
        super().__init__(method, passes, input_signature)

    def __call__(self, instance: Any, *arguments: Any, **options: Any) -> Any:
        return super().__call__(*arguments, **options)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let compiled functions run as Python from now on, so that one can look into them, or no longer.

    >>> tf.config.run_functions_eagerly(True)
    >>> tf.function(lambda x: print("x is", float(x)))(tf.constant(1.0))
    x is 1.0
    >>> tf.config.run_functions_eagerly(False)
    """
    Function.__call__ = _run_as_python if run_eagerly else Function._run_compiled  # type: ignore[method-assign]  # so that no call asks


def functions_run_eagerly() -> bool:
    """Whether compiled functions run as Python; see `run_functions_eagerly`.

    >>> tf.config.functions_run_eagerly()
    False
    """
    return Function.__call__ is _run_as_python


def _run_as_python(self: Function[..., Any], *arguments: Any, **options: Any) -> Any:
    return self.python_function(*arguments, **options)


run_functions_eagerly(False)


# -- what of its arguments a program depends on: everything, but for the values in tensors ------------------------


def _fitted(spec: Any, value: Any) -> Any:
    """An argument that an input signature is for, with tensors that look as that says."""
    if isinstance(spec, TensorSpec):
        return spec.checked(value)
    if form(spec) != form(value):
        raise TypeError(f"An argument like {spec} is wanted; {brief(value)} was given")
    return pack(value, map(_fitted, flatten(spec), flatten(value)))


def _as_argument(value: Any) -> Any:
    """What holds numbers as a tensor, such as an array, a float of NumPy's or a series of pandas's; anything else as it
    is, NumPy's whole numbers too, which are lengths and axes.

    Raises TypeError for what can't be hashed, since it may change without anybody knowing.
    """
    is_by_value = isinstance(value, numpy.generic) and not isinstance(value, numpy.floating)
    if is_by_value or isinstance(value, (TensorLike, type)):
        return value
    if hasattr(value, "__array__") or is_gpu_array(value):
        return as_tensor(value if isinstance(value, numpy.ndarray) or is_gpu_array(value) else numpy.asarray(value))
    try:
        hash(value)
    except TypeError:
        raise TypeError(f"A compiled function doesn't take {value!r}, which may change between calls") from None
    return value


def _signature_of(nest: Any, leaves: Sequence[Any]) -> Hashable:
    """The signature of a nest of arguments with these values in it."""
    tensors = [leaf.serial for leaf in leaves if isinstance(leaf, TensorLike)]
    repeated = None if len(set(tensors)) == len(tensors) else tuple(map(tensors.index, tensors))
    return form(nest), tuple(map(_looks, leaves)), repeated


def _looks(leaf: Any) -> Hashable:
    if type(leaf) in (Tensor, Variable):
        looks = leaf.array.shape, leaf.array.dtype, leaf.array.strides, leaf.home
        return looks if type(leaf) is Tensor else (Variable, leaf.trainable, looks)
    if type(leaf) in (bool, int, float, complex, str, bytes, type(None)) or isinstance(leaf, numpy.generic):
        return type(leaf), repr(leaf)  # which tells -0.0 from 0.0, and takes a NaN for itself
    return type(leaf), id(leaf)  # of an object that `Compiled` holds, so that no other gets its `id`


def _refers(roots: Sequence[Any], variables: Sequence[Variable]) -> bool:
    """Whether what objects hold, and what the names in functions stand for, leads to one of some variables."""
    wanted, seen, ahead = set(map(id, variables)), set(), list(roots) if variables else []
    while ahead:
        each = ahead.pop()
        if id(each) in wanted:
            return True
        if id(each) in seen or isinstance(each, (type, ModuleType)):
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType):  # whose module holds more than what it names
            ahead += [each.__globals__.get(name) for name in _names(each.__code__)]
            ahead += [each.__closure__, each.__defaults__, each.__kwdefaults__]
        else:
            ahead += [each()] if isinstance(each, weakref.ref) else gc.get_referents(each)
    return False


def _names(code: CodeType) -> list[str]:
    """The names that code uses, and the functions in it."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return [*code.co_names, *inner]
