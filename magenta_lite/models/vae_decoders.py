"""From latent vectors to hidden states: the decoders of MusicVAE.

A decoder reads what is known before each event and a latent vector, and gives
the hidden states that a head predicts the events from: over whole clips
(`call`), or step by step (`initial_state`, `step`).
"""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers import lstm_stack
from magenta_lite.layers.lstm_stack import LstmStack
from magenta_lite.models.vae_encoders import fit_time


class Decoder(keras.layers.Layer, abc.ABC):
    """What a latent model's decoder owes."""

    @property
    @abc.abstractmethod
    def output_depth(self) -> int:
        """Depth of a hidden state."""

    @abc.abstractmethod
    def call(
        self, inputs: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Hidden states of whole clips.

        Args:
          inputs: float32 `[batch, time, depth]`, known before each event.
          z: float32 `[batch, z_size]`.
          seed: int32 `[2]` in training, for dropout; None drops nothing.

        Returns:
          float32 `[time, batch, output_depth]`: time-major.
        """

    @abc.abstractmethod
    def initial_state(self, z: tf.Tensor) -> Any:
        """The state before the first step: a nest of `[batch, ...]`."""

    @abc.abstractmethod
    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """One step: `[batch, depth]` to `[batch, output_depth]`."""


class FlatDecoder(Decoder):
    """LSTM layers that read the latent vector beside every input.

    Several stacks side by side, each for a part of the music, see the latent
    vector, the controls and their own part of the inputs.

    Args:
      units: depth of each layer of a stack, from the input up.
      part_depths: the depth of each part's inputs; they are the last of all
        inputs, what is before them every part reads.
      dropout: share of each layer's inputs that is dropped in training.
      name: of the layer.
    """

    def __init__(
        self,
        units: tuple[int, ...],
        part_depths: tuple[int, ...],
        dropout: float = 0.0,
        name: str = "decoder",
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.part_depths = tuple(part_depths)
        self.stacks = [
            LstmStack(units, dropout=dropout, name=f"part_{i}")
            for i in range(len(part_depths))
        ]

    @property
    def output_depth(self) -> int:
        """All parts side by side."""
        return sum(stack.units[-1] for stack in self.stacks)

    @property
    def state_depth(self) -> int:
        """Depth of the last states of all parts."""
        return sum(stack.state_depth for stack in self.stacks)

    def build(self, input_shape: tuple[int, int]) -> None:
        """Makes the weights for (depth of an input, size of an embedding)."""
        depth, z_size = input_shape
        shared = depth - sum(self.part_depths)
        for stack, own in zip(self.stacks, self.part_depths, strict=True):
            stack.build((shared + own, z_size))
        self.built = True

    def call(
        self, inputs: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `Decoder`."""
        return self.run(tf.transpose(inputs, [1, 0, 2]), z, seed)[0]

    def run(
        self,
        inputs: tf.Tensor,
        embedding: tf.Tensor,
        seed: tf.Tensor | None = None,
        chunk_steps: int = lstm_stack.CHUNK_STEPS,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Time-major; also the last states `[batch, state_depth]`."""
        outputs, last = [], []
        for i, (stack, own) in enumerate(
            zip(self.stacks, self._cut(inputs), strict=True)
        ):
            part_seed = None if seed is None else seed + [i + 1, 0]
            hidden, states = stack.run(own, embedding, part_seed, chunk_steps)
            outputs.append(hidden)
            last.append(lstm_stack.flat_state(states))
        return tf.concat(outputs, axis=-1), tf.concat(last, axis=-1)

    def initial_state(self, z: tf.Tensor) -> Any:
        """One list of states for each part."""
        return [stack.start(z) for stack in self.stacks]

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """See `Decoder`."""
        outputs, after = [], []
        for stack, own, before in zip(
            self.stacks, self._cut(inputs), state, strict=True
        ):
            hidden, states = stack.step(own, before)
            outputs.append(hidden)
            after.append(states)
        return tf.concat(outputs, axis=-1), after

    def _cut(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        """Inputs `[..., depth]` as each part reads them."""
        if len(self.part_depths) == 1:
            return [inputs]
        shared = inputs.shape[-1] - sum(self.part_depths)
        common, *parts = tf.split(inputs, [shared, *self.part_depths], axis=-1)
        return [tf.concat([common, part], axis=-1) for part in parts]


class HierarchicalDecoder(Decoder):
    """A conductor gives each segment of a clip an embedding of its own.

    The latent vector sets the conductor's LSTM layers going; each of their
    steps gives an embedding, from which the core decodes one segment (Roberts
    et al., 2018). The core's states do not cross a segment's border. So the
    embeddings can all be made at once, and in training the segments are one
    batch, unless the conductor reads how the segment before it ended.

    Args:
      units: depth of each layer, of the conductor and of the core.
      lengths: number of segments, and events of a segment.
      part_depths: see `FlatDecoder`.
      autoregressive: whether the conductor reads the latent vector and the
        states that the core had at the end of the segment before; else it
        reads zeros.
      dropout: share of each layer's inputs that is dropped in training.
      name: of the layer.
    """

    def __init__(
        self,
        units: tuple[int, ...],
        lengths: tuple[int, int],
        part_depths: tuple[int, ...],
        autoregressive: bool = False,
        dropout: float = 0.0,
        name: str = "decoder",
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.num_segments, self.segment_length = lengths
        self.autoregressive = autoregressive
        self.conductor = LstmStack(
            units,
            reads_embedding=autoregressive,
            dropout=dropout,
            name="conductor",
        )
        self.core = FlatDecoder(units, part_depths, dropout, name="core")

    @property
    def output_depth(self) -> int:
        """The core's."""
        return self.core.output_depth

    @property
    def _conductor_depth(self) -> int:
        return self.core.state_depth if self.autoregressive else 1

    def build(self, input_shape: tuple[int, int]) -> None:
        """Makes the weights for (depth of an input, size of a vector)."""
        depth, z_size = input_shape
        self.conductor.build((self._conductor_depth, z_size))
        self.core.build((depth, self.conductor.units[-1]))
        self.built = True

    def call(
        self, inputs: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `Decoder`; a clip of another length is filled up or cut."""
        count, length = self.num_segments, self.segment_length
        shape = tf.shape(inputs)
        depth = inputs.shape[-1]
        cut = tf.reshape(
            fit_time(inputs, count * length), [-1, count, length, depth]
        )
        if self.autoregressive:
            hidden = self._one_by_one(
                tf.transpose(cut, [1, 2, 0, 3]), z, seed
            )  # [segments, length, b, u]
        else:
            hidden = self._all_at_once(
                tf.transpose(cut, [2, 1, 0, 3]), z, seed
            )  # [length, segments, b, u]
            hidden = tf.transpose(hidden, [1, 0, 2, 3])
        whole = tf.reshape(hidden, [-1, shape[0], self.output_depth])
        return whole[: shape[1]]

    def _all_at_once(
        self, inputs: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None
    ) -> tf.Tensor:
        """`[length, segments, batch, ...]`: every segment is a row."""
        embeddings = self._embeddings(z, seed)
        length, depth = self.segment_length, inputs.shape[-1]
        hidden, _ = self.core.run(
            tf.reshape(inputs, [length, -1, depth]),
            tf.reshape(embeddings, [-1, embeddings.shape[-1]]),
            seed,
        )
        shape = [length, self.num_segments, -1, self.output_depth]
        return tf.reshape(hidden, shape)

    def _embeddings(self, z: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        """One for each segment: `[segments, batch, units]`."""
        nothing = tf.zeros([self.num_segments, tf.shape(z)[0], 1])
        conductor_seed = None if seed is None else seed + [0, 1000]
        return self.conductor.run(nothing, z, conductor_seed)[0]

    def _one_by_one(
        self, inputs: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None
    ) -> tf.Tensor:
        """`[segments, length, batch, ...]`: each waits for the one before."""
        last = tf.zeros([tf.shape(z)[0], self.core.state_depth])
        states = self.conductor.start(z)
        outputs = []
        for i in range(self.num_segments):
            embedding, states = self.conductor.step(last, states)
            hidden, last = self.core.run(
                inputs[i],
                embedding,
                None if seed is None else seed + [0, 1000 * (i + 1)],
                _divisor(self.segment_length),
            )
            outputs.append(hidden)
        return tf.stack(outputs)

    def initial_state(self, z: tf.Tensor) -> Any:
        """The place in the clip; what segments start from; the core's state."""
        batch_size = tf.shape(z)[0]
        place = tf.zeros([batch_size], tf.int32)
        if self.autoregressive:
            zeros = tf.zeros([batch_size, self.conductor.units[-1]])
            return (
                place,
                self.conductor.start(z),
                self.core.initial_state(zeros),
            )
        embeddings = self._embeddings(z, None)
        starts = self.core.initial_state(
            tf.reshape(embeddings, [-1, embeddings.shape[-1]])
        )
        starts = tf.nest.map_structure(self._by_segment, starts)
        # A graph that nobody runs, too, is to know how large the state is.
        starts = tf.nest.map_structure(
            lambda start: tf.ensure_shape(
                start, [z.shape[0], *start.shape[1:]]
            ),
            starts,
        )
        first = tf.nest.map_structure(lambda start: start[:, 0], starts)
        return place, starts, first

    def _by_segment(self, rows: tf.Tensor) -> tf.Tensor:
        """`[segments * batch, ...]` to `[batch, segments, ...]`."""
        rest = rows.shape[1:]
        batch_size = tf.shape(rows)[0] // self.num_segments
        cut = tf.reshape(rows, [self.num_segments, batch_size, *rest])
        return tf.transpose(cut, [1, 0, *range(2, cut.shape.rank)])

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """See `Decoder`; past the end, the last segment goes on."""
        place, segments, core = state
        end = self.num_segments * self.segment_length
        begins = (place % self.segment_length == 0) & (place < end)
        # All rows are at the same place, and mostly within a segment.
        begins = tf.reduce_any(begins)
        if self.autoregressive:
            segments, core = tf.cond(
                begins,
                lambda: self._next_segment(place, segments, core),
                lambda: (segments, core),
            )
        else:
            number = place // self.segment_length
            core = tf.cond(
                begins,
                lambda: tf.nest.map_structure(
                    lambda start: tf.gather(start, number, batch_dims=1),
                    segments,
                ),
                lambda: core,
            )
        hidden, core = self.core.step(inputs, core)
        return hidden, (place + 1, segments, core)

    def _next_segment(
        self, place: tf.Tensor, conductor: Any, core: Any
    ) -> tuple[Any, Any]:
        """The conductor's next state, and the core's first one after it."""
        last = tf.concat([lstm_stack.flat_state(s) for s in core], axis=-1)
        last = tf.where(place[:, tf.newaxis] == 0, 0.0, last)
        embedding, conductor = self.conductor.step(last, conductor)
        return conductor, self.core.initial_state(embedding)


def _divisor(length: int) -> int:
    """The largest number of steps of a chunk that divides a length."""
    steps = range(min(length, lstm_stack.CHUNK_STEPS), 0, -1)
    return next(n for n in steps if length % n == 0)
