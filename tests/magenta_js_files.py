"""Checkpoints as the converter of Magenta.js writes them."""

import json

import numpy as np


def write_magenta_js(folder, variables, config=None, quantized=(), shards=2):
    """A folder as `tensorflowjs_converter` and Magenta.js's script write it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps(config or {"type": "MusicRNN"})
    )
    weights, data = [], b""
    for name, values in variables.items():
        weight = {"name": name, "shape": list(values.shape), "dtype": "float32"}
        if name in quantized:
            low, high = float(values.min()), float(values.max())
            kind = quantized[name]
            scale = (high - low) / np.iinfo(kind).max
            weight["quantization"] = {
                "scale": scale,
                "min": low,
                "dtype": kind,
            }
            values = np.round((values - low) / scale).astype(kind)
        weights.append(weight)
        data += values.tobytes()
    cut = len(data) // shards + 1
    names = [f"group1-shard{i + 1}of{shards}" for i in range(shards)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(data[i * cut : (i + 1) * cut])
    manifest = [{"paths": names, "weights": weights}]
    (folder / "weights_manifest.json").write_text(json.dumps(manifest))
    return folder
