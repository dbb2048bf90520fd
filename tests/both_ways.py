"""Runs an operation eagerly and inside `Dataset.map`, which can differ."""

import numpy as np
import tensorflow as tf


def run_both_ways(function, *args):
    """The result as NumPy; fails if the two ways do not agree."""
    args = [tf.convert_to_tensor(arg) for arg in args]
    eager = function(*args)
    dataset = tf.data.Dataset.from_tensors(tuple(args)).map(
        # Shapes are unknown in a pipeline.
        lambda *mapped: function(
            *(
                tf.ensure_shape(tf.identity(arg), [None] * arg.shape.rank)
                for arg in mapped
            )
        )
    )
    (mapped,) = dataset
    eager, mapped = (
        tf.nest.map_structure(lambda tensor: tensor.numpy(), result)
        for result in (eager, mapped)
    )
    tf.nest.map_structure(np.testing.assert_array_equal, eager, mapped)
    return eager
