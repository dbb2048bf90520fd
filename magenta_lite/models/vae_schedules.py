"""What changes while a latent model trains: weight of the prior, sampling."""

from __future__ import annotations

import math

import tensorflow as tf

SAMPLING_SCHEDULES = ("constant", "exponential", "inverse_sigmoid", "linear")


def beta_at(
    step: tf.Tensor | None, max_beta: float, beta_rate: float
) -> tf.Tensor:
    """The weight of the divergence from the prior.

    `(1 - beta_rate ** step) * max_beta`, as in MusicVAE.

    Args:
      step: int32 scalar, optimisation steps taken; None for the end.
      max_beta: where the weight ends.
      beta_rate: from 0 (at the end from step 1 on) to below 1 (slowly).
    """
    if step is None:
        return tf.constant(max_beta, tf.float32)
    return (1.0 - tf.pow(beta_rate, tf.cast(step, tf.float32))) * max_beta


def sampling_probability(
    step: tf.Tensor, schedule: str, rate: float
) -> tf.Tensor:
    """How likely an event is read as the model drew it, not as it is.

    Scheduled sampling (Bengio et al., 2015): a decoder that only ever reads
    the truth does not learn to go on from its own mistakes.

    Args:
      step: int32 scalar, optimisation steps taken.
      schedule: "constant" (`rate`), "exponential" (`1 - rate ** step`),
        "inverse_sigmoid" (`1 - rate / (rate + exp(step / rate))`) or "linear"
        (`step / rate`, at most 1).
      rate: see `schedule`.
    """
    at = tf.cast(step, tf.float32)
    if schedule == "constant":
        return tf.constant(rate, tf.float32)
    if schedule == "exponential":
        return 1.0 - tf.pow(rate, at)
    if schedule == "inverse_sigmoid":
        # The same without the overflow of exp.
        return tf.sigmoid(at / rate - math.log(rate))
    return tf.minimum(at / rate, 1.0)


def check_sampling(schedule: str, rate: float) -> None:
    """Raises ValueError if there is no such schedule or it has no such rate."""
    if schedule not in SAMPLING_SCHEDULES:
        raise ValueError(
            f"sampling_schedule is {schedule!r}; it must be one of "
            f"{', '.join(SAMPLING_SCHEDULES)}"
        )
    if schedule == "constant":
        fits = 0 <= rate <= 1
    elif schedule == "exponential":
        fits = 0 < rate < 1
    else:
        fits = rate >= 1
    if not fits:
        raise ValueError(
            f"sampling_rate {rate} does not fit the schedule {schedule!r}"
        )
