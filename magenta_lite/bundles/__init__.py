"""Generator bundles: weights and a manifest in one file."""
