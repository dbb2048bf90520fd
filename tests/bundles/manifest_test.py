import abc
import dataclasses
import json

import numpy as np
import pytest

from magenta_lite.bundles import manifest
from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn

MELODY = "magenta_lite.codecs.melody:MelodyCodec"
EVENT_RNN = "magenta_lite.models.event_rnn:EventRnn"


@dataclasses.dataclass(frozen=True)
class UserCodec(MelodyCodec):
    """A codec outside the package."""


class AbstractCodec(MelodyCodec):
    @abc.abstractmethod
    def more(self):
        """Not there."""


def test_description_of_a_codec_is_class_and_json_config():
    described = manifest.describe(MelodyCodec(min_pitch=40))
    assert described["class"] == MELODY
    assert described["config"]["min_pitch"] == 40
    assert json.loads(json.dumps(described)) == described


def test_codec_encoding_and_model_come_back_equal():
    codec = MelodyCodec(min_pitch=30, transpose_to_key=0, max_steps=None)
    assert manifest.build_codec(manifest.describe(codec)) == codec
    encoding = OneHotEncoding(codec.num_events)
    assert manifest.build_encoding(manifest.describe(encoding)) == encoding
    model = EventRnn(encoding, units=(3, 2), attention_length=2, dropout=0.5)
    rebuilt = manifest.build_model(manifest.describe(model), encoding)
    assert rebuilt.get_config() == model.get_config()
    assert [w.shape for w in rebuilt.weights] == [
        w.shape for w in model.weights
    ]


@pytest.mark.parametrize(
    "description",
    [
        None,
        [],
        {},
        {"class": MELODY},
        {"class": MELODY, "config": []},
        {"class": 3, "config": {}},
        {"class": "", "config": {}},
        {"class": "os:system", "config": {"command": "true"}},
        {"class": "builtins:eval", "config": {}},
        {"class": "magenta_lite.codecs.melody:np", "config": {}},
        {"class": "magenta_lite.codecs.melody:Codec", "config": {}},
        {"class": "magenta_lite.codecs.base:Codec", "config": {}},
        {"class": "magenta_lite.codecs.base:Extraction", "config": {}},
        {"class": "magenta_lite.codecs.nowhere:MelodyCodec", "config": {}},
        {"class": "magenta_lite.codecs:melody.MelodyCodec", "config": {}},
        {"class": "magenta_lite.cli.app:run", "config": {}},
        {"class": EVENT_RNN, "config": {}},
        {"class": MELODY, "config": {"unknown": 1}},
        {"class": MELODY, "config": {"min_pitch": "48"}},
        {"class": MELODY, "config": {"min_pitch": 48.5}},
        {"class": MELODY, "config": {"min_pitch": True}},
        {"class": MELODY, "config": {"min_pitch": None}},
        {"class": MELODY, "config": {"min_pitch": [48]}},
        {"class": MELODY, "config": {"min_pitch": -5}},
        {"class": MELODY, "config": {"filter_drums": 1}},
        {"class": MELODY, "config": {"gap_bars": "1"}},
    ],
)
def test_anything_but_a_proper_codec_is_refused(description):
    with pytest.raises(BundleError) as caught:
        manifest.build_codec(description)
    assert caught.value.reason == "invalid"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"units": 3},
        {"units": ["a"]},
        {"units": [1.5]},
        {"units": [1] * 100_000},
        {"units": [10**400]},
        {"units": []},
        {"cell": "exec"},
        {"encoding": 1},
        {"attention_length": 10**9},
        {"residual": "yes"},
    ],
)
def test_arguments_that_a_model_does_not_take_are_refused(config):
    with pytest.raises(BundleError):
        manifest.build_model(
            {"class": EVENT_RNN, "config": config}, OneHotEncoding(4)
        )


def test_an_integer_passes_for_a_float_and_none_where_it_is_allowed():
    codec = manifest.build_codec(
        {"class": MELODY, "config": {"gap_bars": 2, "max_steps": None}}
    )
    assert codec.gap_bars == 2 and codec.max_steps is None


def test_a_class_of_the_caller_is_built_only_if_it_is_handed_in():
    described = manifest.describe(UserCodec(min_pitch=12))
    with pytest.raises(BundleError, match="extra_classes"):
        manifest.build_codec(described)
    built = manifest.build_codec(described, [OneHotEncoding, UserCodec])
    assert built == UserCodec(min_pitch=12)
    with pytest.raises(BundleError):
        manifest.build_encoding(described, [UserCodec])


def test_an_abstract_class_cannot_be_built_even_if_handed_in():
    name = manifest.class_name(AbstractCodec)
    with pytest.raises(BundleError, match="cannot be built"):
        manifest.build_codec({"class": name, "config": {}}, [AbstractCodec])


def test_a_config_that_is_not_json_cannot_be_described():
    @dataclasses.dataclass(frozen=True)
    class Odd(MelodyCodec):
        table: object = None

    with pytest.raises(TypeError):
        manifest.describe(Odd(table=np.zeros(2)))
    with pytest.raises(ValueError):
        manifest.describe(Odd(table=float("nan")))
