"""Operations composed of others, whose derivatives they bring with them: none needs a gradient rule of its own."""

import builtins
import math
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from string import ascii_lowercase, digits
from typing import Any

import numpy

from minidl.errors import InvalidArgumentError, brief
from minidl.ops.creation import cast, identity, range, shape_of
from minidl.ops.elementwise import add, divide, expm1, maximum, minimum, pow, reciprocal, sqrt, square, where
from minidl.ops.inputs import alike, axes_of, axis_of, convert, device_near, of_dtype, of_one_shape, whole
from minidl.ops.reductions import matmul, reduce_max, reduce_mean, reduce_sum
from minidl.ops.shaping import broadcast_to, concat, expand_dims, getitem, reshape, transpose, where_mask
from minidl.tensor import Tensor
from minidl.values import FLOATS, as_dtype, bool_, float32, float64, int32, int64, uint8

__all__ = ["add_n", "boolean_mask", "clip_by_global_norm", "clip_by_norm", "einsum", "eye", "linspace", "norm",
           "one_hot", "reduce_prod", "slice", "split", "tensordot", "tile"]  # fmt: skip

# -- entry by entry ----------------------------------------------------------------------------------------------


def rsqrt(x: Any, name: str | None = None) -> Tensor:
    """1 / √x, inf at 0; of floats.

    >>> tf.math.rsqrt([4.0, 16.0]).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    return reciprocal(sqrt(x))


def elu(features: Any, name: str | None = None) -> Tensor:
    """x above 0 and eˣ - 1 elsewhere; of floats.

    After Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    ICLR 2016.

    >>> tf.nn.elu([-1.0, 2.0]).numpy().round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    x = convert(features)
    return where(x < 0.0, expm1(minimum(x, 0.0)), x)


