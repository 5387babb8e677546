"""Help for scripts."""

from minidl.ops.random import set_seed


def set_random_seed(seed: int) -> None:
    """Make everything random that follows repeatable; the same as `random.set_seed`.

    Arguments:
        seed: a whole number.

    >>> tf.keras.utils.set_random_seed(1)
    >>> layer = tf.keras.layers.Dense(1)
    >>> layer.build((None, 1))
    >>> layer.get_weights()[0]
    array([[-0.83484906]], dtype=float32)
    """
    set_seed(seed)
