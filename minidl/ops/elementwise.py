"""Operations that work entry by entry: the table of derivatives at the back of a calculus book.

Above each forward rule stand its gradient rules, `input=lambda upstream, what the rule needs: gradient`. At kinks and
edges they give what TensorFlow gives: at a tie `maximum` and `minimum` follow x, `relu` and `abs` are flat at 0, and
`0 ** y` has derivative 0 in y.
"""

from typing import Any

from minidl.context import thread
from minidl.errors import InvalidArgumentError
from minidl.ops.creation import zeros_like
from minidl.ops.inputs import alike, convert, device_near
from minidl.ops.operation import operation
from minidl.primitive import primitive
from minidl.tensor import Tensor
from minidl.values import BOOLS, DTYPES, FLOATS, NUMBERS, bool_

__all__ = ["abs", "add", "clip_by_value", "cos", "divide", "equal", "exp", "greater", "greater_equal", "less",
           "less_equal", "logical_and", "logical_not", "logical_or", "maximum", "minimum", "multiply", "negative",
           "not_equal", "pow", "round", "sigmoid", "sign", "sin", "sqrt", "square", "subtract", "tanh",
           "where"]  # fmt: skip

# -- arithmetic --------------------------------------------------------------------------------------------------


@operation(NUMBERS, x=lambda upstream: upstream, y=lambda upstream: upstream)
def add(xp, x, y):
    """The sum x + y; d(x + y)/dx = 1, d(x + y)/dy = 1.

    >>> tf.add([1.0, 2.0], 10.0).numpy()
    array([11., 12.], dtype=float32)
    """
    return xp.add(x, y)


@operation(NUMBERS, x=lambda upstream: upstream, y=lambda upstream: -upstream)
def subtract(xp, x, y):
    """The difference x - y; d(x - y)/dx = 1, d(x - y)/dy = -1.

    >>> tf.subtract([1.0, 2.0], 10.0).numpy()
    array([-9., -8.], dtype=float32)
    """
    return xp.subtract(x, y)


@operation(NUMBERS, x=lambda upstream, y: upstream * y, y=lambda upstream, x: upstream * x)
def multiply(xp, x, y):
    """The product x y; d(x y)/dx = y, d(x y)/dy = x.

    >>> tf.multiply([1.0, 2.0], 10.0).numpy()
    array([10., 20.], dtype=float32)
    """
    return xp.multiply(x, y)


@operation(NUMBERS, x=lambda upstream, y: upstream / y, y=lambda upstream, x, y: upstream * (-x / y / y))
def divide(xp, x, y):
    """The quotient x / y, of integers in float64; d(x / y)/dx = 1 / y, d(x / y)/dy = -x / y².

    >>> tf.divide([1.0, 2.0], 4.0).numpy()
    array([0.25, 0.5 ], dtype=float32)
    """
    return xp.divide(x, y)


@operation(NUMBERS)
def floordiv(xp, x, y):
    """The quotient x / y rounded down, which has no gradient.

    >>> tf.math.floordiv([7, -7], 2).numpy()
    array([ 3, -4], dtype=int32)
    """
    return xp.floor(xp.divide(x, y)) if x.dtype.kind == "f" else xp.floor_divide(x, _not_zero(x, y))


@operation(NUMBERS, x=lambda upstream: upstream, y=lambda upstream, x, y: -upstream * floordiv(x, y))
def floormod(xp, x, y):
    """The remainder x - y floor(x / y), with the sign of y; d/dx = 1, d/dy = -floor(x / y).

    >>> tf.math.floormod([7.0, -7.0], 2.0).numpy()
    array([1., 1.], dtype=float32)
    """
    if x.dtype.kind != "f":
        return xp.remainder(x, _not_zero(x, y))
    rest = xp.fmod(x, y)  # which has the sign of x, at 0 too
    return xp.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def _not_zero(x: Any, y: Any) -> Any:
    """Whole numbers to divide x by, checked."""
    if x.size and not y.all():
        raise InvalidArgumentError("Whole numbers can't be divided by zero; cast them to floats for inf and NaN")
    return y