def bias_add(value: Any, bias: Any, name: str | None = None) -> Tensor:
    """A vector added to each row: value + bias; the gradient of the bias is the sum over the rows.

    Arguments:
        value: of two axes or more.
        bias: of one axis, as long as the last axis of the value.

    Dtypes: floats and integers. Raises InvalidArgumentError for other shapes.

    >>> tf.nn.bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0]).numpy()
    array([[11., 22.],
           [13., 24.]], dtype=float32)
    """
    rows, vector = alike("bias_add", value, bias)
    if rows.ndim < 2 or vector.shape != rows.shape[-1:]:
        raise InvalidArgumentError(f"bias_add adds a vector as long as the rows, not {vector.shape} to {rows.shape}")
    return add(rows, vector)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x above 0 and alpha x elsewhere; of floats, and of whole numbers as float32.

    >>> tf.nn.leaky_relu([-1.0, 2.0]).numpy()
    array([-0.2,  2. ], dtype=float32)
    """
    x = convert(features)
    x = x if x.dtype in FLOATS else cast(x, float32)
    return where(x > 0.0, x, x * float(numpy.float32(alpha)))  # which TensorFlow rounds


# -- sums and norms ----------------------------------------------------------------------------------------------


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and dtype.

    Raises ValueError for none, InvalidArgumentError for shapes or dtypes that differ.

    >>> tf.add_n([[1.0, 2.0], [3.0, 4.0]]).numpy()
    array([4., 6.], dtype=float32)
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(f"add_n adds a list of one tensor or more; {brief(inputs)} was given")
    first, *others = of_one_shape("add_n", *inputs)
    return sum(others, first)


def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The mean of the squared distances from the mean, over some axes or all; of floats, TypeError for others.

    >>> tf.math.reduce_variance([1.0, 3.0]).numpy()
    np.float32(1.0)
    """
    x = convert(input_tensor)
    if x.dtype not in FLOATS:
        raise TypeError(f"reduce_variance takes floats; a tensor of dtype {x.dtype} was given (see tf.cast)")
    return reduce_mean(square(x - reduce_mean(x, axis, keepdims=True)), axis, keepdims)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The standard deviation, the root of `reduce_variance`.

    >>> tf.math.reduce_std([1.0, 3.0]).numpy()
    np.float32(1.0)
    """
    return sqrt(reduce_variance(input_tensor, axis, keepdims))


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The product of the entries over some axes or all, 1 of none: of pairs, of pairs of those, and so on.

    >>> tf.reduce_prod([[1.0, 2.0], [3.0, 4.0]], axis=1).numpy()
    array([ 2., 12.], dtype=float32)
    """
    x = convert(input_tensor)
    axes = builtins.range(x.ndim) if axis is None else axes_of(axis, x.ndim) or ()
    kept = [index for index in builtins.range(x.ndim) if index not in axes]
    count, lengths = math.prod(x.shape[index] for index in axes), [x.shape[index] for index in kept]
    rows = reshape(transpose(x, [*axes, *kept]), [count, *lengths])
    rows = concat([rows, numpy.ones([2 ** max(count - 1, 1).bit_length() - count, *lengths], x.dtype)], 0)
    while len(rows) > 1:
        rows = rows[: len(rows) // 2] * rows[len(rows) // 2 :]
    return reshape(rows, [1 if index in axes else n for index, n in enumerate(x.shape) if keepdims or index in kept])


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False,
         name: str | None = None) -> Tensor:  # fmt: skip
    """The norm of the vectors along an axis, or of the matrices along two; of all entries without an axis.

    Arguments:
        tensor: floats.
        ord: 'euclidean' (2, 'fro') for √Σx², a number p for (Σ|x|ᵖ)^(1/p), inf for the largest |x|. Of matrices
            minidl has the first alone.
        axis, keepdims: as of `reduce_sum`.

    >>> tf.norm([[3.0, 4.0], [6.0, 8.0]], axis=1).numpy()
    array([ 5., 10.], dtype=float32)
    """
    x = convert(tensor)
    of_matrices = numpy.size(axis) == 2
    if ord in ("euclidean", "fro") or (ord == 2 and not of_matrices):
        return sqrt(reduce_sum(x * x, axis, keepdims))
    if isinstance(ord, str) or of_matrices or ord <= 0:
        raise ValueError(f"ord is 'euclidean' or, for vectors, a number above 0; {ord!r} was given for axis {axis}")
    if ord == math.inf:
        return reduce_max(abs(x), axis, keepdims)
    if ord == 1:
        return reduce_sum(abs(x), axis, keepdims)
    return pow(reduce_sum(abs(x) ** float(ord), axis, keepdims), 1.0 / ord)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The tensor, scaled down to a norm where its own, over some axes or all, is larger.

    >>> tf.clip_by_norm([3.0, 4.0], 1.0).numpy()
    array([0.6, 0.8], dtype=float32)
    """
    x = convert(t)
    squares = reduce_sum(x * x, axes, keepdims=True)
    length = where(squares > 0.0, sqrt(where(squares > 0.0, squares, 1.0)), squares)  # so that 0 has a gradient
    return divide(x * clip_norm, maximum(length, clip_norm))


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The norm of all tensors together, √Σ|t|²; a None among them counts nothing.

    >>> tf.linalg.global_norm([[3.0], [4.0]]).numpy()
    np.float32(5.0)
    """
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"A norm of several tensors takes a list of them; {brief(t_list)} was given")
    squares = [reduce_sum(square(t)) for t in t_list if t is not None]
    return sqrt(add_n(squares)) if squares else convert(0.0)


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None,
                        name: str | None = None) -> tuple[list[Any], Tensor]:  # fmt: skip
    """The tensors, all scaled by one factor where their norm together is larger than one given; and that norm.

    Arguments:
        t_list: tensors; None stays None.
        clip_norm: the largest norm.
        use_norm: the norm of all, where that is known.

    >>> clipped, length = tf.clip_by_global_norm([tf.constant([3.0]), tf.constant([4.0])], 1.0)
    >>> [each.numpy() for each in clipped], length.numpy()
    ([array([0.6], dtype=float32), array([0.8], dtype=float32)], np.float32(5.0))
    """
    near = next((device_near(t) for t in t_list if t is not None), None)
    length = global_norm(t_list) if use_norm is None else convert(use_norm, device=near)
    # NaN, where the norm is no number
    scale = clip_norm * minimum(1.0 / length, 1.0 / convert(clip_norm, length.dtype, length.home)) + (length - length)
    return [None if t is None else convert(t) * scale for t in t_list], length


