"""What holds for every test."""

import hypothesis
import pytest

# The machine may be busy: no test fails because it, or making its examples,
# takes long.
hypothesis.settings.register_profile(
    "any_machine",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any_machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs slow tests first: parallel workers then finish at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
