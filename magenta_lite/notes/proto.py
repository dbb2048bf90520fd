"""The NoteSequence and GeneratorBundle protos of note_seq, loaded fast.

Importing `note_seq` as a whole also imports librosa, bokeh, pandas and IPython
(about two seconds). Only its generated protobuf modules are needed here, so
they are executed from their files under their usual names: whoever imports
`note_seq` later gets the very same modules and message classes.
"""

import importlib.util
import pathlib
import sys
import types


def _load(name: str) -> types.ModuleType:
    full_name = f"note_seq.protobuf.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    package = importlib.util.find_spec("note_seq")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "note_seq is not installed; run `pip install note-seq`.",
            name="note_seq",
        )
    path = pathlib.Path(package.origin).parent / "protobuf" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(full_name, path)
    assert spec and spec.loader  # Files that end in .py have both.
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    spec.loader.exec_module(module)
    return module


music_pb2 = _load("music_pb2")
generator_pb2 = _load("generator_pb2")

NoteSequence = music_pb2.NoteSequence
