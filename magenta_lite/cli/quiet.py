"""Starts TensorFlow without its start-up messages."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from absl import flags, logging


def load_tensorflow(prepare: Callable[[], object] | None = None) -> None:
    """Imports TensorFlow and finds its devices, silently.

    Some of its start-up messages (there is no GPU; which instructions are
    used) heed no log level. Setting TF_CPP_MIN_LOG_LEVEL to 0 shows them.

    Args:
      prepare: called before TensorFlow looks for devices.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        if prepare:
            prepare()
        return
    with _silent_stderr():
        import tensorflow as tf

        if prepare:
            prepare()
        # Looking for GPUs is what complains where there is none.
        tf.config.list_logical_devices()
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Sends what C++ writes to standard error to nowhere for a while."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
