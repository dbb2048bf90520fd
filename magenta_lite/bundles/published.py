"""The models that the Magenta team published, and how to get them.

Names and addresses are those in the README files of the original's models. The
team published no checksums: the first download of a name pins what came, and
later ones must be the same file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from magenta_lite.bundles.errors import BundleError
from magenta_lite.download import (
    Progress,
    RemoteFile,
    check_file,
    sha256_of,
)
from magenta_lite.download import (
    download as download_file,
)

_RNN = "http://download.magenta.tensorflow.org/models/"
_VAE = (
    "https://storage.googleapis.com/magentadata/models/music_vae/checkpoints/"
)
_PINS = "checksums.json"
_HINT = (
    "or get the file by other means and name it directly: every command takes "
    "a path."
)
_MAX_BYTES = 2**33


@dataclasses.dataclass(frozen=True)
class Published:
    """A model on the team's servers.

    Attributes:
      url: where it is.
      config: the id of the kind of model.
    """

    url: str
    config: str


def _bundle(name: str, config: str = "") -> Published:
    return Published(f"{_RNN}{name}.mag", config or name)


def _vae(name: str, config: str = "") -> Published:
    return Published(f"{_VAE}{name}.tar", config or name)


PUBLISHED: Mapping[str, Published] = {
    **{
        name: _bundle(name)
        for name in (
            "basic_rnn",
            "mono_rnn",
            "lookback_rnn",
            "attention_rnn",
            "chord_pitches_improv",
            "performance",
            "performance_with_dynamics",
            "performance_with_dynamics_and_modulo_encoding",
            "density_conditioned_performance_with_dynamics",
            "pitch_conditioned_performance_with_dynamics",
            "multiconditioned_performance_with_dynamics",
        )
    },
    "drum_kit_rnn": _bundle("drum_kit_rnn", "drum_kit"),
    "polyphony_rnn": _bundle("polyphony_rnn", "polyphony"),
    "pianoroll_rnn_nade": _bundle("pianoroll_rnn_nade", "rnn-nade"),
    "pianoroll_rnn_nade-bach": _bundle("pianoroll_rnn_nade-bach", "rnn-nade"),
    **{
        name: _vae(name)
        for name in (
            "cat-mel_2bar_big",
            "hierdec-mel_16bar",
            "hierdec-trio_16bar",
            "nade-drums_2bar_full",
            "groovae_4bar",
            "groovae_2bar_humanize",
            "groovae_2bar_tap_fixed_velocity",
            "groovae_2bar_add_closed_hh",
        )
    },
    "cat-drums_2bar_small.lokl": _vae(
        "cat-drums_2bar_small.lokl", "cat-drums_2bar_small"
    ),
    "cat-drums_2bar_small.hikl": _vae(
        "cat-drums_2bar_small.hikl", "cat-drums_2bar_small"
    ),
    "groovae_2bar_hits_control": _vae(
        "groovae_2bar_hits_control", "groovae_2bar_hits_control_tfds"
    ),
}
"""By the names in the original's README files."""


def download(
    name: str,
    cache_dir: str | os.PathLike | None = None,
    *,
    progress: Progress | None = None,
    published: Mapping[str, Published] | None = None,
    download_fn: Callable[..., Path] = download_file,
) -> Path:
    """Downloads a published model, unless it is there already.

    A cut download goes on where it stopped.

    Args:
      name: one of `PUBLISHED`.
      cache_dir: where to keep it; `~/.cache/magenta_lite/bundles`, or what
        MAGENTA_LITE_CACHE says, if None.
      progress: told how many bytes have come, and of how many.
      published: other models by name.
      download_fn: see `magenta_lite.download.download`.

    Returns:
      The file. `magenta_lite.load_bundle` reads it.

    Raises:
      BundleError: if there is no such name.
      DownloadError: if the server cannot be reached, in one line.
      ChecksumError: if what came is not what came the first time.
    """
    known = PUBLISHED if published is None else published
    if name not in known:
        raise BundleError(
            f"nothing is published as {name[:80]!r}; there are "
            f"{', '.join(known)}.",
            "missing",
        )
    folder = _cache_dir(cache_dir)
    url = known[name].url
    path = folder / url.rpartition("/")[2]
    pins = _read_pins(folder / _PINS)
    remote = RemoteFile(url, sha256=pins.get(url, ""))
    if path.is_file() and remote.sha256:
        check_file(path, remote)
        return path
    download_fn(
        remote, path, progress=progress, hint=_HINT, max_bytes=_MAX_BYTES
    )
    _write_pin(folder / _PINS, url, sha256_of(path))
    return path


def _cache_dir(cache_dir: str | os.PathLike | None) -> Path:
    if cache_dir is None:
        cache_dir = os.environ.get("MAGENTA_LITE_CACHE") or (
            Path.home() / ".cache" / "magenta_lite"
        )
        cache_dir = Path(cache_dir) / "bundles"
    return Path(cache_dir).expanduser()


def _read_pins(path: Path) -> dict[str, str]:
    """Checksums by address; none if there are none or they are damaged."""
    try:
        pins = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(pins, dict):
        return {}
    return {url: pin for url, pin in pins.items() if isinstance(pin, str)}


def _write_pin(path: Path, url: str, sha256: str) -> None:
    pins = _read_pins(path) | {url: sha256}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(pins, indent=1, sort_keys=True))
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
