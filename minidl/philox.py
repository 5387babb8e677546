"""TensorFlow's random bits: the generator Philox 4x32-10, and what TensorFlow makes of its words.

Philox is a counter-based generator (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011): the i-th block of random words is a keyed mixing of the number i, ten rounds of multiplying and swapping.
Any block can be computed by itself, so all of them are computed at once, in arrays. The draws are made on the CPU
whatever the device, so that a GPU starts from the same bits.
"""

import math
from typing import Any

import numpy
from numpy.typing import NDArray

# The multipliers and the steps of the key, from table 2 and section 3.2 of the paper; TensorFlow uses the same.
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

# The key with which TensorFlow scrambles a seed (GenerateKey in tensorflow/core/kernels/stateless_random_ops.cc).
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)

_AT_ONCE = 1 << 14  # blocks whose words stay in a processor's cache through all rounds
_WORD = 0xFFFFFFFF  # the bits of a word

# Where a stream of blocks starts: its key, and the lower and upper half of the counter; the lower one can be an array,
# of those of all blocks.
Start = tuple[int, Any, int]
Words = Any  # a 32-bit word, or an array of them, held in 64 bits so that a product of two fits


def _mix(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """The block of four random words for each counter."""
    first, second, third, fourth = counter
    for count in range(10):
        one, other = ((word + count * step) & _WORD for word, step in zip(key, _KEY_STEPS, strict=True))
        left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]
        first, second = (right >> 32) ^ second ^ one, right & _WORD
        third, fourth = (left >> 32) ^ fourth ^ other, left & _WORD
    return first, second, third, fourth


def _words_of(number: int) -> tuple[int, int]:
    """A 64-bit number, negative or not, as its lower and upper word."""
    return number & _WORD, number >> 32 & _WORD


def scrambled(seed: list[int]) -> Start:
    """Where TensorFlow's stateless draws of a seed start."""
    first, second, third, fourth = map(int, _mix((*_words_of(seed[0]), *_words_of(seed[1])), _SCRAMBLING_KEY))
    return first | second << 32, 0, third | fourth << 32


def random_words(start: Start, count: int) -> NDArray[numpy.uint32]:
    """The first `count` 32-bit words of the stream from a start."""
    key, low, high = start
    words = numpy.empty((-(-count // 4), 4), numpy.uint32)
    for first in range(0, len(words), _AT_ONCE):
        part = words[first : first + _AT_ONCE]
        following = numpy.arange(first, first + len(part), dtype=numpy.uint64)
        numbers = following + numpy.uint64(low) if numpy.ndim(low) == 0 else low[following]
        for column, word in enumerate(_mix((numbers & _WORD, numbers >> 32, *_words_of(high)), _words_of(key))):
            part[:, column] = word
    return words.reshape(-1)[:count]


def _double_words(start: Start, count: int, upper: int) -> NDArray[numpy.uint64]:
    """The first words of a stream, two by two, as numbers of 64 bits, whose upper word is the one in that place."""
    pairs = random_words(start, 2 * count).reshape(-1, 2).astype(numpy.uint64)
    return numpy.asarray(pairs[:, upper] << 32 | pairs[:, 1 - upper])


def uniform(start: Start, shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
    """Floats from 0 to 1, 1 excluded: random bits in the fraction of a number from 1 to 2, less 1."""
    size, one, unsigned = math.prod(shape), numpy.ones((), dtype), numpy.dtype(f"u{dtype.itemsize}")
    words = _double_words(start, size, 0) if dtype == numpy.float64 else random_words(start, size)
    fraction = unsigned.type(2 ** numpy.finfo(dtype).nmant - 1)
    bits = words.astype(unsigned, copy=False) & fraction | one.view(unsigned)
    return numpy.asarray(bits.view(dtype) - one).reshape(shape)


def integers(start: Start, shape: tuple[int, ...], dtype: numpy.dtype, first: int, last: int) -> numpy.ndarray:
    """Whole numbers from first to last, last excluded: the remainders of random words."""
    size = math.prod(shape)
    words = _double_words(start, size, 1) if dtype == numpy.int64 else random_words(start, size)
    remainders = (words % numpy.uint64(last - first)).astype(numpy.int64)
    return numpy.asarray(first + remainders).astype(dtype).reshape(shape)


def normal(start: Start, shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
    """Floats of mean 0 and standard deviation 1, by the transformation of Box and Muller (1958).

    Two uniform numbers u and v give r sin 2πv and r cos 2πv with r = √(-2 log u). The least u is 1e-7, as in
    TensorFlow (BoxMullerFloat in tensorflow/core/lib/random/random_distributions_utils.h).
    """
    size = math.prod(shape)
    unit_dtype = numpy.dtype(numpy.float64 if dtype == numpy.float64 else numpy.float32)
    draws = uniform(start, (-(-size // 2), 2), unit_dtype)
    radius = numpy.sqrt(-2 * numpy.log(numpy.maximum(draws[:, 0], unit_dtype.type(1e-7)).astype(numpy.float64)))
    angle = (2 * math.pi * draws[:, 1].astype(numpy.float64)).astype(unit_dtype).astype(numpy.float64)
    numbers = numpy.stack([numpy.sin(angle) * radius, numpy.cos(angle) * radius], axis=1)
    return numbers.reshape(-1)[:size].astype(dtype).reshape(shape)


def truncated_normal(start: Start, shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
    """Normal numbers, of which those farther than 2 from 0 are left out, and the next ones taken.

    Each group of four numbers (two of float64) has counters of its own, 64 for a number, as in TensorFlow
    (FillPhiloxRandomTask in tensorflow/core/kernels/random_op_cpu.h).
    """
    key, low, high = start
    size, group = math.prod(shape), 2 if dtype == numpy.float64 else 4
    first = low + 64 * group * numpy.arange(-(-size // group), dtype=numpy.uint64)[:, None]
    counters = (first + numpy.arange(8, dtype=numpy.uint64)).reshape(-1)  # of 16 numbers or more, that will do
    drawn = normal((key, counters, high), (len(first), 8 * group), numpy.promote_types(dtype, numpy.float32))
    nearest = numpy.argsort(numpy.abs(drawn) >= 2, axis=1, kind="stable")[:, :group]
    return numpy.take_along_axis(drawn, nearest, 1).reshape(-1)[:size].astype(dtype).reshape(shape)


def permutation(start: Start, shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
    """The whole numbers from 0 in random order: each place is exchanged with one of those from it on.

    After R. Durstenfeld, "Algorithm 235: Random permutation", Communications of the ACM 7 (1964).
    """
    (size,) = shape
    numbers = list(range(size))
    for place, word in enumerate(random_words(start, max(size - 1, 0)).tolist()):
        other = place + word % (size - place)
        numbers[place], numbers[other] = numbers[other], numbers[place]
    return numpy.array(numbers, dtype)
