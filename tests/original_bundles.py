"""Bundles as the original Magenta wrote them, made by TensorFlow itself."""

import numpy as np
import tensorflow as tf

from magenta_lite.bundles.tf_checkpoint import TensorInfo, TfCheckpoint
from magenta_lite.notes.proto import generator_pb2

_RENAMED = {  # what older versions of TensorFlow called the same variables
    "tf_1_0": (("kernel", "weights"), ("bias", "biases")),
    "tf_0": (
        ("kernel", "Linear/Matrix"),
        ("bias", "Linear/Bias"),
        ("rnn/", "RNN/"),
        ("multi_rnn_cell/cell_", "MultiRNNCell/Cell"),
        ("basic_lstm_cell", "BasicLSTMCell"),
        ("attention_cell_wrapper", "AttentionCellWrapper"),
        ("attn_output_projection", "AttnOutputProjection"),
        ("attention/attn_w", "Attention/AttnW"),
        ("attention/attn_v", "Attention/AttnV"),
        ("attention/", "Attention/"),
    ),
    "magenta_js": (("attn_output_projection", "attention_output_projection"),),
    "cudnn": (
        ("rnn/multi", "cudnn_lstm/rnn/multi"),
        ("basic_lstm_cell", "cudnn_compatible_lstm_cell"),
    ),
}
WRAPPER = "attention_cell_wrapper/"


class InMemory(TfCheckpoint):
    """Variables that no file holds."""

    def __init__(self, variables):
        self._variables = variables
        self.tensors = {
            name: TensorInfo(values.shape, values.dtype)
            for name, values in variables.items()
        }

    def _read(self, name, info):
        return self._variables[name]


def rnn_variables(
    input_depth,
    units,
    num_outputs,
    attention="",
    residual=False,
    nade_hidden=0,
    seed=0,
):
    """Random values of all variables of an event-sequence RNN.

    Args:
      input_depth: of the encoding.
      units: of the layers.
      num_outputs: classes, or bits of a NADE.
      attention: "first" for around the first layer, "all" for around all.
      residual: whether layers add their inputs.
      nade_hidden: hidden units of a NADE; 0 for none.
      seed: of the values.
    """
    shapes = {}
    root = "decoder/" if nade_hidden else "rnn/"
    below = input_depth
    if attention == "all":
        root += WRAPPER
        _attention_shapes(shapes, root, below, units[-1], sum(units))
    for i, size in enumerate(units):
        scope = f"{root}multi_rnn_cell/cell_{i}/"
        if residual and (i == 0 or size != units[i - 1]):
            scope += "input_projection_wrapper/"
            shapes[f"{scope}kernel"] = (below, size)
            shapes[f"{scope}bias"] = (size,)
            below = size
        if attention == "first" and i == 0:
            scope += WRAPPER
            _attention_shapes(shapes, scope, below, size, size)
        shapes[f"{scope}basic_lstm_cell/kernel"] = (below + size, 4 * size)
        shapes[f"{scope}basic_lstm_cell/bias"] = (4 * size,)
        below = size
    if nade_hidden:
        shapes["nade/w_enc"] = (num_outputs, 1, nade_hidden)
        shapes["nade/w_dec_t"] = (num_outputs, nade_hidden, 1)
        shapes["decoder/dense/kernel"] = (below, nade_hidden + num_outputs)
        shapes["decoder/dense/bias"] = (nade_hidden + num_outputs,)
    else:
        shapes["fully_connected/weights"] = (below, num_outputs)
        shapes["fully_connected/biases"] = (num_outputs,)
    random = np.random.default_rng(seed)
    return {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def _attention_shapes(shapes, scope, below, units, num_cells):
    shapes |= {
        f"{scope}kernel": (below + units, below),
        f"{scope}bias": (below,),
        f"{scope}attention/kernel": (2 * num_cells, units),
        f"{scope}attention/bias": (units,),
        f"{scope}attention/attn_w": (1, 1, units, units),
        f"{scope}attention/attn_v": (units,),
        f"{scope}attn_output_projection/kernel": (2 * units, units),
        f"{scope}attn_output_projection/bias": (units,),
    }


def vae_variables(z_size=3, encoder=4, decoder=5, depth=90, num_outputs=90):
    """Random values of a flat MusicVAE with a layer on either side."""
    cell = "encoder/cell_0/bidirectional_rnn/{}/multi_rnn_cell/cell_0/lstm_cell"
    below = depth + z_size
    shapes = {
        f"{cell.format(way)}/{leaf}": shape
        for way in ("fw", "bw")
        for leaf, shape in (
            ("kernel", (depth + encoder, 4 * encoder)),
            ("bias", (4 * encoder,)),
        )
    } | {
        "encoder/mu/kernel": (2 * encoder, z_size),
        "encoder/mu/bias": (z_size,),
        "encoder/sigma/kernel": (2 * encoder, z_size),
        "encoder/sigma/bias": (z_size,),
        "decoder/z_to_initial_state/kernel": (z_size, 2 * decoder),
        "decoder/z_to_initial_state/bias": (2 * decoder,),
        "decoder/multi_rnn_cell/cell_0/lstm_cell/kernel": (
            below + decoder,
            4 * decoder,
        ),
        "decoder/multi_rnn_cell/cell_0/lstm_cell/bias": (4 * decoder,),
        "decoder/output_projection/kernel": (decoder, num_outputs),
        "decoder/output_projection/bias": (num_outputs,),
    }
    random = np.random.default_rng(0)
    return {
        name: random.normal(0, 0.3, shape).astype("f4")
        for name, shape in shapes.items()
    }


def renamed(variables, version):
    """The same variables under the names of another version."""
    result = {}
    for name, values in variables.items():
        if not name.startswith("fully_connected"):
            for new, old in _RENAMED[version]:
                name = name.replace(new, old)
        result[name] = values
    return result


def saved(variables, folder, version=1, slots=False):
    """Writes a checkpoint; returns its prefix (V1: the file itself)."""
    prefix = str(folder / "model.ckpt")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [
            tf.compat.v1.Variable(values, name=name)
            for name, values in variables.items()
        ]
        if slots:
            made.append(tf.compat.v1.Variable(7, name="global_step"))
            made += [
                tf.compat.v1.Variable(values * 2, name=f"{name}/Adam")
                for name, values in variables.items()
            ]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(made, write_version=version)
        return saver.save(session, prefix, write_meta_graph=False)


def metagraph(attention_length=None, units=4):
    """A graph with what tells the attention length, serialized."""
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.float32, [1, None, 3])
        if attention_length:
            memory = tf.zeros([1, attention_length * units])
            scope = "rnn/while/rnn/multi_rnn_cell/cell_0/attention_cell_wrapper"
            with tf.compat.v1.name_scope(f"{scope}/"):
                tf.reshape(memory, [-1, attention_length, units], "Reshape")
        exported = tf.compat.v1.train.export_meta_graph(graph=graph)
    return exported.SerializeToString()


def bundle_bytes(bundle_id, checkpoint, graph):
    """A GeneratorBundle proto."""
    proto = generator_pb2.GeneratorBundle()
    proto.generator_details.id = bundle_id
    proto.generator_details.description = "made by a test"
    proto.bundle_details.description = "of random weights"
    proto.checkpoint_file.append(checkpoint)
    proto.metagraph_file = graph
    return proto.SerializeToString()