@operation(NUMBERS, x=lambda upstream: -upstream)
def negative(xp, x):
    """The opposite -x; d(-x)/dx = -1.

    >>> tf.negative([1.0, -2.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    return xp.negative(x)


@operation(FLOATS, x=lambda upstream, result: -upstream * (result * result))
def reciprocal(xp, x):
    """The reciprocal 1 / x; d(1 / x)/dx = -1 / x².

    >>> tf.math.reciprocal([2.0, 4.0]).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    return xp.reciprocal(x)


@operation(NUMBERS, x=lambda upstream, x: upstream * sign(x))
def abs(xp, x):  # TensorFlow's name for it
    """The absolute value |x|; d|x|/dx = sign x, which is 0 at 0.

    >>> tf.abs([-1.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    return xp.absolute(x)


@operation(NUMBERS, x=lambda upstream: zeros_like(upstream))
def sign(xp, x):
    """The sign of x: -1, 0 or 1; its derivative is 0.

    >>> tf.sign([-3.0, 0.0, 2.0]).numpy()
    array([-1.,  0.,  1.], dtype=float32)
    """
    return xp.sign(x)


@operation(NUMBERS, x=lambda upstream, x: upstream * (x + x))
def square(xp, x):
    """The square x²; d(x²)/dx = 2 x.

    >>> tf.square([1.0, -3.0]).numpy()
    array([1., 9.], dtype=float32)
    """
    return xp.square(x)


@operation(NUMBERS, x=lambda upstream, x, y: upstream * ((x - y) * 2.0),
           y=lambda upstream, x, y: -upstream * ((x - y) * 2.0))  # fmt: skip
def squared_difference(xp, x, y):
    """The squared difference (x - y)²; d/dx = 2 (x - y), d/dy = 2 (y - x).

    >>> tf.math.squared_difference([1.0, 5.0], 2.0).numpy()
    array([1., 9.], dtype=float32)
    """
    return xp.square(xp.subtract(x, y))


@operation(NUMBERS)
def round(xp, x):  # TensorFlow's name for it
    """The nearest whole number, of two the even one, which has no gradient.

    >>> tf.round([0.5, 1.5, 1.7]).numpy()
    array([0., 2., 2.], dtype=float32)
    """
    return xp.rint(x) if x.dtype.kind == "f" else x.copy()


# -- powers, exponentials, angles --------------------------------------------------------------------------------


@operation(FLOATS, x=lambda upstream, result: upstream * 0.5 / result)
def sqrt(xp, x):
    """The square root √x, NaN below 0; d√x/dx = 1 / (2 √x).

    >>> tf.sqrt([4.0, 9.0]).numpy()
    array([2., 3.], dtype=float32)
    """
    return xp.sqrt(x)


@operation(NUMBERS, x=lambda upstream, x, y: upstream * y * pow(x, y - 1.0),
           y=lambda upstream, x, result: upstream * result * log(where(x > 0.0, x, 1.0)))  # fmt: skip
def pow(xp, x, y):  # TensorFlow's name for it
    """The power xʸ; d(xʸ)/dx = y xʸ⁻¹, d(xʸ)/dy = xʸ log x, taken as 0 where x ≤ 0.

    >>> tf.pow([2.0, 3.0], 3.0).numpy()
    array([ 8., 27.], dtype=float32)
    """
    if x.dtype.kind == "i" and x.size and bool((y < 0).any()):
        raise InvalidArgumentError("pow: whole numbers have no negative powers; cast them to floats with tf.cast")
    return xp.power(x, y)


@operation(FLOATS, x=lambda upstream, result: upstream * result)
def exp(xp, x):
    """The exponential eˣ; d(eˣ)/dx = eˣ.

    >>> tf.exp([0.0, 1.0]).numpy().round(4)
    array([1.    , 2.7183], dtype=float32)
    """
    return xp.exp(x)


@operation(FLOATS, x=lambda upstream, x: upstream * exp(x))
def expm1(xp, x):
    """eˣ - 1, exact to the last digits for small x too; d/dx = eˣ.

    >>> tf.math.expm1([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.7183], dtype=float32)
    """
    return xp.expm1(x)


@operation(FLOATS, x=lambda upstream, x: upstream / x)
def log(xp, x):
    """The natural logarithm log x, -inf at 0 and NaN below; d(log x)/dx = 1 / x.

    >>> tf.math.log([1.0, 9.0]).numpy().round(4)
    array([0.    , 2.1972], dtype=float32)
    """
    return xp.log(x)


@operation(FLOATS, x=lambda upstream, x: upstream / (x + 1.0))
def log1p(xp, x):
    """log(1 + x), exact to the last digits for small x too; d/dx = 1 / (1 + x).

    >>> tf.math.log1p([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.6931], dtype=float32)
    """
    return xp.log1p(x)


@operation(FLOATS, x=lambda upstream, x: upstream * cos(x))
def sin(xp, x):
    """The sine of an angle in radians; d(sin x)/dx = cos x.

    >>> tf.sin([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8415], dtype=float32)
    """
    return xp.sin(x)


@operation(FLOATS, x=lambda upstream, x: -upstream * sin(x))
def cos(xp, x):
    """The cosine of an angle in radians; d(cos x)/dx = -sin x.

    >>> tf.cos([0.0, 1.0]).numpy().round(4)
    array([1.    , 0.5403], dtype=float32)
    """
    return xp.cos(x)


@operation(FLOATS, x=lambda upstream, result: upstream * (1.0 - result * result))
def tanh(xp, x):
    """The hyperbolic tangent; d(tanh x)/dx = 1 - tanh² x.

    >>> tf.tanh([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7616], dtype=float32)
    """
    return xp.tanh(x)


@operation(FLOATS, x=lambda upstream, result: upstream * (result * (1.0 - result)))
def sigmoid(xp, x):
    """The logistic function s(x) = 1 / (1 + e⁻ˣ); ds/dx = s (1 - s).

    >>> tf.sigmoid([0.0, 1.0]).numpy().round(4)
    array([0.5   , 0.7311], dtype=float32)
    """
    return 1 / (1 + xp.exp(-x))


@operation(FLOATS, x=lambda upstream, x: upstream * sigmoid(x))
def softplus(xp, x):
    """log(1 + eˣ), a smooth relu; d/dx = 1 / (1 + e⁻ˣ).

    >>> tf.math.softplus([0.0, 1.0]).numpy().round(4)
    array([0.6931, 1.3133], dtype=float32)
    """
    return xp.logaddexp(x, 0)


# -- choices -----------------------------------------------------------------------------------------------------


@operation(NUMBERS, x=lambda upstream, x, y: where(x >= y, upstream, 0),
           y=lambda upstream, x, y: where(x >= y, 0, upstream))  # fmt: skip
def maximum(xp, x, y):
    """The larger of x and y; the gradient goes to the larger, at a tie to x.

    >>> tf.maximum([1.0, 5.0], 3.0).numpy()
    array([3., 5.], dtype=float32)
    """
    return xp.maximum(x, y)


@operation(NUMBERS, x=lambda upstream, x, y: where(x <= y, upstream, 0),
           y=lambda upstream, x, y: where(x <= y, 0, upstream))  # fmt: skip
def minimum(xp, x, y):
    """The smaller of x and y; the gradient goes to the smaller, at a tie to x.

    >>> tf.minimum([1.0, 5.0], 3.0).numpy()
    array([1., 3.], dtype=float32)
    """
    return xp.minimum(x, y)


@operation(NUMBERS, x=lambda upstream, result: where_positive(upstream, result))
def relu(xp, x):
    """max(x, 0); the derivative is 1 above 0 and 0 elsewhere, at 0 too.

    >>> tf.nn.relu([-1.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    return xp.maximum(x, 0)


@operation(NUMBERS, x=lambda upstream, y: where_positive(upstream, y), y=lambda upstream: zeros_like(upstream))
def where_positive(xp, x, y):
    """x where y is above 0, and 0 elsewhere: the gradient of relu; d/dx = 1 above 0, d/dy = 0."""
    return xp.multiply(x, y > 0)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """The entries of t, those outside [min, max] set to the nearer end; the gradient of these goes to that end.

    The bounds broadcast to t; InvalidArgumentError where they are larger. Dtypes and other errors as for `maximum`.

    >>> tf.clip_by_value([-1.0, 0.5, 2.0], 0.0, 1.0).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    values = convert(t)
    clipped = maximum(minimum(values, clip_value_max), clip_value_min)
    if clipped.shape != values.shape:
        raise InvalidArgumentError(f"clip_by_value: shape {values.shape} has bounds of shape {clipped.shape}")
    return clipped


@primitive(x=lambda upstream, condition: where(condition, upstream, 0.0),
           y=lambda upstream, condition: where(condition, 0.0, upstream))  # fmt: skip
def _where(xp, condition, x, y):
    return xp.where(condition, x, y)


@primitive()
def _indices_where(xp, condition):
    return xp.argwhere(condition)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds and y elsewhere; without x and y, the indices of the entries where it holds.

    The three broadcast. `condition` is bool (an array of numbers holds where it isn't 0), x and y are of one dtype.
    The gradient goes to the entry chosen. The indices are int64, of shape [how many hold, axes of the condition].

    >>> tf.where([True, False], [1.0, 2.0], 0.0).numpy()
    array([1., 0.], dtype=float32)
    >>> tf.where([False, True, True]).numpy()
    array([[1],
           [2]])
    """
    if (x is None) != (y is None):
        raise ValueError("tf.where takes both x and y, or neither")
    if x is None:
        holds = convert(condition)
        if thread.state.trace is not None:
            holds.numpy()  # how many indices there are depends on the values: what has none says so
        return _indices_where(holds)
    first, second = alike("where", x, y, device=device_near(condition))
    return _where(convert(condition, bool_, first.home), first, second)


# -- comparisons and logic ---------------------------------------------------------------------------------------


@operation(DTYPES)
def equal(xp, x, y):
    """Whether x = y, as bool, which has no gradient.

    >>> tf.equal([1, 2], [1, 3]).numpy()
    array([ True, False])
    """
    return xp.equal(x, y)


@operation(DTYPES)
def not_equal(xp, x, y):
    """Whether x ≠ y, as bool.

    >>> tf.not_equal([1, 2], [1, 3]).numpy()
    array([False,  True])
    """
    return xp.not_equal(x, y)


@operation(NUMBERS)
def less(xp, x, y):
    """Whether x < y, as bool.

    >>> tf.less([1, 2], 2).numpy()
    array([ True, False])
    """
    return xp.less(x, y)


@operation(NUMBERS)
def less_equal(xp, x, y):
    """Whether x ≤ y, as bool.

    >>> tf.less_equal([1, 2], 1).numpy()
    array([ True, False])
    """
    return xp.less_equal(x, y)


@operation(NUMBERS)
def greater(xp, x, y):
    """Whether x > y, as bool.

    >>> tf.greater([1, 2], 1).numpy()
    array([False,  True])
    """
    return xp.greater(x, y)


@operation(NUMBERS)
def greater_equal(xp, x, y):
    """Whether x ≥ y, as bool.

    >>> tf.greater_equal([1, 2], 2).numpy()
    array([False,  True])
    """
    return xp.greater_equal(x, y)


@operation(FLOATS)
def is_finite(xp, x):
    """Whether x is a number, neither infinite nor NaN, as bool.

    >>> tf.math.is_finite([1.0, float('inf'), float('nan')]).numpy()
    array([ True, False, False])
    """
    return xp.isfinite(x)


@operation(FLOATS)
def is_nan(xp, x):
    """Whether x is no number, as bool.

    >>> tf.math.is_nan([1.0, float('inf'), float('nan')]).numpy()
    array([False, False,  True])
    """
    return xp.isnan(x)


@operation(BOOLS)
def logical_and(xp, x, y):
    """Whether x and y both hold.

    >>> tf.logical_and([True, False], True).numpy()
    array([ True, False])
    """
    return xp.logical_and(x, y)


@operation(BOOLS)
def logical_or(xp, x, y):
    """Whether x or y holds, or both.

    >>> tf.logical_or([True, False], True).numpy()
    array([ True,  True])
    """
    return xp.logical_or(x, y)


@operation(BOOLS)
def logical_xor(xp, x, y):
    """Whether one of x and y holds, not both.

    >>> tf.math.logical_xor([True, False], True).numpy()
    array([False,  True])
    """
    return xp.logical_xor(x, y)


@operation(BOOLS)
def logical_not(xp, x):
    """Whether x doesn't hold.

    >>> tf.logical_not([True, False]).numpy()
    array([False,  True])
    """
    return xp.logical_not(x)
