"""From a bundle to new music."""
