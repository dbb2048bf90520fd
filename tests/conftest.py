"""What holds for every test."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs slow tests first: parallel workers then finish at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
