"""TensorFlow as the reference: runs programs on it and on minidl, and says how closely they agree."""

from tfref.comparing import compare as compare
