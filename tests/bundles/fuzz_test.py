"""A small run of `tests/fuzz_bundles.py`; run that for the large one."""

import fuzz_bundles
import fuzz_corpus
import pytest


@pytest.mark.slow
def test_no_file_does_harm(tmp_path):
    corpus = fuzz_corpus.make(tmp_path)
    outcomes, failures, growth_mib = fuzz_bundles.run(corpus, 400, seed=1)
    assert not failures
    assert growth_mib < fuzz_bundles.MAX_GROWTH_MIB
    # The mutations reach all kinds of checks, not only the first ones.
    assert {kind for kind, _ in outcomes} == {
        make.__name__ for make, _ in fuzz_bundles.CASES
    }
    assert {"tampered", "truncated", "foreign", "read"} <= {
        outcome for _, outcome in outcomes
    }
