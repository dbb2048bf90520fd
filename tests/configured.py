"""Codecs and encodings as the recipes configure them, for contract tests.

A new class is tested as soon as a recipe uses it; nothing else lists it.
"""

import dataclasses
import functools
import importlib
import inspect
import pkgutil

import gin

from magenta_lite.cli import config
from magenta_lite.codecs.base import Codec
from magenta_lite.encodings.base import Encoding

RECIPES = [name for name in config.gin_names() if name.startswith("recipes/")]


@dataclasses.dataclass(frozen=True)
class Configured:
    """A codec and an encoding of its events, under a recipe's name."""

    recipe: str
    codec: Codec
    encoding: Encoding


@functools.cache
def recipes():
    """One `Configured` for each pair of different components."""
    found = {}
    for recipe in RECIPES:
        config.parse([recipe], entry="train")
        bound = gin.get_bindings("train")
        encoding = bound["encoding"](**bound["codec"].encoding_sizes())
        name = recipe.removeprefix("recipes/").removesuffix(".gin")
        pair = (bound["codec"], encoding)
        found.setdefault(pair, Configured(name, *pair))
    gin.clear_config()
    return tuple(found.values())


def recipe_parts(recipe_id):
    """The codec and the encoding of the recipe of this id."""
    (recipe,) = [r for r in RECIPES if r.endswith(f"/{recipe_id}.gin")]
    config.parse([recipe], entry="train")
    bound = gin.get_bindings("train")
    encoding = bound["encoding"](**bound["codec"].encoding_sizes())
    gin.clear_config()
    return bound["codec"], encoding


def codecs():
    """Every different codec, with the name of a recipe that uses it."""
    found = {}
    for configured in recipes():
        found.setdefault(configured.codec, configured.recipe)
    return tuple((name, codec) for codec, name in found.items())


def concrete_classes(package, base):
    """All subclasses of `base` that a package defines, at any depth."""
    classes = set()
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        classes |= {
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, base)
            and not inspect.isabstract(value)
            and value.__module__ == module.__name__
        }
    return classes


def parts_of(encoding):
    """An encoding and all parts within it."""
    yield encoding
    for value in encoding.get_config().values():
        for part in value if isinstance(value, tuple) else (value,):
            if hasattr(part, "get_config"):
                yield from parts_of(part)
