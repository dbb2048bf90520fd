"""Gin configuration: files and bindings to a checked whole.

Gin is forgiving where it should not be: a misspelt macro is silently nobody's,
a value of the wrong type fails deep inside TensorFlow. Everything that a user
can get wrong is found here, before anything is built, and told in one line.
"""

from __future__ import annotations

import difflib
import importlib.util  # noqa: F401 (gin 0.5.0 uses it without importing it)
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gin

from magenta_lite import paths
from magenta_lite.cli import gin_checks
from magenta_lite.cli.gin_checks import ConfigError
from magenta_lite.errors import UserError

T = TypeVar("T")


def parse(
    gin_files: Sequence[str],
    gin_params: Sequence[str] = (),
    entry: str | None = None,
) -> None:
    """Reads a configuration anew and checks it.

    It is not locked: modules that are imported only now still register what
    they hold.

    Args:
      gin_files: read in this order; later ones win. Looked for in gin's own
        folder (`recipes/melody_rnn/basic_rnn.gin`), then as paths.
      gin_params: bindings such as `BATCH_SIZE=64`, after all files.
      entry: the configurable function that will be called; its required
        parameters must be bound.

    Raises:
      ConfigError: for a file that does not exist, an unknown name, a syntax
        error, a macro that is unbound or misspelt, or a value of the wrong
        type.
    """
    gin.clear_config()
    # Includes name files of our folder; one of that name in the user's folder
    # must not come before. Gin has no public way to say so.
    gin.config._LOCATION_PREFIXES[:] = [str(paths.gin_dir()), ""]
    parsed_files: list[Path] = []
    for name in gin_files:
        path = find_file(name)
        with _one_line_errors(str(path)):
            parsed = gin.parse_config_file(str(path), skip_unknown=False)
        parsed_files += _with_includes(parsed)
    for binding in gin_params:
        with _one_line_errors(f"--gin_param={binding!r}"):
            gin.parse_config(binding, skip_unknown=False)
    sources = {str(p): _read(p) for p in dict.fromkeys(parsed_files)}
    gin_checks.check_required(entry)
    gin_checks.check_macros(sources, gin_params)
    gin_checks.check_types()


def operative_text() -> str:
    """The configuration in use: every value that what was called has got.

    Complete only once the entry function has built its components. Reading
    this text again gives the same configuration.
    """
    return gin.operative_config_str()


def call(function: Callable[..., T], **kwargs: Any) -> T:
    """Calls a configured function.

    Args:
      function: an entry function under `@gin.configurable`.
      **kwargs: what gin does not fill in.

    Raises:
      ConfigError: if a component refuses the values that it was given.
      UserError: as the function raises it, without what gin adds.
        An OSError becomes one, too.
    """
    try:
        return function(**kwargs)
    except UserError as error:
        raise UserError(_without_gin(error)) from error
    except OSError as error:
        # Gin's copy of the error has lost its number and file name.
        message = re.sub(r"^\[Errno \d+\] ", "", _without_gin(error))
        raise UserError(message) from error
    except (TypeError, ValueError) as error:
        # Gin notes on an error which component's constructor raised it; one
        # that comes from the entry function itself is a bug of ours.
        components = re.findall(r"In call to configurable '(\w+)'", str(error))
        if not components or components[0] == function.__name__:
            raise
        raise ConfigError(
            f"{components[0]}: {_first_line(str(error))}"
        ) from error


def _without_gin(error: Exception) -> str:
    return str(error).split("\n  In call to configurable")[0]


def find_file(name: str) -> Path:
    """A gin file by its name in gin's folder, or by its path.

    Raises:
      ConfigError: if there is none; it names those most alike.
    """
    for path in (paths.gin_dir() / name, Path(name).expanduser()):
        if path.is_file():
            return path
    known = gin_names()
    stem = Path(name).stem
    similar = [other for other in known if Path(other).stem == stem]
    similar += difflib.get_close_matches(name, known, n=3 - len(similar[:2]))
    raise ConfigError(
        f"gin file {name!r} is neither in {paths.gin_dir()} nor a path"
        f"{gin_checks.did_you_mean(similar)}"
    )


def gin_names() -> list[str]:
    """All gin files in gin's folder, as `--gin_file` takes them."""
    top = paths.gin_dir()
    return sorted(str(p.relative_to(top)) for p in top.rglob("*.gin"))


def _with_includes(parsed: Any) -> Iterator[Path]:
    """The paths of a parsed file and of all that it includes."""
    yield find_file(parsed.filename)
    for include in parsed.includes:
        yield from _with_includes(include)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


class _one_line_errors:  # noqa: N801 (used like a function)
    """Turns gin's errors into ConfigErrors that say where and what to do."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, SyntaxError):
            where = _location(self._source, error.filename, error.lineno)
            raise ConfigError(
                f"{where}: syntax error: {_first_line(error.msg)}"
            ) from error
        if isinstance(error, tokenize.TokenError):
            line = error.args[1][0] if len(error.args) > 1 else None
            raise ConfigError(
                f"{_location(self._source, None, line)}: syntax error: "
                f"{error.args[0]}; a bracket or quote may not be closed."
            ) from error
        if isinstance(error, ValueError | ImportError | OSError | TypeError):
            where = _location(self._source, *_place_in_message(str(error)))
            raise ConfigError(f"{where}: {_advice(error)}") from error


def _location(source: str, file: str | None, line: int | None) -> str:
    if source.startswith("--gin_param"):
        return source
    return f"{file or source}:{line}" if line else file or source


def _place_in_message(message: str) -> tuple[str | None, int | None]:
    """The innermost file and line that gin names in a message."""
    found = re.search(r'In file "(.+?)", line (\d+)', message)
    return (found[1], int(found[2])) if found else (None, None)


def _advice(error: Exception) -> str:
    """What gin says, with the names that may have been meant."""
    line = _first_line(str(error))
    unknown = r"No configurable matching (?:reference )?'@?([\w./]+)"
    if found := re.search(unknown, line):
        name = re.split(r"[./]", found[1])[-1]
        known = gin_checks.configurable_names()
        similar = difflib.get_close_matches(name, known, n=3)
        return (
            f"nothing is called {name!r}"
            f"{gin_checks.did_you_mean(similar)} A file must import the module "
            "that it configures."
        )
    unknown = r"'([\w.]+)' doesn't have a parameter .*'(.*)'"
    if found := re.search(unknown, line):
        parameters = gin_checks.parameters_of(found[1])
        similar = difflib.get_close_matches(found[2], parameters)
        return (
            f"{found[1]} has no parameter {found[2]!r}"
            f"{gin_checks.did_you_mean(similar)} It has: "
            f"{', '.join(parameters)}."
        )
    if found := re.search(r"Unable to open file: (.+?)\. Searched", line):
        similar = difflib.get_close_matches(found[1], gin_names(), n=3)
        return (
            f"includes {found[1]!r}, which does not exist"
            f"{gin_checks.did_you_mean(similar)}"
        )
    if isinstance(error, ImportError):
        return f"{line}; the file imports a module that cannot be imported."
    return line if line.endswith(".") else f"{line}."


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")
