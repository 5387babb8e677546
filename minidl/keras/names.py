"""Names: of layers and models that are given none (`dense`, `dense_1`, ...), and of what is asked for by name."""

import collections
import inspect
from collections.abc import Iterable
from typing import Any, Self

from minidl.errors import brief as brief
from minidl.module import snake_case as snake_case

_given: collections.Counter[str] = collections.Counter()


def numbered(name: str, counter: collections.Counter[str]) -> str:
    """The name itself the first time, and then with a number behind it."""
    count = counter[name]
    counter[name] += 1
    return f"{name}_{count}" if count else name


def new_name(kind: Any) -> str:
    """A name that no object had before, after its class or another word."""
    return numbered(kind if isinstance(kind, str) else snake_case(type(kind).__name__), _given)


def refuse(owner: str, options: dict[str, Any]) -> None:
    """Raise ValueError for arguments that Keras may have, but minidl has not."""
    if options:
        raise ValueError(f"{owner} has no argument {', '.join(options)} in minidl; {options} was given")


def refuse_methods(owner: Any, names: Iterable[str], advice: str) -> None:
    """Raise NotImplementedError for methods that Keras would call of an object, and minidl never calls."""
    if ignored := [name for name in names if hasattr(type(owner), name)]:
        raise NotImplementedError(f"minidl never calls {', '.join(ignored)} of {type(owner).__name__}; {advice}")


def find(kind: str, identifier: Any, module: dict[str, Any], **others: Any) -> Any:
    """What Keras's `get` functions give: the function of a name, or an object of the class of a name.

    Arguments:
        kind: what it is, for the message.
        identifier: the name; or a dictionary of a `class_name` and a `config`, the arguments of the class; or a class;
            or what can be called, which stays itself, as None does. ValueError for anything else.
        module: the names in one; its public ones are looked up, in snake case too, but not what the kind derives from.
        others: what other names stand for.
    """
    public = [name for name in module["__all__"] if name not in ("get", kind.capitalize()) and callable(module[name])]
    names = [name for name in public if not isinstance(module[name], type) or module[name].__name__ == name]
    known = {snake_case(name): module[name] for name in names} | {name: module[name] for name in names} | others
    name, config = identifier, {}
    if isinstance(identifier, dict) and identifier.keys() >= {"class_name", "config"}:
        name, config = identifier["class_name"], identifier["config"]
    found = known.get(name) if isinstance(name, str) else name
    if isinstance(found, type):
        return found(**config)
    if identifier is None or (callable(found) and not config):  # a function takes none
        return found
    raise ValueError(f"Unknown {kind} {identifier!r}; there are {', '.join(known)}, and what you derive or define")


# -- what an object was made with ------------------------------------------------------------------------------------


class Configured:
    """Remembers what it was made with, so that another can be made like it."""

    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """An object that knows these arguments."""
        made = super().__new__(cls)
        made._given = arguments, options
        return made

    def get_config(self) -> dict[str, Any]:
        """The arguments to make another with, in dictionaries and names that can be written down."""
        bound = inspect.signature(type(self)).bind(*self._given[0], **self._given[1])
        bound.apply_defaults()
        single = [each.name for each in bound.signature.parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
        given = {name: each for name, each in bound.arguments.items() if name in single} | bound.kwargs
        return {name: _written(each) for name, each in given.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Another object, as `get_config` describes one."""
        return cls(**config)


def _written(value: Any) -> Any:
    if isinstance(value, Configured):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    return value.__name__ if inspect.isroutine(value) else value
