"""Where a training runs: one device, many, many machines, a TPU.

Every replica takes its rows of the same global batch, so that a run is the same
run wherever it goes (but for the rounding of sums). Workers share nothing but
their connection: the chief alone writes the run directory, and the others get
from it what it restored.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from magenta_lite.errors import UserError

NAMES = ("one", "mirrored", "multi_worker", "tpu")

LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
)
"""What a step raises whose partner on another machine is gone."""


@functools.cache
def make_strategy(
    name: str = "one", num_virtual_devices: int | None = None
) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy by name; the same one at every call.

    All but "one" must be made before TensorFlow is used for anything else.

    Args:
      name: "one" trains on one device, a GPU if there is one; "mirrored" on
        all GPUs of this machine; "multi_worker" on the machines that the
        environment variable TF_CONFIG lists; "tpu" on the TPU at hand.
      num_virtual_devices: cuts the CPU into so many devices, to try out
        "mirrored" without GPUs.

    Raises:
      UserError: if there is no such strategy, or not what it needs.
    """
    if num_virtual_devices:
        _cut_cpu(num_virtual_devices)
    if name == "one":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        kind = "CPU" if num_virtual_devices else "GPU"
        devices = [d.name for d in tf.config.list_logical_devices(kind)]
        return tf.distribute.MirroredStrategy(devices or None)
    if name == "multi_worker":
        return _multi_worker()
    if name == "tpu":
        return _tpu()
    raise UserError(
        f"there is no strategy {name!r}; choose from {', '.join(NAMES)}."
    )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes."""
    cluster = strategy.cluster_resolver
    if cluster is None or not cluster.task_type:
        return True
    if "chief" in cluster.cluster_spec().jobs:
        return cluster.task_type == "chief"
    return cluster.task_type != "worker" or cluster.task_id == 0


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    cluster = strategy.cluster_resolver.cluster_spec()
    return sum(cluster.num_tasks(job) for job in cluster.jobs)


def from_chief(
    strategy: tf.distribute.Strategy, values: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The chief's values, in every process; it waits until all ask.

    Args:
      strategy: of all of them.
      values: numbers; those of the others give shapes and dtypes alone.
    """
    if num_workers(strategy) == 1:
        return list(values)

    @tf.function(autograph=False)
    def exchange(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        def replica(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            is_first = tf.equal(context.replica_id_in_sync_group, 0)
            own = [tf.where(is_first, t, tf.zeros_like(t)) for t in tensors]
            # One call takes tensors of one type.
            return [context.all_reduce("SUM", tensor) for tensor in own]

        shared = strategy.run(replica, args=(tensors,))
        return [strategy.experimental_local_results(t)[0] for t in shared]

    return [t.numpy() for t in exchange([tf.constant(v) for v in values])]


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Returns once every process has come here."""
    from_chief(strategy, [np.zeros([], np.float32)])


def _cut_cpu(count: int) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError as error:
        raise UserError(
            "virtual devices must be made before TensorFlow is used."
        ) from error


def _multi_worker() -> tf.distribute.Strategy:
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        config["cluster"], config["task"]["type"], config["task"]["index"]
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            "--strategy=multi_worker needs the environment variable TF_CONFIG, "
            'e.g. {"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}, on each host with its '
            "own index."
        ) from error
    return tf.distribute.MultiWorkerMirroredStrategy()


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(
            os.environ.get("TPU_NAME", "local")
        )
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        raise UserError(
            "there is no TPU here; set TPU_NAME, or choose another --strategy."
        ) from error
    return tf.distribute.TPUStrategy(resolver)
