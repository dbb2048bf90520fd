"""Bundles: trained models in one file, read, written and converted."""

from magenta_lite.bundles.published import PUBLISHED, download

__all__ = ["PUBLISHED", "download"]