# -- made of numbers ---------------------------------------------------------------------------------------------


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Tensor:
    """Numbers at equal distances from start to stop, both included.

    Arguments:
        start, stop: floats of one shape, or whole numbers, which make float64.
        num: how many; of one, it is the start.
        axis: where the new axis goes.

    >>> tf.linspace(0.0, 1.0, 5).numpy()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    first, last = (x if x.dtype in FLOATS else cast(x, float64) for x in alike("linspace", start, stop))
    count = whole("linspace's num", num)
    place, intervals = axis_of("linspace", axis, first.ndim + 1), float(max(count - 1, 1))
    steps = numpy.arange(count).astype(first.dtype).reshape([-1] + [1] * (first.ndim - place))
    first, last = expand_dims(first, place), expand_dims(last, place)
    between = first + (last - first) / intervals * steps
    return where(steps == intervals, last, where(steps == 0.0, first, between))  # the ends themselves, infinite too


def one_hot(indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None,
            dtype: Any = None, name: str | None = None) -> Tensor:  # fmt: skip
    """For each index a row of so many entries, one value at the index and another elsewhere.

    Arguments:
        indices: whole numbers; one that is out of range makes a row of the other value alone.
        depth: how long a row is.
        on_value, off_value: the values, 1 and 0 by default.
        axis: where the rows go, the last by default.
        dtype: that of the values, float32 without them.

    >>> tf.one_hot([0, 2], 3).numpy()
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    x = of_dtype("one_hot's indices", indices, [uint8, int32, int64])
    values = [each for each in (on_value, off_value) if each is not None]
    place = axis_of("one_hot", -1 if axis is None else axis, x.ndim + 1)
    dtype = as_dtype(dtype or (alike("one_hot", *values)[0].dtype if values else float32))
    near, ends = device_near(x), ((on_value, 1), (off_value, 0))
    on, off = (convert(usual if value is None else value, dtype, near) for value, usual in ends)
    places = numpy.arange(whole("one_hot's depth", depth, 0)).reshape([-1] + [1] * (x.ndim - place))
    return where(expand_dims(cast(x, int64), place) == places, on, off)


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32,
        name: str | None = None) -> Tensor:  # fmt: skip
    """A matrix with ones on its diagonal and zeros elsewhere, repeated for each place of a batch shape.

    >>> tf.eye(2).numpy()
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    matrix = one_hot(range(num_rows), num_rows if num_columns is None else num_columns, dtype=dtype)
    return broadcast_to(matrix, (*shape_of([] if batch_shape is None else batch_shape), *matrix.shape))


# -- parts and repetitions ---------------------------------------------------------------------------------------


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The part of a tensor from an entry on.

    Arguments:
        input_: of any shape and dtype.
        begin: for each axis, where the part begins.
        size: for each axis, how long it is; -1 for all that is left.

    Raises InvalidArgumentError for a part that reaches beyond the tensor.

    >>> tf.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).numpy()
    array([[2, 3],
           [5, 6]], dtype=int32)
    """
    x, starts, sizes = convert(input_), shape_of(begin), shape_of(size, -1)
    if not len(starts) == len(sizes) == x.ndim:
        raise InvalidArgumentError(f"slice: {starts} and {sizes} don't name each axis of shape {x.shape}")
    parts = [(a, n if size < 0 else a + size, n) for a, size, n in zip(starts, sizes, x.shape, strict=True)]
    if any(not start <= end <= length for start, end, length in parts):
        raise InvalidArgumentError(f"slice: {sizes} entries from {starts} on reach beyond shape {x.shape}")
    return getitem(x, tuple(builtins.slice(start, end) for start, end, _ in parts))


