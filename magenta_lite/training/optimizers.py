"""Keras optimizers and learning-rate schedules, selectable by gin.

Bind `train.optimizer = @Adam` (a factory: it is called inside the strategy's
scope) and, for a schedule, `Adam.learning_rate = @ExponentialDecay()`. With
`epsilon = 1e-8` Keras' Adam takes the very steps of TF1's `AdamOptimizer`:
both add epsilon to the root of the uncorrected second moment.
"""

import gin
import keras

for _optimizer in (
    keras.optimizers.Adam,
    keras.optimizers.AdamW,
    keras.optimizers.Adafactor,
    keras.optimizers.RMSprop,
    keras.optimizers.SGD,
):
    gin.register(_optimizer, module="keras.optimizers")

for _schedule in (
    keras.optimizers.schedules.CosineDecay,
    keras.optimizers.schedules.ExponentialDecay,
    keras.optimizers.schedules.PiecewiseConstantDecay,
):
    gin.register(_schedule, module="keras.optimizers.schedules")
