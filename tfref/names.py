"""The public names of TensorFlow in the namespaces that minidl has, for the errors that name one: records them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import minidl
from minidl.missing import names_of_tensorflow
from minidl.okja.reference import start_tensorflow

NAMESPACES = (
    "tf", "tf.config", "tf.data", "tf.errors", "tf.linalg", "tf.math", "tf.nn", "tf.random", "tf.test", "tf.keras",
    "tf.keras.activations", "tf.keras.callbacks", "tf.keras.initializers", "tf.keras.layers", "tf.keras.losses",
    "tf.keras.metrics", "tf.keras.models", "tf.keras.ops", "tf.keras.optimizers", "tf.keras.optimizers.schedules",
    "tf.keras.regularizers", "tf.keras.utils",
)  # fmt: skip


def found_names() -> dict[str, set[str]]:
    """TensorFlow's own, by namespace."""
    names: dict[str, set[str]] = {}
    for namespace in NAMESPACES:
        module: Any = start_tensorflow()
        for part in namespace.split(".")[1:]:
            module = getattr(module, part)
        names[namespace] = {name for name in dir(module) if not name.startswith("_")}
    return names


if __name__ == "__main__":
    lines = [f"{namespace}: {' '.join(sorted(names))}\n" for namespace, names in found_names().items()]
    path = Path(minidl.__file__).parent / "tensorflow.txt"
    path.write_text("".join(lines), encoding="utf-8")
    print(f"{path} has the names of {len(names_of_tensorflow())} namespaces")
