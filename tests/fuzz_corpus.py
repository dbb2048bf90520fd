"""Good files for `fuzz_bundles`: small, one of each kind."""

import pathlib

from fuzz_bundles import Corpus
from magenta_js_files import write_magenta_js
from original_bundles import (
    bundle_bytes,
    metagraph,
    rnn_variables,
    saved,
    vae_variables,
)

from magenta_lite.bundles.bundle import from_bytes, write_bundle

_MODELS = {
    "basic_rnn": rnn_variables(38, (4, 3), 38),
    "attention_rnn": rnn_variables(74, (3, 3), 40, "first"),
    "rnn-nade": rnn_variables(88, (3,), 88, nade_hidden=3),
}


def make(folder):
    """A `Corpus` of originals, ours, checkpoints and scripts."""
    for name, variables in _MODELS.items():
        prefix = pathlib.Path(saved(variables, folder))
        data = bundle_bytes(name, prefix.read_bytes(), metagraph(5, 3))
        (folder / f"{name}.mag").write_bytes(data)
        sub = folder / f"{name}_v2"
        sub.mkdir()
        saved(variables, sub, version=2)
        kernels = [n for n in variables if n.endswith("kernel")]
        quantized = dict(zip(kernels, ("uint8", "uint16"), strict=False))
        write_magenta_js(folder / f"{name}_js", variables, quantized=quantized)
    sub = folder / "cat-mel_2bar_small"
    sub.mkdir()
    saved(vae_variables(), sub, version=2, slots=True)
    write_magenta_js(folder / "cat-mel_2bar_small_js", vae_variables())
    ours = from_bytes((folder / "basic_rnn.mag").read_bytes())
    write_bundle(
        folder / "ours.mag",
        model=ours.model,
        codec=ours.codec,
        bundle_id="basic_rnn",
    )
    return Corpus(folder)
