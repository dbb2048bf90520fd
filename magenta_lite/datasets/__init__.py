"""Dataset builders, one folder each; in a checkout they lie in `datasets/`.

`magenta_lite.datasets.<name>.<name>_dataset_builder` is the same module name in
a checkout and in an installed wheel. Importing this package imports none of
the builders.
"""

from magenta_lite import paths

if paths.is_checkout():
    # Not in a wheel: there, another package's `datasets` may lie alongside.
    __path__.append(str(paths.datasets_dir()))