def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: str | None = None) -> list[Tensor]:
    """The tensor cut along an axis.

    Arguments:
        value: of any shape and dtype.
        num_or_size_splits: into how many equal parts, or a list of their lengths, one of which may be -1.
        axis: along which.

    Raises InvalidArgumentError for lengths that don't make up the axis's.

    >>> [part.numpy().tolist() for part in tf.split([1, 2, 3, 4], [1, -1])]
    [[1], [2, 3, 4]]
    """
    x = convert(value)
    along = axis_of("split", axis, x.ndim)
    length, sizes = x.shape[along], list(shape_of(num_or_size_splits, -1))
    if not numpy.ndim(num_or_size_splits):
        sizes = [length // max(sizes[0], 1)] * sizes[0]
    sizes = [length - sum(sizes) - 1 if size < 0 else size for size in sizes]
    if num not in (None, len(sizes)):
        raise InvalidArgumentError(f"split: num={num} was given, with {len(sizes)} parts")
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise InvalidArgumentError(f"split: {brief(num_or_size_splits)} doesn't divide axis {along} of shape {x.shape}")
    ends = accumulate(sizes, initial=0)
    return [getitem(x, (*[builtins.slice(None)] * along, builtins.slice(*each))) for each in pairwise(ends)]


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor, repeated along each axis so and so many times.

    Arguments:
        input: of any shape and dtype.
        multiples: a number for each axis, InvalidArgumentError for another number of them.

    >>> tf.tile([[1, 2]], [2, 2]).numpy()
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int32)
    """
    x, counts = convert(input), shape_of(multiples)
    if numpy.ndim(multiples) != 1 or len(counts) != x.ndim:
        raise InvalidArgumentError(f"tile takes a number for each axis of shape {x.shape}, not {brief(multiples)}")
    pairs = list(zip(counts, x.shape, strict=True))
    apart = reshape(x, [length for _, each in pairs for length in (1, each)])
    return reshape(broadcast_to(apart, [length for pair in pairs for length in pair]), [a * b for a, b in pairs])


def boolean_mask(tensor: Any, mask: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The parts of a tensor where a mask holds, whose shape is that of the tensor's axes from one on.

    >>> tf.boolean_mask([[1, 2], [3, 4]], [True, False], axis=1).numpy()
    array([[1],
           [3]], dtype=int32)
    """
    x = convert(tensor)
    return where_mask(x, cast(convert(mask, device=device_near(x)), bool_), axis_of("boolean_mask", axis, x.ndim or 1))


