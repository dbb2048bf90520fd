"""Components as JSON: `describe` one, and build it again from that.

A description comes from a stranger. It can name only concrete codecs,
encodings and models that lie in our own packages, or classes that the caller
hands in, and its arguments must have the types that the constructor declares.
No gin, no pickle, no import of any other module.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import types
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.base import Codec

if typing.TYPE_CHECKING:
    from magenta_lite.encodings.base import Encoding, EncodingPart
    from magenta_lite.models.base import Model

_MAX_DEPTH = 8
_MAX_LIST_LENGTH = 1000
_T = TypeVar("_T")


def describe(component: Codec | EncodingPart | Model) -> dict[str, Any]:
    """Says in JSON values how to build a codec, an encoding or a model.

    Args:
      component: its `get_config()` must consist of JSON values (tuples count
        as lists), and of parts of encodings, which are described the same way.

    Returns:
      `{"class": "magenta_lite.codecs.melody:MelodyCodec", "config": {...}}`.

    Raises:
      TypeError: if the config holds anything else.
    """
    config = json.dumps(
        component.get_config(), allow_nan=False, default=_describe_part
    )
    return {
        "class": class_name(type(component)),
        "config": json.loads(config),
    }


def _describe_part(value: Any) -> dict[str, Any]:
    """For `json`: what is no JSON value must be a part of an encoding."""
    if not hasattr(value, "get_config"):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return describe(value)


def class_name(cls: type) -> str:
    """How descriptions name a class: "module:Class"."""
    return f"{cls.__module__}:{cls.__qualname__}"


def build_codec(description: Any, extra_classes: Iterable[type] = ()) -> Codec:
    """Builds a described codec.

    Args:
      description: from `describe`, possibly by a stranger.
      extra_classes: codecs outside magenta_lite that may be built as well.

    Raises:
      BundleError: if the description is not one, names another class or holds
        arguments that the class does not take.
    """
    cls, config = _resolve(
        description, "magenta_lite.codecs", Codec, extra_classes
    )
    return _construct(cls, (), config)


def build_encoding(
    description: Any, extra_classes: Iterable[type] = ()
) -> Encoding:
    """Builds a described encoding, with its parts; see `build_codec`."""
    from magenta_lite.encodings.base import Encoding

    return _build_part(description, Encoding, tuple(extra_classes))


def build_model(
    description: Any, encoding: Encoding, extra_classes: Iterable[type] = ()
) -> Model:
    """Builds a described model, with fresh weights; see `build_codec`."""
    from magenta_lite.models.base import Model

    cls, config = _resolve(
        description, "magenta_lite.models", Model, extra_classes
    )
    return _construct(cls, (encoding,), config)


def _build_part(
    description: Any,
    base: type[_T],
    extra_classes: tuple[type, ...],
    depth: int = 0,
) -> _T:
    """Builds an encoding, or a part of one, after its own parts."""
    from magenta_lite.encodings.base import EncodingPart

    if depth > _MAX_DEPTH:
        raise BundleError("the description of the encoding is too deep")
    cls, config = _resolve(
        description, "magenta_lite.encodings", base, extra_classes
    )

    def with_parts(value: Any) -> Any:
        if isinstance(value, list):
            return [with_parts(item) for item in value]
        if isinstance(value, dict):
            return _build_part(value, EncodingPart, extra_classes, depth + 1)
        return value

    built = {name: with_parts(value) for name, value in config.items()}
    return _construct(cls, (), built)


def _resolve(
    description: Any,
    package: str,
    base: type[_T],
    extra_classes: Iterable[type],
) -> tuple[type[_T], dict[str, Any]]:
    """The class and the arguments that a description names."""
    kind = base.__name__.lower()
    if not isinstance(description, dict):
        raise BundleError(f"the description of the {kind} is not an object")
    name, config = description.get("class"), description.get("config")
    if not isinstance(name, str) or not isinstance(config, dict):
        raise BundleError(f"the description of the {kind} is incomplete")
    for cls in extra_classes:
        if issubclass(cls, base) and class_name(cls) == name:
            return cls, config
    module_name, _, qualified_name = name.partition(":")
    if module_name in _modules_of(package):
        module = importlib.import_module(module_name)
        found = vars(module).get(qualified_name)
        if (
            inspect.isclass(found)
            and issubclass(found, base)
            and not inspect.isabstract(found)
            and found.__module__ == module_name
        ):
            return found, config
    raise BundleError(
        f"{name[:100]!r} is no {kind} of magenta_lite; if it is your own "
        "class, pass it in `extra_classes`."
    )


def _modules_of(package: str) -> set[str]:
    """The modules inside a package, at any depth; they are not imported."""
    paths = importlib.import_module(package).__path__
    return {info.name for info in pkgutil.walk_packages(paths, f"{package}.")}


def _construct(cls: type, arguments: tuple, config: dict[str, Any]) -> Any:
    """Calls a constructor with checked keyword arguments."""
    signature = inspect.signature(cls)
    hints = _hints(cls)
    checked = {}
    for name, value in config.items():
        known = signature.parameters.get(name)
        if known is None or known.kind is inspect.Parameter.VAR_KEYWORD:
            raise BundleError(f"{cls.__name__} takes no {name[:100]!r}")
        if not _conforms(value, hints.get(name, Any)):
            shown = json.dumps(value, default=repr)[:60]
            raise BundleError(f"{name} of {cls.__name__} cannot be {shown}")
        checked[name] = _with_tuples(value)
    try:
        return cls(*arguments, **checked)
    except Exception as error:  # noqa: BLE001 - whatever a constructor raises
        raise BundleError(
            f"{cls.__name__} cannot be built: {str(error)[:200]}"
        ) from error


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    except NameError:  # Names that exist for type checkers alone.
        return {}


def _conforms(value: Any, hint: Any) -> bool:
    """Whether a JSON value fits the type that a constructor declares."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_conforms(value, option) for option in inner)
    if origin is typing.Literal:
        return any(value == x and type(value) is type(x) for x in inner)
    if origin in (tuple, list) or hint in (tuple, list):
        return isinstance(value, list) and _items_conform(value, inner)
    if hint in (None, types.NoneType):
        return value is None
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint in (int, bool, str):
        return type(value) is hint
    if inspect.isclass(hint) and hasattr(hint, "get_config"):
        return isinstance(value, hint)
    return True  # The constructor knows more about it than we do.


def _items_conform(values: list, hints: tuple) -> bool:
    if len(values) > _MAX_LIST_LENGTH:
        return False
    if len(hints) == 2 and hints[1] is Ellipsis or len(hints) == 1:
        hints = hints[:1] * len(values)
    elif not hints:
        hints = (Any,) * len(values)
    return len(values) == len(hints) and all(map(_conforms, values, hints))


def _with_tuples(value: Any) -> Any:
    """JSON lists as tuples, so that frozen dataclasses stay hashable."""
    if isinstance(value, list):
        return tuple(_with_tuples(item) for item in value)
    return value
