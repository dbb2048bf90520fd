"""What the ids of the original's MusicVAE configurations stand for.

A checkpoint of MusicVAE says nothing of them: neither how long a clip is, nor
how a hierarchy cuts it, nor with what objective it was trained. Codecs and
encodings are named, not made; they are those of `gin/recipes/music_vae`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from magenta_lite.bundles.errors import BundleError

Description = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class VaeKind:
    """How the models of one configuration were made.

    Attributes:
      codec: describes the codec, as `manifest.describe` does.
      encoding: describes the encoding, given the codec's `encoding_sizes`
        and `num_hidden` of a NADE.
      encoder_lengths, decoder_lengths: see `MusicVae`.
      options: of the objective, for `MusicVae`.
    """

    codec: Description
    encoding: Callable[..., Description]
    encoder_lengths: tuple[int, ...] = ()
    decoder_lengths: tuple[int, ...] = ()
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def _codec(name: str, **config: Any) -> Description:
    return {"class": f"magenta_lite.codecs.{name}", "config": config}


def _encoding(name: str, **config: Any) -> Description:
    return {"class": f"magenta_lite.encodings.{name}", "config": config}


def _one_hot(num_events: int) -> Description:
    return _encoding("one_hot:OneHotEncoding", num_events=num_events)


def _fields(field_sizes: tuple[int, ...]) -> Description:
    return _encoding(
        "one_hot_fields:OneHotFieldsEncoding", field_sizes=list(field_sizes)
    )


def _drum_set(num_events: int) -> Description:
    return _encoding("drum_rolls:DrumSetEncoding", num_events=num_events)


def _drum_roll(field_sizes: tuple[int, ...], num_hidden: int) -> Description:
    return _encoding(
        "drum_rolls:DrumRollEncoding",
        field_sizes=list(field_sizes),
        num_hidden=num_hidden,
    )


def _tracks(num_events: int) -> Description:
    return _encoding("multi_track:MultiTrackEncoding", num_events=num_events)


def _groove(**options: Any) -> Callable[..., Description]:
    def describe(field_sizes: tuple[int, ...]) -> Description:
        return _encoding(
            "groove:GrooveEncoding", field_sizes=list(field_sizes), **options
        )

    return describe


def _told(target: Description, part: str) -> Description:
    return _encoding(
        "conditional:ConditionalEncoding",
        target=target,
        parts=[_encoding(part)],
    )


def _over_triads(target: Callable[..., Description]) -> Callable:
    def describe(field_sizes: tuple[int, ...]) -> Description:
        return _told(target(field_sizes[0]), "chord_controls:TriadControl")

    return describe


def _over_hits(field_sizes: tuple[int, ...]) -> Description:
    return _told(_groove()(field_sizes), "groove:HitsControl")


def _melodies(num_bars: int, **config: Any) -> Description:
    return _codec("melody_clips:MelodyClipCodec", num_bars=num_bars, **config)


_SCHEDULED = {"sampling_schedule": "inverse_sigmoid", "sampling_rate": 1000.0}
_HELD = {"free_bits": 48.0, "max_beta": 0.2}
_LONG = {"free_bits": 256.0, "max_beta": 0.2}
_DROPPED = _HELD | {"dropout": 0.7}
_BEATS = _codec("drum_clips:DrumClipCodec")
_ROLLS = _codec("drum_clips:DrumRollClipCodec")
_ALL_DRUMS = [
    [pitch]
    for pitch in (
        *(36, 35, 38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85),
        *(42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 46, 67, 72, 74, 79, 81, 45),
        *(29, 41, 61, 64, 84, 48, 47, 60, 63, 77, 86, 87, 50, 30, 43, 62, 76),
        *(83, 49, 55, 57, 58, 51, 52, 53, 59, 82),
    )
]
_TRIOS = _codec("trio:TrioClipCodec")
_SONGS = _melodies(16, programs=None)
_GROOVES = _codec("groove:GrooveClipCodec")
_TRACKS = VaeKind(
    _codec("multi_track:MultiTrackClipCodec"), _tracks, (64, 8), (8, 64)
)
_CHORDED_TRACKS = VaeKind(
    _codec("multi_track_chords:MultiTrackChordsClipCodec"),
    _over_triads(_tracks),
    (64, 8),
    (8, 64),
)
_ROLLING = VaeKind(_ROLLS, _drum_roll, options=_HELD | _SCHEDULED)


def _short(max_beta: float) -> VaeKind:
    """Melodies of two bars."""
    options = {"max_beta": max_beta, "beta_rate": 0.99999}
    return VaeKind(_melodies(2), _one_hot, options=options | _SCHEDULED)


def _grooving(**options: Any) -> VaeKind:
    return VaeKind(_GROOVES, _groove(**options), options=_DROPPED)


KINDS: Mapping[str, VaeKind] = {
    "cat-mel_2bar_small": _short(0.2),
    "cat-mel_2bar_big": _short(0.5),
    "cat-mel_2bar_med_chords": VaeKind(
        _codec("lead_sheet_clips:LeadSheetClipCodec"), _over_triads(_one_hot)
    ),
    "cat-drums_2bar_small": VaeKind(
        _BEATS, _drum_set, options=_HELD | _SCHEDULED
    ),
    "cat-drums_2bar_big": VaeKind(
        _BEATS, _drum_set, options=_HELD | _SCHEDULED
    ),
    "nade-drums_2bar_reduced": _ROLLING,
    "nade-drums_2bar_full": dataclasses.replace(
        _ROLLING,
        codec=_codec("drum_clips:DrumRollClipCodec", drum_classes=_ALL_DRUMS),
    ),
    "flat-trio_16bar": VaeKind(_TRIOS, _fields),
    "hierdec-trio_16bar": VaeKind(_TRIOS, _fields, (), (16, 16), options=_LONG),
    "hier-trio_16bar": VaeKind(
        _TRIOS, _fields, (16, 16), (16, 16), options=_LONG
    ),
    "flat-mel_16bar": VaeKind(_SONGS, _one_hot, options=_LONG),
    "hierdec-mel_16bar": VaeKind(_SONGS, _one_hot, (), (16, 16), options=_LONG),
    "hier-mel_16bar": VaeKind(
        _SONGS, _one_hot, (16, 16), (16, 16), options=_LONG
    ),
    "hier-multiperf_vel_1bar_med": _TRACKS,
    "hier-multiperf_vel_1bar_med_chords": _CHORDED_TRACKS,
    "hier-multiperf_vel_1bar_big": _TRACKS,
    "hier-multiperf_vel_1bar_big_chords": _CHORDED_TRACKS,
    "groovae_4bar": VaeKind(
        _codec("groove:GrooveClipCodec", num_bars=4),
        _groove(),
        options=_DROPPED,
    ),
    "groovae_2bar_humanize": _grooving(hide_velocities=True, hide_offsets=True),
    "groovae_2bar_tap_fixed_velocity": _grooving(
        hide_velocities=True, tap_drum=3
    ),
    "groovae_2bar_tap_fixed_velocity_note_dropout": _grooving(
        hide_velocities=True, tap_drum=3, note_dropout=0.8
    ),
    "groovae_2bar_add_closed_hh": _grooving(hidden_drums=[2]),
    "groovae_2bar_hits_control_tfds": VaeKind(
        _GROOVES, _over_hits, options=_DROPPED
    ),
}
_OTHER_NAMES = {
    # So its README calls it.
    "groovae_2bar_hits_control": "groovae_2bar_hits_control_tfds",
}


def kind_of(model_id: str) -> tuple[str, VaeKind]:
    """An id as the original's code spells it, and its kind.

    Raises:
      BundleError: `magenta`, if there is no such configuration.
    """
    model_id = _OTHER_NAMES.get(model_id, model_id)
    if model_id in KINDS:
        return model_id, KINDS[model_id]
    raise BundleError(
        f"{model_id[:80]!r} is no configuration of MusicVAE; there are "
        f"{', '.join(KINDS)}.",
        "magenta",
    )


def id_in_path(path: str) -> str:
    """The id that a file, or else its folder, is named after; "" if none is.

    Published archives are named so: `cat-drums_2bar_small.lokl.tar`.
    """
    for name in reversed(path.split("/")):
        found = [known for known in (*KINDS, *_OTHER_NAMES) if known in name]
        if found:
            return max(found, key=len)
    return ""
