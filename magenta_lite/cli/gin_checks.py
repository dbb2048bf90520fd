"""What gin does not check itself: macros, required parameters, types."""

from __future__ import annotations

import difflib
import inspect
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gin

from magenta_lite import paths
from magenta_lite.errors import UserError

_ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*)\s*=(?!=)", re.MULTILINE)
_REFERENCE = re.compile(r"%((?!gin\.)[A-Za-z_][\w./]*)")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_BINDING = re.compile(r"^((?:[\w/]+/)?[\w.]+)\.(\w+) = ", re.MULTILINE)
_KNOBS_FILE = "base.gin"


class ConfigError(UserError):
    """The gin configuration is wrong."""


def did_you_mean(similar: Sequence[str]) -> str:
    """The end of a sentence about something that is not there."""
    if not similar:
        return "."
    return f"; did you mean {' or '.join(dict.fromkeys(similar))}?"


def configurable_names() -> list[str]:
    """The short names of everything that gin can configure now."""
    # Gin has no public list of its registry.
    selectors = [selector for selector, _ in gin.config._REGISTRY.items()]
    return sorted({s.rpartition(".")[2] for s in selectors})


def parameters_of(name: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of a configurable that gin may bind."""
    function = _function(gin.get_configurable(name))
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    return parameters


def check_macros(sources: Mapping[str, str], gin_params: Iterable[str]) -> None:
    """Makes sure that each macro that is used is set, and the reverse.

    A macro given by `--gin_param` must be used by some binding. One set in a
    file must at least appear in one (another file may override that binding),
    or be a knob that this recipe has no use for: one that `base.gin`, a second
    file or another model's file in gin/models sets, too.

    Args:
      sources: the text of every file read, by path.
      gin_params: the bindings of the command line.

    Raises:
      ConfigError: if not.
    """
    text = _STRING.sub("''", gin.config_str())
    used = set(_REFERENCE.findall(text))
    bound = {m[1] for m in _ASSIGNMENT.finditer(text)}
    for name in sorted(used - bound):
        similar = difflib.get_close_matches(name, bound)
        raise ConfigError(
            f"%{name} is used but never set{did_you_mean(similar)} Set it in "
            f"a --gin_file or with --gin_param={name}=VALUE."
        )
    set_in = _files_by_macro(sources)
    given = [n for param in gin_params for n in _ASSIGNMENT.findall(param)]
    for name in given:
        if name not in used:
            _fail_unused(name, "--gin_param", used)
    appearing = {
        n for text in sources.values() for n in _REFERENCE.findall(text)
    }
    of_models = _knobs_of_models()
    for name, files in set_in.items():
        is_knob = len(files) > 1 or files[0].endswith(_KNOBS_FILE)
        is_knob |= name in of_models
        if name not in used | appearing and not is_knob:
            _fail_unused(name, files[0], used)


def _knobs_of_models() -> set[str]:
    """What overlays may turn for those recipes whose model has it."""
    files = (paths.gin_dir() / "models").glob("*.gin")
    return {n for f in files for n in _ASSIGNMENT.findall(f.read_text())}


def _files_by_macro(sources: Mapping[str, str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for path, text in sources.items():
        for name in set(_ASSIGNMENT.findall(text)):
            files.setdefault(name, []).append(path)
    return dict(sorted(files.items()))


def _fail_unused(name: str, where: str, used: Iterable[str]) -> None:
    similar = difflib.get_close_matches(name, used)
    raise ConfigError(
        f"{where}: {name} is set, but nothing in this configuration uses it"
        f"{did_you_mean(similar)} Known: {', '.join(sorted(used))}."
    )


def check_required(entry: str | None) -> None:
    """Makes sure that everything that must be set is set.

    Args:
      entry: a configurable function whose required parameters count, too.

    Raises:
      ConfigError: if not.
    """
    for line in gin.config_str().splitlines():
        name, _, value = line.partition(" = ")
        if value.strip() == "%gin.REQUIRED":
            raise ConfigError(_missing(name))
    if entry is None:
        return
    bound = gin.get_bindings(entry, resolve_references=False)
    for name, parameter in parameters_of(entry).items():
        if parameter.default is gin.REQUIRED and name not in bound:
            raise ConfigError(_missing(f"{entry}.{name}"))


def _missing(name: str) -> str:
    return (
        f"{name} must be set; give a whole recipe, e.g. "
        "--gin_file=recipes/melody_rnn/basic_rnn.gin, or set it with "
        f"--gin_param={name}=VALUE."
    )


def check_types() -> None:
    """Compares bound values with the types that parameters declare.

    Raises:
      ConfigError: for the first value of another type.
    """
    for name in dict.fromkeys(m[1] for m in _BINDING.finditer(_all_text())):
        scope, _, selector = name.rpartition("/")
        with gin.config_scope(scope or None):
            bindings = gin.get_bindings(selector, resolve_references=False)
        hints = _hints(gin.get_configurable(selector))
        for parameter, value in bindings.items():
            shown, value = _resolve(value)
            if not _fits(value, hints.get(parameter, Any)):
                raise ConfigError(
                    f"{name}.{parameter} cannot be {shown}; it must be "
                    f"{_describe(hints[parameter])}."
                )


def _all_text() -> str:
    return gin.config_str(max_line_length=10_000)


def _hints(configurable: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(_function(configurable))
    except (NameError, TypeError):  # names that exist for type checkers alone
        return {}


def _function(configurable: Any) -> Any:
    """What takes the parameters; Keras wraps the constructors of its models."""
    is_class = inspect.isclass(configurable)
    return inspect.unwrap(configurable.__init__ if is_class else configurable)


def _resolve(value: Any) -> tuple[str, Any]:
    """How to show a value, and the value behind macros."""
    shown = repr(value)
    while isinstance(value, gin.config.ConfigurableReference):
        if not str(value).startswith("%"):
            return shown, value
        value = gin.query_parameter(f"{str(value)[1:]}/macro.value")
        shown += f" = {value!r}"
    return shown, value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value may have the type; what cannot be told may."""
    if isinstance(value, gin.config.ConfigurableReference):
        return True  # what it gives is known only when it is called
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, option) for option in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        is_sequence = isinstance(value, list | tuple)
        return is_sequence and all(_fits(item, inner[0]) for item in value)
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint in (int, bool, str):
        return type(value) is hint
    if hint in (None, types.NoneType):
        return value is None
    return True


def _describe(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
