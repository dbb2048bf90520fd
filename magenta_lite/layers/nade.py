"""Bits that depend on each other: a neural autoregressive estimator (NADE).

Bit i of a label is on with probability

    sigmoid(c_i + V_i . sigmoid(b + sum_{j < i, bit j on} W_j))

(Larochelle and Murray, 2011; Uria et al., 2016). The hidden state of the model
gives the biases b and c, as in the RNN-NADE of Boulanger-Lewandowski et al.
(2012).

The usual computation goes bit by bit. But the inner sum only changes behind a
bit that is on, and of the 88 keys of a piano few sound at once. So the work
here goes from one sounding bit to the next: all bits up to there follow from
one hidden layer, that is from one matrix product for a whole batch.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers.heads import HeadLayer, LabelSampler, Metrics


class NadeHead(HeadLayer):
    """The head layer of `heads.Nade`.

    Outputs are the biases (b `[..., num_hidden]`, c `[..., num_bits]`).

    Args:
      num_bits: how many bits a label has.
      num_hidden: units of the estimator's hidden layer.
      name: of the layer.
    """

    def __init__(
        self, num_bits: int, num_hidden: int, name: str = "logits"
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.num_bits = num_bits
        self.num_hidden = num_hidden
        self.biases = keras.layers.Dense(
            num_hidden + num_bits, dtype="float32", name="biases"
        )

    def build(self, input_shape: Any) -> None:
        """Makes the weights; W and V are `[num_bits, num_hidden]`."""
        self.biases.build(input_shape)
        shape = (self.num_bits, self.num_hidden)
        initializer = keras.initializers.TruncatedNormal(
            stddev=self.num_bits**-0.5
        )
        self.encoder, self.decoder = (
            self.add_weight(shape=shape, initializer=initializer, name=name)
            for name in ("encoder", "decoder")
        )
        self.built = True

    def call(self, hidden: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The biases b and c; see `HeadLayer`."""
        both = self.biases(hidden)
        return both[..., : self.num_hidden], both[..., self.num_hidden :]

    def nats(
        self, outputs: tuple[tf.Tensor, tf.Tensor], labels: tf.Tensor
    ) -> tf.Tensor:
        """Summed over the bits of a label; see `HeadLayer`."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(labels, tf.float32),
            logits=self.logits(outputs, labels),
        )
        return tf.reduce_sum(losses, axis=-1)

    def logits(
        self, outputs: tuple[tf.Tensor, tf.Tensor], labels: tf.Tensor
    ) -> tf.Tensor:
        """Log-odds of each bit given those before it.

        Args:
          outputs: from `call`.
          labels: int32 `[..., num_bits]` of 0 and 1.

        Returns:
          float32 `[..., num_bits]`.
        """
        hidden_bias, bit_bias = outputs
        found = conditional_logits(
            tf.reshape(tf.cast(labels, tf.float32), [-1, self.num_bits]),
            tf.reshape(hidden_bias, [-1, self.num_hidden]),
            tf.convert_to_tensor(self.encoder),
            tf.convert_to_tensor(self.decoder),
        )
        return bit_bias + tf.reshape(found, tf.shape(bit_bias))

    def accuracies(
        self,
        outputs: tuple[tf.Tensor, tf.Tensor],
        labels: tf.Tensor,
        weights: tf.Tensor,
        default_label: int | None,
    ) -> Metrics:
        """Of bits taken for on where that is likelier, given those before.

        "accuracy" is the share of right bits, "precision" that of right ones
        among those taken for on, "recall" that of those found among the ones
        that are on.
        """
        del default_label
        weights = weights[..., tf.newaxis]
        truth = tf.cast(labels, tf.float32)
        on = tf.cast(self.logits(outputs, labels) >= 0, tf.float32)
        every = tf.reduce_sum(weights) * self.num_bits
        right = tf.reduce_sum(weights * on * truth)
        wrong = tf.reduce_sum(weights * tf.abs(on - truth))
        return {
            "accuracy": (every - wrong, every),
            "precision": (right, tf.reduce_sum(weights * on)),
            "recall": (right, tf.reduce_sum(weights * truth)),
        }

    def draw(
        self,
        outputs: tuple[tf.Tensor, tf.Tensor],
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Bit after bit, the sampler choosing off or on; see `HeadLayer`.

        Each bit keeps its random number while the hidden layer that decides
        it is looked for, so the result is the one of going bit by bit.
        """
        hidden_bias, bit_bias = outputs
        places = tf.range(self.num_bits)

        def body(
            first: tf.Tensor, a: tf.Tensor, bits: tf.Tensor, log_prob: tf.Tensor
        ) -> tuple:
            logits = bit_bias + tf.sigmoid(a) @ tf.transpose(self.decoder)
            drawn, log_probs = self._draw_bits(logits, sampler, seed, allowed)
            is_next = (drawn == 1) & (places >= first[:, tf.newaxis])
            found = tf.reduce_any(is_next, axis=1)
            last = tf.argmax(tf.cast(is_next, tf.int32), 1, tf.int32)  # [b]
            last = tf.where(found, last, self.num_bits)
            settled = places >= first[:, tf.newaxis]
            settled &= places <= last[:, tf.newaxis]
            on = tf.one_hot(last, self.num_bits)  # None if no bit is on.
            log_prob += tf.reduce_sum(tf.where(settled, log_probs, 0.0), 1)
            bits += tf.cast(on, tf.int32)
            return last + 1, a + on @ self.encoder, bits, log_prob

        batch_size = tf.shape(bit_bias)[0]
        *_, bits, log_prob = tf.while_loop(
            lambda first, *_: tf.reduce_any(first < self.num_bits),
            body,
            (
                tf.zeros([batch_size], tf.int32),
                hidden_bias,
                tf.zeros_like(bit_bias, tf.int32),
                tf.zeros_like(bit_bias[:, 0]),
            ),
        )
        return bits, log_prob

    def _draw_bits(
        self,
        logits: tf.Tensor,
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Every bit as if none before it changed: 0 or 1, and its log-prob."""
        pairs = tf.stack([tf.zeros_like(logits), logits], axis=-1)  # [b, n, 2]
        if allowed is not None:
            pairs = tf.where(allowed[..., :2], pairs, -float("inf"))
        log_probs = sampler.log_probs(tf.reshape(pairs, [-1, 2]))
        drawn = sampler.choose(log_probs, seed)
        chosen = tf.gather(log_probs, drawn, batch_dims=1)
        shape = tf.shape(logits)
        return tf.reshape(drawn, shape), tf.reshape(chosen, shape)


def conditional_logits(
    bits: tf.Tensor,
    hidden_bias: tf.Tensor,
    encoder: tf.Tensor,
    decoder: tf.Tensor,
) -> tf.Tensor:
    """Log-odds of each bit given those before it, less their bias.

    Takes one round for each bit that is on in the fullest row, and one more.
    Memory does not grow with the rounds: going back, hidden layers are
    computed once more.

    Args:
      bits: float32 `[rows, bits]` of 0 and 1; no gradient reaches it.
      hidden_bias: float32 `[rows, hidden]`.
      encoder: float32 `[bits, hidden]`, what a bit adds to the hidden layer.
      decoder: float32 `[bits, hidden]`, how a bit follows from it.

    Returns:
      float32 `[rows, bits]`.
    """
    num_before = tf.cumsum(bits, axis=1, exclusive=True)
    rounds = tf.reduce_max(tf.reduce_sum(bits, axis=1)) + 1

    @tf.custom_gradient
    def run(
        hidden_bias: tf.Tensor, encoder: tf.Tensor, decoder: tf.Tensor
    ) -> tuple:
        weights = (encoder, decoder)
        logits, a = _forward(bits, num_before, rounds, *weights, hidden_bias)

        def gradient(d_logits: tf.Tensor) -> tuple:
            return _backward(bits, num_before, rounds, *weights, a, d_logits)

        return logits, gradient

    return run(hidden_bias, encoder, decoder)


def _forward(
    bits: tf.Tensor,
    num_before: tf.Tensor,
    rounds: tf.Tensor,
    encoder: tf.Tensor,
    decoder: tf.Tensor,
    hidden_bias: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits `[rows, bits]`, and the inner sum behind all bits."""

    def body(k: tf.Tensor, a: tf.Tensor, logits: tf.Tensor) -> tuple:
        here = tf.equal(num_before, k)
        found = tf.matmul(tf.sigmoid(a), decoder, transpose_b=True)
        entering = tf.where(here, bits, 0.0)  # One bit at most of each row.
        a += tf.matmul(entering, encoder)
        return k + 1, a, tf.where(here, found, logits)

    _, a, logits = tf.while_loop(
        lambda k, *_: k < rounds,
        body,
        (tf.constant(0.0), hidden_bias, tf.zeros_like(bits)),
    )
    return logits, a


def _backward(
    bits: tf.Tensor,
    num_before: tf.Tensor,
    rounds: tf.Tensor,
    encoder: tf.Tensor,
    decoder: tf.Tensor,
    a: tf.Tensor,
    d_logits: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of hidden bias, encoder and decoder, from the last round on."""

    def body(
        k: tf.Tensor,
        a: tf.Tensor,
        d_a: tf.Tensor,
        d_encoder: tf.Tensor,
        d_decoder: tf.Tensor,
    ) -> tuple:
        here = tf.equal(num_before, k)
        entering = tf.where(here, bits, 0.0)
        a -= tf.matmul(entering, encoder)
        d_encoder += tf.matmul(entering, d_a, transpose_a=True)
        hidden = tf.sigmoid(a)
        d_found = tf.where(here, d_logits, 0.0)
        d_decoder += tf.matmul(d_found, hidden, transpose_a=True)
        d_a += tf.matmul(d_found, decoder) * hidden * (1 - hidden)
        return k - 1, a, d_a, d_encoder, d_decoder

    _, _, *gradients = tf.while_loop(
        lambda k, *_: k >= 0,
        body,
        (
            rounds - 1,
            a,
            tf.zeros_like(a),
            tf.zeros_like(encoder),
            tf.zeros_like(decoder),
        ),
    )
    return tuple(gradients)
