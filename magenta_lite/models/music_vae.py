"""MusicVAE: a latent vector for every clip, and clips for latent vectors."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import gin
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.heads import Categoricals
from magenta_lite.layers import latent
from magenta_lite.models import vae_schedules
from magenta_lite.models.base import LatentModel
from magenta_lite.models.head_layers import (
    make_head_layer,
    make_separate_head_layer,
)
from magenta_lite.models.vae_decoders import (
    Decoder,
    FlatDecoder,
    HierarchicalDecoder,
)
from magenta_lite.models.vae_encoders import ClipEncoder
from magenta_lite.models.vae_sampling import mix_in_samples

_MAX_UNITS = 65536
_MAX_LAYERS = 16
_MAX_LENGTH = 65536
_ACTIVE_VARIANCE = 0.01
_FEW_ACTIVE = 2
_KEPT_PER_UNIT = 8
"""Floats of a layer's unit and an event: four gates, cell, output, copies."""


@gin.register
class MusicVae(LatentModel):
    """A recurrent variational autoencoder (Roberts et al., 2018).

    The encoder reads a whole clip and gives a Gaussian over latent vectors;
    the decoder gives the clip back from a vector, event by event, beginning
    with nothing. What is read and predicted of an event is the encoding's
    affair: with the right one this is MusicVAE of melodies, drums, trios or
    many tracks, or GrooVAE.

    Args:
      encoding: turns events into inputs and labels.
      z_size: of the latent vector.
      encoder_units: depth of each layer of the encoder in each direction.
      decoder_units: depth of each layer of the decoder.
      encoder_lengths: for a hierarchical encoder: steps of a segment at each
        level, from the bottom up.
      decoder_lengths: for a hierarchical decoder: number of segments, and
        events of a segment.
      autoregressive: whether the hierarchical decoder's conductor reads how
        the segment before ended.
      separate_parts: whether every field of the label has a decoder of its
        own; the inputs must end with one block for each.
      dropout: share of each LSTM layer's inputs that is dropped in training.
      free_bits: bits of a clip's divergence from the prior that cost nothing.
      max_beta: weight of the divergence at the end of its schedule.
      beta_rate: see `vae_schedules.beta_at`.
      sampling_schedule: see `vae_schedules.sampling_probability`.
      sampling_rate: its number; 0 and "constant" never sample.

    Raises:
      ValueError: if a size or option is out of range.
    """

    def __init__(
        self,
        encoding: Encoding,
        z_size: int = 32,
        encoder_units: tuple[int, ...] = (256,),
        decoder_units: tuple[int, ...] = (512,),
        encoder_lengths: tuple[int, ...] = (),
        decoder_lengths: tuple[int, ...] = (),
        autoregressive: bool = False,
        separate_parts: bool = False,
        dropout: float = 0.0,
        free_bits: float = 0.0,
        max_beta: float = 1.0,
        beta_rate: float = 0.0,
        sampling_schedule: str = "constant",
        sampling_rate: float = 0.0,
    ) -> None:
        super().__init__(name="music_vae")
        self.encoding = encoding
        self._config: dict[str, Any] = {
            "z_size": z_size,
            "encoder_units": list(encoder_units),
            "decoder_units": list(decoder_units),
            "encoder_lengths": list(encoder_lengths),
            "decoder_lengths": list(decoder_lengths),
            "autoregressive": autoregressive,
            "separate_parts": separate_parts,
            "dropout": float(dropout),
            "free_bits": float(free_bits),
            "max_beta": float(max_beta),
            "beta_rate": float(beta_rate),
            "sampling_schedule": sampling_schedule,
            "sampling_rate": float(sampling_rate),
        }
        _check(self._config, encoding)
        self.z_size = z_size
        self.encoder = ClipEncoder(
            tuple(encoder_units), tuple(encoder_lengths), dropout
        )
        # A hierarchical encoder learns nothing where the decoder has learnt to
        # do without it first.
        self.latent = latent.DiagonalGaussian(
            z_size, starts_apart=len(self.encoder.levels) > 1
        )
        self.decoder = self._make_decoder()
        if separate_parts:
            self.head = make_separate_head_layer(encoding.head)
        else:
            self.head = make_head_layer(encoding.head)
        self._mix = tf.function(
            functools.partial(mix_in_samples, self),
            jit_compile=True,
            autograph=False,
        )
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes all variables; sizes are known from the constructor."""
        self.encoder.build((None, None, self.encoding.encoder_input_depth))
        self.latent.build((None, self.encoder.output_depth))
        self.decoder.build((self.encoding.input_depth, self.z_size))
        self.head.build((None, None, self.decoder.output_depth))
        self.built = True

    def encode(
        self,
        events: tf.Tensor,
        lengths: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The Gaussians of clips, each `[batch, z_size]`; see `LatentModel`."""
        hidden_seed = drop_seed = None
        if seed is not None:
            hidden_seed, drop_seed = _split_seed(seed, 2)
        inputs = self.encoding.encoder_inputs(events, hidden_seed)
        weights = self._weights(events, lengths)
        return self.latent(self.encoder(inputs, weights, drop_seed))

    def outputs(
        self, events: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None = None
    ) -> Any:
        """What the head says of every event, told those before it.

        Args:
          events: int32 `[batch, time, *event_shape]`.
          z: float32 `[batch, z_size]`.
          seed: int32 `[2]` in training; None drops nothing.

        Returns:
          The head's outputs with leading axes `[time, batch]`.
        """
        inputs = self.encoding.decoder_inputs(events)
        return self.head(self.decoder(inputs, z, seed))

    def loss_and_metrics(
        self,
        batch: dict[str, tf.Tensor],
        training: bool,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, dict[str, tuple[tf.Tensor, tf.Tensor]]]:
        """A bound on the negative log-likelihood of a clip; see `Model`.

        Nats of the events given a latent vector, and the divergence from the
        prior beyond the free bits times its weight. In evaluation the vector
        is the mean, the events before each event are told, and the weight is
        the last one.
        """
        events, lengths = batch[batch_keys.EVENTS], batch[batch_keys.LENGTHS]
        first_row = batch_keys.first_row(batch)
        step = batch.get(batch_keys.TRAINING_STEP) if training else None
        seeds: list[Any] = [None] * 4
        if training:
            assert seed is not None
            seeds = _split_seed(seed, 4)
            # Dropout and hidden inputs differ from part to part of a batch;
            # all else is a function of the row.
            for i in (0, 3):
                seeds[i] = seeds[i] + tf.stack([0, first_row])
        mu, sigma = self.encode(events, lengths, seeds[0])
        z = mu
        if training:
            z = latent.sample(mu, sigma, seeds[1], first_row)
        read, probability = events, tf.constant(0.0)
        if step is not None and self._samples:
            probability = vae_schedules.sampling_probability(
                step, *self._sampling
            )
            read = self._mixed(events, z, probability, seeds[2], first_row)
        outputs = self.outputs(read, z, seeds[3])
        labels = _time_major(self.encoding.labels(events))
        mask = tf.transpose(self._weights(events, lengths))  # [t, b]
        nats = tf.reduce_sum(mask * self.head.nats(outputs, labels), axis=0)
        kl = latent.kl_from_prior(mu, sigma)  # [b, z]
        beta = vae_schedules.beta_at(
            step, self._config["max_beta"], self._config["beta_rate"]
        )
        free_nats = self._config["free_bits"] * math.log(2)
        costs = tf.maximum(tf.reduce_sum(kl, axis=1) - free_nats, 0.0)
        losses = nats + beta * costs  # [b]
        metrics = {
            **_latent_metrics(losses, nats, kl, mu, lengths),
            "beta": (beta, tf.constant(1.0)),
            "sampling_probability": (probability, tf.constant(1.0)),
            **self.head.accuracies(
                outputs, labels, mask, self.encoding.default_label
            ),
        }
        total, count = metrics["loss"]
        return tf.math.divide_no_nan(total, count), metrics

    def initial_state(self, batch_size: int, conditioning: Any = None) -> Any:
        """The state before the first event.

        Args:
          batch_size: number of rows.
          conditioning: latent vectors, float32 `[batch, z_size]`; the middle
            of the prior if None.
        """
        if conditioning is None:
            conditioning = tf.zeros([batch_size, self.z_size])
        return self.decoder.initial_state(conditioning)

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[Any, Any]:
        """One step of generation; see `Model`."""
        hidden, state = self.decoder.step(inputs, state)
        return self.head(hidden), state

    def look_inside(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How the latent dimensions are used; see `Model`."""
        mu, sigma = self.encode(
            batch[batch_keys.EVENTS], batch[batch_keys.LENGTHS]
        )
        kl = latent.kl_from_prior(mu, sigma)
        return {
            "latent_means": tf.reshape(mu, [-1]),
            "latent_deviations": tf.reshape(sigma, [-1]),
            "latent_kl_of_dimensions": tf.reduce_mean(kl, axis=0),
        }

    def get_config(self) -> dict:
        """Sizes and options, without the encoding."""
        return dict(self._config)

    def _mixed(
        self,
        events: tf.Tensor,
        z: tf.Tensor,
        probability: tf.Tensor,
        seed: tf.Tensor,
        first_row: tf.Tensor | int = 0,
    ) -> tf.Tensor:
        """Events of which some are the model's own; without gradients."""
        controls = self.encoding.controls(events)
        mixed = self._mix(
            events,
            controls,
            tf.stop_gradient(z),
            probability,
            seed,
            tf.convert_to_tensor(first_row),
        )
        return tf.stop_gradient(mixed)

    def kept_floats(self) -> int:
        """Gates, cells and outputs of all LSTM layers; see `Model`."""
        encoder, decoder = (
            self._config[f"{part}_units"] for part in ("encoder", "decoder")
        )
        units = 2 * sum(encoder) + sum(decoder) * len(self._part_depths)
        read = 2 * self.encoding.encoder_input_depth + self.encoding.input_depth
        return _KEPT_PER_UNIT * units + 2 * read

    def complaints(self, metrics: Mapping[str, float]) -> list[str]:
        """Says when the decoder has stopped to listen; see `Model`."""
        active = metrics.get("active_units", math.inf)
        if active >= min(_FEW_ACTIVE, self.z_size):
            return []
        return [
            f"posterior collapse: {active:.0f} of {self.z_size} latent "
            "dimensions tell clips apart. Lower MAX_BETA, raise FREE_BITS, or "
            "let BETA_RATE bring the divergence in more slowly."
        ]

    @property
    def _sampling(self) -> tuple[str, float]:
        return self._config["sampling_schedule"], self._config["sampling_rate"]

    @property
    def _samples(self) -> bool:
        """Whether training ever reads what the model draws."""
        return self._sampling != ("constant", 0.0)

    def _weights(self, events: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time]`: 1 for events that count."""
        inside = tf.sequence_mask(lengths, tf.shape(events)[1], tf.float32)
        return inside * self.encoding.event_weights(events)

    @property
    def _part_depths(self) -> tuple[int, ...]:
        """Depth of the inputs that each decoder has for itself."""
        if not self._config["separate_parts"]:
            return (self.encoding.input_depth,)
        assert isinstance(self.encoding.head, Categoricals)
        return self.encoding.head.sizes

    def _make_decoder(self) -> Decoder:
        config = self._config
        units = tuple(config["decoder_units"])
        lengths = config["decoder_lengths"]
        if not lengths:
            return FlatDecoder(units, self._part_depths, config["dropout"])
        return HierarchicalDecoder(
            units,
            tuple(lengths),
            self._part_depths,
            config["autoregressive"],
            config["dropout"],
        )


def _latent_metrics(
    losses: tf.Tensor,
    nats: tf.Tensor,
    kl: tf.Tensor,
    mu: tf.Tensor,
    lengths: tf.Tensor,
) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """Per clip that is not empty; and how many dimensions tell clips apart.

    A dimension is active where its mean varies over the clips of a batch by
    more than 0.01 (Burda et al., 2016).
    """
    real = tf.cast(lengths > 0, tf.float32)
    count = tf.reduce_sum(real)
    kl_nats = tf.reduce_sum(kl, axis=1)
    middle = tf.reduce_sum(mu * real[:, tf.newaxis], axis=0)
    middle = tf.math.divide_no_nan(middle, count)
    spread = tf.reduce_sum(tf.square(mu - middle) * real[:, tf.newaxis], axis=0)
    active = tf.math.divide_no_nan(spread, count) > _ACTIVE_VARIANCE
    return {
        "loss": (tf.reduce_sum(losses * real), count),
        "elbo": (-tf.reduce_sum((nats + kl_nats) * real), count),
        "r_loss": (tf.reduce_sum(nats * real), count),
        "kl": (tf.reduce_sum(kl_nats * real), count),
        "active_units": (
            tf.reduce_sum(tf.cast(active, tf.float32)),
            tf.constant(1.0),
        ),
    }


def _split_seed(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """So many seeds of one."""
    fold = tf.random.experimental.stateless_fold_in
    return [fold(seed, i) for i in range(count)]


def _time_major(tensor: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes: `[batch, time, ...]`, `[time, batch, ...]`."""
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])


def _check(config: dict[str, Any], encoding: Encoding) -> None:
    """Raises ValueError if a size or option is out of range."""
    for name in ("encoder_units", "decoder_units"):
        units = config[name]
        if not 1 <= len(units) <= _MAX_LAYERS:
            raise ValueError(f"{name} names {len(units)} layers")
        if not all(1 <= n <= _MAX_UNITS for n in units):
            raise ValueError(f"{name} {units} out of 1..{_MAX_UNITS}")
    if not 1 <= config["z_size"] <= _MAX_UNITS:
        raise ValueError(f"z_size is {config['z_size']}")
    for name in ("encoder_lengths", "decoder_lengths"):
        lengths = config[name]
        product = math.prod(lengths)
        if any(n < 1 for n in lengths) or product > _MAX_LENGTH:
            raise ValueError(f"{name} are {lengths}")
    if len(config["decoder_lengths"]) not in (0, 2):
        raise ValueError(
            "decoder_lengths are a number of segments and the events of one"
        )
    if not 0 <= config["dropout"] < 1:
        raise ValueError(f"dropout {config['dropout']} is not in [0, 1)")
    if not 0 <= config["beta_rate"] < 1:
        raise ValueError(f"beta_rate {config['beta_rate']} is not in [0, 1)")
    if config["free_bits"] < 0 or config["max_beta"] < 0:
        raise ValueError("free_bits and max_beta must not be negative")
    vae_schedules.check_sampling(
        config["sampling_schedule"], config["sampling_rate"]
    )
    if config["separate_parts"] and not isinstance(encoding.head, Categoricals):
        raise ValueError("separate_parts needs labels of several fields")
