"""Packaging: one top-level package, with gin/ and datasets/ mapped into it."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
COMMANDS = (
    "prepare",
    "inspect_dataset",
    "inspect_bundle",
    "train",
    "sweep",
    "evaluate",
    "export",
    "generate",
)


def version() -> str:
    """The version that the package states, read without importing it."""
    text = (ROOT / "magenta_lite" / "__init__.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE).group(1)


def mapped(package: str, folder: str) -> dict[str, str]:
    """Every sub-folder of `folder` as a package below `package`."""
    top = ROOT / folder
    left_out = {"__pycache__", "dummy_data"}
    folders = (
        path.relative_to(top)
        for path in sorted(top.rglob("*"))
        if path.is_dir()
    )
    return {
        ".".join([package, *path.parts]): str(Path(folder) / path)
        for path in folders
        if not left_out & set(path.parts)
    }


# gin/ and datasets/ have no __init__.py: with one, they would hide the PyPI
# modules `gin` and `datasets` from everybody who runs in the checkout.
PACKAGE_DIR = {
    "magenta_lite.gin_configs": "gin",
    **mapped("magenta_lite.gin_configs", "gin"),
    **mapped("magenta_lite.datasets", "datasets"),
}

setup(
    name="magenta_lite",
    version=version(),
    description="Symbolic-music models: train, share and play them",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="music midi generation rnn tensorflow magenta",
    packages=find_packages(include=["magenta_lite", "magenta_lite.*"])
    + sorted(PACKAGE_DIR),
    package_dir=PACKAGE_DIR,
    package_data={"": ["*.gin", "*.md", "*.tsv", "*.txt", "*.bib"]},
    entry_points={
        "console_scripts": [
            f"magenta_lite_{command} = magenta_lite.cli.{command}:console"
            for command in COMMANDS
        ]
    },
    # TensorFlow publishes no wheel for Python 3.14.
    python_requires=">=3.11,<3.14",
    install_requires=[
        "absl-py>=2.1",
        # note_seq imports pydub, which imports audioop, which 3.13 dropped.
        'audioop-lts>=0.2.1; python_version >= "3.13"',
        "etils[epath]>=1.9.1",
        "gin-config>=0.5",
        # Checksums of TensorFlow's checkpoints.
        "google-crc32c>=1.6",
        "keras>=3.12",
        "matplotlib>=3.9",
        "note-seq>=0.0.5",
        "numpy>=1.26",
        # 0.2.10 finds its SoundFont through pkg_resources, which is gone.
        "pretty_midi>=0.2.11",
        # What tensorflow-metadata was generated for; it does not say so.
        "protobuf>=6.31.1",
        "psutil>=5.9",
        "rich>=13.7",
        "safetensors>=0.5",
        # datasets/piano_rolls reads .mat files; note_seq needs it anyway.
        "scipy>=1.13",
        "soundfile>=0.12.1",
        "symusic>=0.5.8",
        # tf.summary writes text and pictures through it alone.
        "tensorboard>=2.20",
        # The first with wheels for Python 3.13.
        "tensorflow>=2.20",
        "tensorflow-datasets>=4.9.9",
    ],
    extras_require={
        # The first that was tried beside the others on Python 3.11 to 3.13.
        "beam": ["apache-beam>=2.77"],
        # The built-in corpus lies inside this package.
        "corpus": ["music21>=9.3"],
        "dev": [
            # On one Python only: it holds protobuf below 7, with which the
            # tests on the others are to run.
            'apache-beam>=2.77; python_version < "3.12"',
            "build>=1.2",
            "dill>=0.3.9",  # tensorflow_datasets' test case imports it
            "hypothesis>=6.100",
            "mypy>=1.14",
            "pytest>=8.3",
            "pytest-xdist>=3.6.1",
            "ruff>=0.9",
            "setuptools>=65.5",
            "wheel>=0.45",
        ],
    },
    zip_safe=False,
)
