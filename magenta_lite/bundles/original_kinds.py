"""What the ids of the original Magenta's bundles stand for.

An original bundle holds no sizes and names no classes: its id says with which
codec and encoding it was trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.base import Codec
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.codecs.polyphony import PolyphonyCodec
from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding


@dataclasses.dataclass(frozen=True)
class OriginalKind:
    """How bundles of one id were made.

    Attributes:
      codec: makes the codec.
      encoding: makes the encoding, given the codec's `encoding_sizes`.
      attention_length: if the graph of the bundle does not tell.
    """

    codec: Callable[[], Codec]
    encoding: Callable[..., Encoding]
    attention_length: int = 0


def _melody_in_c() -> Codec:
    return MelodyCodec(transpose_to_key=0)


def _any_melody() -> Codec:
    return MelodyCodec(min_pitch=0, max_pitch=128)


def _one_drum() -> Codec:
    return DrumsCodec(steps_per_quarter=2, drum_classes=((39,),), other_class=0)


def _performance() -> Codec:
    return PerformanceCodec(num_velocity_bins=0)


def _performance_with_dynamics() -> Codec:
    return PerformanceCodec(num_velocity_bins=32)


def _drum_lookback(num_events: int) -> Encoding:
    return LookbackEncoding(num_events, (), 6)


def _key_melody(num_events: int) -> Encoding:
    return KeyMelodyEncoding(num_events, 48)


def _performance_one_hot(num_events: int) -> Encoding:
    return OneHotEncoding(num_events, default_event=355)


def _polyphony_one_hot(num_events: int) -> Encoding:
    return OneHotEncoding(num_events, default_event=2)


KINDS = {
    "basic_rnn": OriginalKind(_melody_in_c, OneHotEncoding),
    "mono_rnn": OriginalKind(_any_melody, OneHotEncoding),
    "lookback_rnn": OriginalKind(_melody_in_c, LookbackEncoding),
    "attention_rnn": OriginalKind(_melody_in_c, _key_melody, 40),
    "one_drum": OriginalKind(_one_drum, OneHotEncoding),
    "drum_kit": OriginalKind(DrumsCodec, _drum_lookback, 32),
    "performance": OriginalKind(_performance, _performance_one_hot),
    "performance_with_dynamics": OriginalKind(
        _performance_with_dynamics, _performance_one_hot
    ),
    "polyphony": OriginalKind(PolyphonyCodec, _polyphony_one_hot),
}


def kind_of(bundle_id: str) -> OriginalKind:
    """The kind of an id.

    Raises:
      BundleError: `magenta`, if bundles of this id are not supported.
    """
    if bundle_id in KINDS:
        return KINDS[bundle_id]
    raise BundleError(
        f"this is a bundle of the original Magenta with the id "
        f"{bundle_id[:40]!r}; supported are {', '.join(KINDS)}.",
        "magenta",
    )
