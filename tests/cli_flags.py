"""The flags of a command, for tests of texts that name them."""

import importlib

from absl import flags


def flags_of(command: str) -> set[str]:
    """Names of the flags that `bin/<command>.py` takes."""
    module = importlib.import_module(f"magenta_lite.cli.{command}")
    if not hasattr(module, "define_flags"):
        own = flags.FLAGS.get_flags_for_module(module.__name__)
        return {flag.name for flag in own}
    flag_values = flags.FlagValues()
    module.define_flags(flag_values)
    return set(flag_values)
