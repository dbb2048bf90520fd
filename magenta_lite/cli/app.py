"""What every command shares: flag help, one-line errors, exit status."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable

from absl import app, flags
from absl import logging as absl_logging

from magenta_lite.errors import UserError


def run(
    main: Callable[[list[str]], int | None], max_arguments: int = 0
) -> None:
    """Runs a command's `main(argv)` and exits.

    Problems that the user can mend are printed as one line with status 1;
    Ctrl-C exits with 130. Anything else is a bug and keeps its traceback.

    Args:
      main: the command; its module defines the flags and its docstring is the
        text of `--help`.
      max_arguments: how many arguments beside flags it takes.
    """
    _show_in_help(main.__module__)
    _quiet_libraries()
    app.run(lambda argv: _guarded(main, argv, max_arguments))


def _guarded(
    main: Callable[[list[str]], int | None],
    argv: list[str],
    max_arguments: int,
) -> int:
    try:
        if len(argv) > 1 + max_arguments:
            raise UserError(
                f"unexpected argument {argv[-1]!r}; flags start with `--`, "
                "see --help."
            )
        return main(argv) or 0
    except UserError as error:
        _say(str(error))
        return 1
    except OSError as error:
        _say(_os_error_line(error))
        return 1
    except KeyboardInterrupt as error:
        _say(str(error) or "interrupted.")
        return 130


def _say(message: str) -> None:
    command = os.path.basename(sys.argv[0]).removesuffix(".py")
    one_line = " ".join(message.split())
    print(f"{command}: error: {one_line}", file=sys.stderr)


def _os_error_line(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    advice = {
        errno.ENOSPC: "; free some space or write elsewhere",
        errno.EACCES: "; choose a place that you may read and write",
        errno.EPERM: "; choose a place that you may read and write",
        errno.EROFS: "; choose a place that you may write",
    }.get(error.errno or 0, "")
    return f"{error.strerror or error}{where}{advice}"


def _show_in_help(module_name: str) -> None:
    """Lists the command's flags in `--help`, wherever they are defined."""
    sys.modules["__main__"].__doc__ = sys.modules[module_name].__doc__
    ours = module_name.rpartition(".")[0]
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith(f"{ours}."):
            for flag in defined:
                flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _quiet_libraries() -> None:
    """Keeps TensorFlow's start-up messages off the user's screen."""
    # What TensorFlow logs as an error it also raises, or works around.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
    # TensorFlow reports every checkpoint; --verbosity=0 shows it.
    flags.FLAGS.set_default("verbosity", absl_logging.WARNING)
