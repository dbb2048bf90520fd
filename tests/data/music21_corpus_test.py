import pytest
from corpora import DUMMY_TUNES, fake_music21

from magenta_lite.data import music21_corpus
from magenta_lite.errors import UserError


def test_the_corpus_is_found_without_importing_music21(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(fake_music21(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "music21", raising=False)
    found = music21_corpus.corpus_dir("folk_tunes", "airdsAirs")
    assert found == tmp_path / "music21" / "corpus"


def test_a_copy_of_it_will_do():
    found = music21_corpus.corpus_dir("x", "airdsAirs", DUMMY_TUNES)
    assert found == DUMMY_TUNES


@pytest.mark.parametrize("is_there", [False, True])
def test_without_it_one_line_says_how_to_get_it(
    tmp_path, monkeypatch, is_there
):
    if is_there:  # But without this collection.
        monkeypatch.syspath_prepend(fake_music21(tmp_path))
        monkeypatch.delitem(__import__("sys").modules, "music21", raising=False)
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^tunes comes .*\[corpus\]") as error:
        music21_corpus.corpus_dir("tunes", "nothing")
    assert "\n" not in str(error.value)