# -- sums of products --------------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sums, over some axes of a and as many of b, of the products of their entries.

    Arguments:
        a, b: tensors of one dtype.
        axes: how many of the last axes of a and of the first of b; or two lists of axes.

    >>> tf.tensordot([[1.0, 2.0]], [[3.0], [4.0]], 1).numpy()
    array([[11.]], dtype=float32)
    """
    x, y = alike("tensordot", a, b)
    if not numpy.ndim(axes):
        if not 0 <= int(axes) <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: {axes} axes are not there in both of shapes {x.shape} and {y.shape}")
        axes = [builtins.range(x.ndim - int(axes), x.ndim), builtins.range(int(axes))]
    of_x, of_y = axes_of(axes[0], x.ndim) or (), axes_of(axes[1], y.ndim) or ()
    left, right = list(ascii_lowercase[: x.ndim]), list(ascii_lowercase[x.ndim : x.ndim + y.ndim])
    for one, other in zip(of_x, of_y, strict=True):
        right[other] = left[one]
    return einsum(f"{''.join(left)},{''.join(right)}", x, y)  # in whose result those stand that stand once, in order


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Products of entries, summed, as Einstein's notation says: 'ij,jk->ik' is a product of matrices.

    Arguments:
        equation: a letter for each axis of each input, and behind `->` for each of the result; without that, those
            that stand once, in order. Letters that the result lacks are summed over. `...` stands for all other axes.
        inputs: tensors of one dtype.

    Raises InvalidArgumentError for an equation that doesn't fit the inputs, ValueError for a result that can't be.

    >>> tf.einsum('ij,jk->ik', [[1.0, 2.0]], [[3.0], [4.0]]).numpy()
    array([[11.]], dtype=float32)
    """
    tensors = alike("einsum", *inputs)
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not all(re.fullmatch(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", term) for term in (*terms, result)):
        raise ValueError(f"einsum: {equation!r} is not of letters, `...`, commas and `->`")
    for place, (term, x) in enumerate(zip(terms, tensors, strict=False)):  # `...` becomes the last of ten digits
        terms[place] = term.replace("...", digits[len(term) + 7 - x.ndim :])
    every, shapes = "".join(terms), [x.shape for x in tensors]
    rest = "".join(sorted(set(every) & set(digits)))
    if not arrow:
        result = "..." + "".join(each for each in sorted(set(every) - set(rest)) if every.count(each) == 1)
    if rest and "..." not in result:
        raise InvalidArgumentError(f"einsum: {equation!r} doesn't sum over the axes of `...`; put them into the result")
    result = result.replace("...", rest)
    if len(set(result)) < len(result) or not set(result) <= set(every):
        raise ValueError(f"einsum: the result of {equation!r} has a letter twice, or one that no input has")
    # A letter has one length; the digits, which stand for other axes, broadcast.
    lengths = {pair for pair in zip(every, chain(*shapes), strict=False) if pair[1] != 1 or pair[0] not in digits}
    if [len(term) for term in terms] != [x.ndim for x in tensors] or len(dict(lengths)) < len(lengths):
        raise InvalidArgumentError(f"einsum: {equation!r} doesn't fit inputs of shapes {shapes}")
    pairs = [_diagonal(term, x) for term, x in zip(terms, tensors, strict=True)]
    letters, x = pairs[0]
    for place, (others, y) in enumerate(pairs[1:], start=2):
        letters, x = _product(letters, x, others, y, set(result).union(*terms[place:]))
    letters, x = _summed(letters, x, set(result))
    found = _ordered(x, letters, result)
    return identity(found) if found is tensors[0] else found


def _diagonal(letters: str, x: Tensor) -> tuple[str, Tensor]:
    """A tensor whose axes have letters, each once: of two axes with one letter, the entries whose indices are equal."""
    for letter in letters:
        if letters.count(letter) > 1:
            first, last = [axis for axis, each in enumerate(letters) if each == letter][:2]
            rest = [axis for axis in builtins.range(x.ndim) if axis not in (first, last)]
            length, lengths = x.shape[first], [x.shape[axis] for axis in rest]
            rows = reshape(transpose(x, [first, last, *rest]), [length * length, *lengths])
            return _diagonal(letter + "".join(letters[axis] for axis in rest), rows[:: length + 1])
    return letters, x


def _summed(letters: str, x: Tensor, wanted: set[str]) -> tuple[str, Tensor]:
    """A tensor, whose axes have letters, summed over those that nobody wants."""
    axes = [axis for axis, letter in enumerate(letters) if letter not in wanted]
    return "".join(each for each in letters if each in wanted), reduce_sum(x, axes) if axes else x


# The next two leave out what would move nothing.


def _ordered(x: Tensor, letters: str, order: Iterable[str]) -> Tensor:
    """A tensor, whose axes have letters, with its axes in an order."""
    axes = [letters.index(each) for each in order]
    return x if axes == sorted(axes) else transpose(x, axes)


def _shaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """A tensor in another shape."""
    return x if x.shape == tuple(shape) else reshape(x, shape)


def _product(letters: str, x: Tensor, others: str, y: Tensor, wanted: set[str]) -> tuple[str, Tensor]:
    """The product of two tensors, whose axes have letters, summed over those letters of both that nobody wants."""
    letters, x = _summed(letters, x, wanted | set(others))
    others, y = _summed(others, y, wanted | set(letters))
    length = dict(zip(letters + others, x.shape + y.shape, strict=True))
    batch, inner = ([each for each in letters if each in others and (each in wanted) is kept] for kept in (True, False))
    rows, columns = [each for each in letters if each not in others], [each for each in others if each not in letters]

    def matrices(tensor: Tensor, names: str, *sides: list[str]) -> Tensor:
        moved = _ordered(tensor, names, chain(batch, *sides))
        sizes = [math.prod(length[each] for each in side) for side in sides]
        return _shaped(moved, [*moved.shape[: len(batch)], *sizes])

    product = matmul(matrices(x, letters, rows, inner), matrices(y, others, inner, columns))
    sizes = [length[each] for each in rows + columns]
    return "".join(batch + rows + columns), _shaped(product, [*product.shape[:-2], *sizes])
