"""What the ids of the original Magenta's models stand for.

An original bundle holds no sizes and names no classes: its id says with which
codec and encoding it was trained. They are those of the recipe of that id in
`gin/recipes`. Encodings are named, not made, so that reading this table loads
no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.base import Codec
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.note_performance import NotePerformanceCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.codecs.polyphony import PolyphonyCodec

Description = dict[str, Any]
"""A class and its arguments, as `manifest.describe` writes them."""

_LONGEST_SHIFT = 355
_STEP_END = 2


@dataclasses.dataclass(frozen=True)
class OriginalKind:
    """How the models of one id were made.

    Attributes:
      codec: makes the codec.
      encoding: describes the encoding, given the codec's `encoding_sizes`
        and `num_hidden` of a NADE.
      input_depth: of the encoding.
      num_outputs: of the last layer; without those of a NADE's hidden layer.
      attention_length: if the graph of the bundle does not tell.
    """

    codec: Callable[[], Codec]
    encoding: Callable[..., Description]
    input_depth: int
    num_outputs: int
    attention_length: int = 0

    @property
    def has_nade(self) -> bool:
        """Whether a NADE makes the outputs."""
        return self.encoding is _pianoroll


def _described(name: str, **config: Any) -> Description:
    """`one_hot:OneHotEncoding` with its arguments."""
    return {"class": f"magenta_lite.encodings.{name}", "config": config}


def _one_hot(default_event: int = 0) -> Callable[..., Description]:
    def describe(num_events: int) -> Description:
        return _described(
            "one_hot:OneHotEncoding",
            num_events=num_events,
            default_event=default_event,
        )

    return describe


def _lookback(distances: list[int], bits: int) -> Callable[..., Description]:
    def describe(num_events: int) -> Description:
        return _described(
            "lookback:LookbackEncoding",
            num_events=num_events,
            lookback_distances=distances,
            binary_counter_bits=bits,
        )

    return describe


def _key_melody(num_events: int) -> Description:
    return _described("key_melody:KeyMelodyEncoding", num_events=num_events)


def _modulo(num_events: int) -> Description:
    return _described("modulo:ModuloEncoding", num_events=num_events)


def _one_hot_fields(field_sizes: tuple[int, ...]) -> Description:
    return _described(
        "one_hot_fields:OneHotFieldsEncoding", field_sizes=list(field_sizes)
    )


def _pianoroll(field_sizes: tuple[int, ...], num_hidden: int) -> Description:
    return _described(
        "pianoroll:PianorollEncoding",
        field_sizes=list(field_sizes),
        num_hidden=num_hidden,
    )


def _told(*parts: Description) -> Callable[..., Description]:
    """One-hot events of a performance after encoded controls."""

    def describe(num_events: int) -> Description:
        return _described(
            "conditional:ConditionalEncoding",
            target=_one_hot(_LONGEST_SHIFT)(num_events),
            parts=list(parts),
        )

    return describe


def _over(
    chords: str, melody: Callable[..., Description]
) -> Callable[..., Description]:
    """A melody after the chord that it is to go with."""

    def describe(field_sizes: tuple[int, ...]) -> Description:
        return _described(
            "conditional:ConditionalEncoding",
            target=melody(num_events=field_sizes[0]),
            parts=[_described(f"chord_controls:{chords}")],
        )

    return describe


def _melody_in_c() -> Codec:
    return MelodyCodec(transpose_to_key=0)


def _any_melody() -> Codec:
    return MelodyCodec(min_pitch=0, max_pitch=128)


def _any_chords() -> Codec:
    return LeadSheetCodec(triads_only=False)


def _one_drum() -> Codec:
    return DrumsCodec(steps_per_quarter=2, drum_classes=((39,),), other_class=0)


def _plain_performance() -> Codec:
    return PerformanceCodec(num_velocity_bins=0, max_note_seconds=5.0)


def _performance() -> Codec:
    return PerformanceCodec(num_velocity_bins=32, max_note_seconds=5.0)


_DENSITY = _described("performance_controls:NoteDensityControl")
_HISTOGRAM = _described("performance_controls:PitchHistogramControl")
_OPTIONAL = _described(
    "performance_controls:OptionalControl", parts=[_DENSITY, _HISTOGRAM]
)
_PERFORMANCES = {
    "": OriginalKind(_performance, _one_hot(_LONGEST_SHIFT), 388, 388),
    "_and_modulo_encoding": OriginalKind(_performance, _modulo, 16, 388),
    "_and_note_encoding": OriginalKind(
        NotePerformanceCodec, _one_hot_fields, 315, 315
    ),
}
_TOLD_PERFORMANCES = {
    "density_conditioned": OriginalKind(
        _performance, _told(_DENSITY), 396, 388
    ),
    "pitch_conditioned": OriginalKind(
        _performance, _told(_HISTOGRAM), 400, 388
    ),
    "multiconditioned": OriginalKind(
        _performance, _told(_DENSITY, _HISTOGRAM), 408, 388
    ),
    "optional_multiconditioned": OriginalKind(
        _performance, _told(_OPTIONAL), 409, 388
    ),
}
KINDS: Mapping[str, OriginalKind] = {
    "basic_rnn": OriginalKind(_melody_in_c, _one_hot(), 38, 38),
    "mono_rnn": OriginalKind(_any_melody, _one_hot(), 130, 130),
    "lookback_rnn": OriginalKind(_melody_in_c, _lookback([16, 32], 5), 121, 40),
    "attention_rnn": OriginalKind(_melody_in_c, _key_melody, 74, 40, 40),
    "one_drum": OriginalKind(_one_drum, _one_hot(), 2, 2),
    "drum_kit": OriginalKind(DrumsCodec, _lookback([], 6), 518, 512, 32),
    "basic_improv": OriginalKind(
        LeadSheetCodec, _over("TriadControl", _one_hot()), 87, 38
    ),
    "attention_improv": OriginalKind(
        LeadSheetCodec, _over("TriadControl", _key_melody), 123, 40, 40
    ),
    "chord_pitches_improv": OriginalKind(
        _any_chords, _over("ChordTonesControl", _one_hot()), 75, 38
    ),
    "polyphony": OriginalKind(PolyphonyCodec, _one_hot(_STEP_END), 259, 259),
    "rnn-nade": OriginalKind(PianorollCodec, _pianoroll, 88, 88),
    "rnn-nade_attn": OriginalKind(PianorollCodec, _pianoroll, 88, 88, 32),
    "performance": OriginalKind(
        _plain_performance, _one_hot(_LONGEST_SHIFT), 356, 356
    ),
    **{
        f"performance_with_dynamics{name}": kind
        for name, kind in _PERFORMANCES.items()
    },
    # Its details name the plain id in the original, whose weights it shares.
    "performance_with_dynamics_compact": _PERFORMANCES[""],
    **{
        f"{name}_performance_with_dynamics": kind
        for name, kind in _TOLD_PERFORMANCES.items()
    },
}


def kind_of(model_id: str) -> OriginalKind:
    """The kind of an id.

    Raises:
      BundleError: `magenta`, if models of this id are not supported.
    """
    if model_id in KINDS:
        return KINDS[model_id]
    raise BundleError(
        f"this is a model of the original Magenta with the id "
        f"{model_id[:80]!r}; supported are {', '.join(KINDS)}.",
        "magenta",
    )


def ids_that_fit(
    input_depth: int, num_outputs: int, attends: bool, has_nade: bool
) -> list[str]:
    """The ids whose models have these sizes.

    Args:
      input_depth: of the first layer.
      num_outputs: of the last layer.
      attends: whether it has an attention cell; where several ids have the
        same sizes, this can tell them apart.
      has_nade: whether a NADE makes the outputs.
    """
    found = [
        model_id
        for model_id, kind in KINDS.items()
        if (kind.input_depth, kind.num_outputs) == (input_depth, num_outputs)
        and kind.has_nade == has_nade
        and model_id != "performance_with_dynamics_compact"
    ]
    alike = [i for i in found if bool(KINDS[i].attention_length) == attends]
    return alike if len(alike) == 1 else found
