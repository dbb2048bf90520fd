"""Flags about models of the original Magenta, where a file does not say all."""

from __future__ import annotations

from absl import flags


def define(flag_values: flags.FlagValues) -> None:
    """Defines --config and --attention_length."""
    flags.DEFINE_string(
        "config",
        None,
        "Of a checkpoint of the original Magenta: the id of its configuration, "
        "such as basic_rnn, if it cannot be told from the sizes.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "attention_length",
        None,
        "Of such a checkpoint with attention: its attn_length, if no graph "
        "(.meta) lies beside it and it is not the configuration's own.",
        lower_bound=1,
        flag_values=flag_values,
    )
