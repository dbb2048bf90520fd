"""Reads thousands of damaged, forged and foreign files as bundles.

    python tests/fuzz_bundles.py --num_cases=10000 --seed=0

Each case is a function of (seed, number) alone. A file may be read, or raise
BundleError; anything else, a slow case, much memory, a written file, code that
is run or a connection is a failure, and its number is printed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import pathlib
import random
import resource
import struct
import sys
import tarfile
import tempfile
import time

import google_crc32c
import numpy as np

from magenta_lite.bundles import bundle as bundles
from magenta_lite.bundles import container, original
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_vae_kinds import id_in_path
from magenta_lite.notes.proto import generator_pb2

MAX_SECONDS = 5.0
MAX_GROWTH_MIB = 300

_HUGE = (b"\xff\xff\xff\xff\x07", b"\xff" * 9 + b"\x01", b"\x80" * 20)
_FORBIDDEN = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "pickle.find_class",
    "marshal.loads",
    "socket.connect",
    "ctypes.dlopen",
    "os.remove",
    "os.rename",
}
_watched: list[str] = []
_compiled: set[bytes] = set()
_is_watching = False


def _audit(event, args):
    if _is_watching:
        writes = event == "open" and isinstance(args[1], str)
        if event in _FORBIDDEN or (writes and set(args[1]) & set("wax+")):
            _watched.append(f"{event}{args!r:.80}")
        if event == "compile":
            _compiled.add(args[0])


@contextlib.contextmanager
def watching():
    """Notes in `_watched` what a reader has no business doing."""
    global _is_watching
    _watched.clear()
    _is_watching = True
    try:
        yield
    finally:
        _is_watching = False


class Corpus:
    """Good files to start from.

    Args:
      folder: holds bundles (*.mag) and V2 checkpoints (*/model.ckpt.*).
    """

    def __init__(self, folder: pathlib.Path) -> None:
        files = {path.stem: path.read_bytes() for path in folder.glob("*.mag")}
        self.ours = files.pop("ours")
        self.originals = list(files.values())
        self.checkpoints, self.scripts = [], []
        for sub in sorted(path for path in folder.iterdir() if path.is_dir()):
            found = {path.name: path.read_bytes() for path in sub.iterdir()}
            # Nothing in a MusicVAE says which one it is.
            entry = (id_in_path(sub.name), found)
            if "weights_manifest.json" in found:
                self.scripts.append(entry)
            else:
                found.pop("checkpoint", None)
                self.checkpoints.append(entry)


# --- damage to bytes


def damage(random: random.Random, data: bytes) -> bytes:
    """One to three of: flips, cuts, insertions, swaps, huge numbers."""
    for _ in range(random.choice((1, 1, 2, 3))):
        data = random.choice(_DAMAGES)(random, data or b"\0")
    return data


def _flip(random, data):
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 32))):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(random, data):
    return data[: random.randrange(len(data))]


def _drop(random, data):
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randrange(1, 200) :]


def _insert(random, data):
    start = random.randrange(len(data))
    return data[:start] + random.randbytes(random.choice((1, 7))) + data[start:]


def _swap(random, data):
    size = random.choice((1, 8, 100))
    a, b = sorted(random.randrange(len(data)) for _ in range(2))
    if b + size > len(data) or a + size > b:
        return data
    one, other = data[a : a + size], data[b : b + size]
    return data[:a] + other + data[a + size : b] + one + data[b + size :]


def _overwrite(random, data):
    start = random.randrange(len(data))
    huge = random.choice(_HUGE)
    return data[:start] + huge + data[start + len(huge) :]


_DAMAGES = (_flip, _flip, _cut, _drop, _insert, _swap, _overwrite)


# --- tables with right checksums


def varint(value: int) -> bytes:
    """A base-128 number."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: int | bytes) -> bytes:
    """A field of a proto."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def _block(entries) -> bytes:
    body = b"".join(
        b"\0" + varint(len(k)) + varint(len(v)) + k + v for k, v in entries
    )
    body += struct.pack("<II", 0, 1) + b"\0"
    crc = google_crc32c.value(body)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return body + struct.pack("<I", masked)


def table(entries) -> bytes:
    """A table file of sorted entries, a few in each block."""
    entries, data, handles = list(entries), b"", []
    for i in range(0, max(len(entries), 1), 5):
        block = _block(entries[i : i + 5])
        handles.append(
            (b"%06d" % i, varint(len(data)) + varint(len(block) - 5))
        )
        data += block
    places = b""
    for block in (_block([]), _block(handles)):
        places += varint(len(data)) + varint(len(block) - 5)
        data += block
    magic = bytes.fromhex("57fb808b247547db")
    return data + places.ljust(40, b"\0") + magic


def table_entries(data: bytes):
    """The entries of a good table."""
    from magenta_lite.bundles import table_file

    return [(k, bytes(v)) for k, v in table_file.entries(memoryview(data))]


def forge_v1(random, variables) -> bytes:
    """A V1 checkpoint that says of its tensors what cannot be."""
    metas, slices = b"", []
    for name, values in variables.items():
        shape, dtype = list(values.shape), 1
        if random.random() < 0.1:
            shape, dtype = _wrong_tensor(random, shape)
        meta_shape = b"".join(field(2, field(1, n % 2**64)) for n in shape)
        extents = b"".join(
            field(1, random.choice((b"", field(2, n % 2**64)))) for n in shape
        )
        encoded = name.encode()
        metas += field(
            1,
            field(1, encoded)
            + field(2, meta_shape)
            + field(3, dtype)
            + field(4, extents),
        )
        content = random.choice((4, 5))
        tensor = field(1, dtype) + field(content, values.tobytes())
        saved = field(1, encoded) + field(2, extents) + field(3, tensor)
        slices.append((b"\0" + encoded, field(2, saved)))
        if random.random() < 0.01:
            slices.append((b"\0" + encoded + b"2", field(2, saved)))
    return table([(b"", field(1, metas)), *sorted(slices)])


def _wrong_tensor(random, shape):
    size = random.choice((0, 1, 3, 2**31, 2**40, 2**63, -1))
    choice = random.randrange(4)
    if choice == 0:
        shape = [size, *shape[1:]]
    elif choice == 1:
        shape = shape[::-1]
    elif choice == 2:
        shape = [*shape, size] * random.choice((1, 9))
    return shape, random.choice((1, 1, 2, 3, 7, 9, 10, 19, 23, 2**31))


def forged_variables(random, variables):
    """Variables of the wrong names, sizes and values."""
    variables = dict(variables)
    names = list(variables)
    for _ in range(random.choice((0, 1, 1, 2))):
        one, other = random.choice(names), random.choice(names)
        choice = random.randrange(7)
        if choice == 0:
            variables[one], variables[other] = variables[other], variables[one]
        elif choice == 1:
            variables.pop(one, None)
        elif choice == 2:
            renamed = one.replace("_0", f"_{random.choice((1, 7, 10**30))}")
            variables[renamed] = variables.pop(one, np.zeros(3, "f4"))
        elif choice == 3:
            variables[one] = np.full_like(variables.get(one, 0), np.nan)
        elif choice == 4:
            variables[one] = np.zeros(random.choice(((), (0,), (3, 5))), "f4")
        elif choice == 5:
            extra = random.choice(
                ("attention_cell_wrapper/kernel", "nade/w_enc", "opaque_kernel")
            )
            variables[extra] = np.zeros((3, 1, 2), "f4")
        elif variables.get(one, np.zeros(())).ndim:
            variables[one] = variables[one][..., :-1]
        names = list(variables) or ["none"]
    return variables


# --- cases


def read_bytes(data: bytes, is_built: bool = False) -> None:
    """Reads a file as a bundle; of the original's builds a model if asked."""
    proto = container.parse(data)
    if container.is_original(proto):
        planned = original.plan(original.source_of(proto))
        assert all(np.isfinite(a).all() for a in planned.weights_fn().values())
        if is_built:
            planned.build_fn()
    else:
        bundles.from_bytes(data)


def read_path(
    path: pathlib.Path, model_id: str = "", is_built: bool = False
) -> None:
    """Reads a checkpoint, likewise."""
    planned = original.plan_of_path(path, model_id)
    planned.weights_fn()
    if is_built:
        planned.build_fn()


def damaged_bundle(random, corpus, folder):
    data = random.choice([corpus.ours, *corpus.originals])
    return lambda: read_bytes(damage(random, data))


def damaged_inside(random, corpus, folder):
    """The damage is under a proto that is right again."""
    proto = generator_pb2.GeneratorBundle.FromString(
        random.choice(corpus.originals)
    )
    if random.random() < 0.5:
        proto.metagraph_file = damage(random, proto.metagraph_file)
    else:
        proto.checkpoint_file[0] = damage(random, proto.checkpoint_file[0])
    return lambda: read_bytes(proto.SerializeToString())


def damaged_entries(random, corpus, folder):
    """The damage is in a table whose checksums are right again."""
    proto = generator_pb2.GeneratorBundle.FromString(
        random.choice(corpus.originals)
    )
    entries = table_entries(proto.checkpoint_file[0])
    i = random.randrange(len(entries))
    key, value = entries[i]
    if random.random() < 0.2:
        key = damage(random, key)
    else:
        value = damage(random, value)
    entries[i] = key, value
    proto.checkpoint_file[0] = table(entries)
    return lambda: read_bytes(proto.SerializeToString())


def forged_bundle(random, corpus, folder):
    """Tensors that are swapped, missing, of other shapes, not numbers."""
    proto = generator_pb2.GeneratorBundle.FromString(
        random.choice(corpus.originals)
    )
    checkpoint = original.source_of(proto).checkpoint
    variables = {n: checkpoint.read(n) for n in checkpoint.tensors}
    variables = forged_variables(random, variables)
    proto.checkpoint_file[0] = forge_v1(random, variables)
    is_built = random.random() < 0.2
    return lambda: read_bytes(proto.SerializeToString(), is_built)


def forged_manifest(random, corpus, folder):
    """A bundle of ours with another manifest and the right checksum of it."""
    proto = generator_pb2.GeneratorBundle.FromString(corpus.ours)
    manifest = json.loads(proto.metagraph_file)
    name = random.choice(("model", "encoding", "codec", "provenance"))
    values = (
        None,
        [],
        {},
        -1,
        2**40,
        "os:system",
        [[[]]] * 9,
        {"class": "x"},
        1e300,
    )
    value = random.choice(values)
    config = manifest[name].get("config")
    if isinstance(config, dict) and config and random.random() < 0.8:
        config[random.choice(list(config))] = value
    else:
        manifest[name] = value
    manifest["manifest_sha256"] = container.manifest_sha256(manifest, proto)
    proto.metagraph_file = json.dumps(manifest).encode()
    return lambda: read_bytes(proto.SerializeToString())


def other_file(random, corpus, folder):
    """Protos of other types, other formats, noise."""
    inner = random.choice(corpus.originals)
    choices = (
        random.randbytes(random.randrange(300)),
        b"MThd" + random.randbytes(50),
        b"PK\x03\x04" + random.randbytes(50),
        field(1, b"an id") + field(2, inner) * 2,
        field(1, inner) + field(2, b"x" * 10) + field(3, b"{" * 5000),
        field(3, b"{}") + field(4, b""),
        b"".join(field(random.randrange(1, 9), 3) for _ in range(20)),
        field(2, inner) + varint(3 << 3 | 2) + varint(2**31 - 1),
        field(4, b"") * 5000,
        inner + inner,
    )
    data = random.choice(choices)
    return lambda: read_bytes(data)


def damaged_checkpoint(random, corpus, folder):
    """A V2 checkpoint, damaged in its index, its data or its entries."""
    model_id, files = random.choice(corpus.checkpoints)
    files, is_built = dict(files), random.random() < 0.1
    name = random.choice(list(files))
    if name.endswith(".index") and random.random() < 0.7:
        entries = table_entries(files[name])
        i = random.randrange(len(entries))
        entries[i] = entries[i][0], damage(random, entries[i][1])
        files[name] = table(entries)
    else:
        files[name] = damage(random, files[name])
    if random.random() < 0.05:
        del files[random.choice(list(files))]
    _write(folder, files)
    return lambda: read_path(folder / "model.ckpt", model_id, is_built)


def damaged_archive(random, corpus, folder):
    """A tar with damage, strange members or a size that cannot be."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        model_id, files = random.choice(corpus.checkpoints)
        for name, data in files.items():
            info = tarfile.TarInfo(random.choice(("", "", "../", "/")) + name)
            info.size = len(data)
            if random.random() < 0.1:
                info.type = random.choice(
                    (tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE)
                )
                info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    data = buffer.getvalue()
    if random.random() < 0.3:
        start = 512 * random.randrange(len(data) // 512)
        size = random.choice(
            (b"77777777777", b"-0000000001", b"\x80" + b"\xff" * 10)
        )
        data = data[: start + 124] + size + data[start + 135 :]
        header = data[start : start + 512]
        total = sum(header[:148]) + 8 * 32 + sum(header[156:])
        data = data[: start + 148] + b"%06o\0 " % total + data[start + 156 :]
    if random.random() < 0.5:
        data = damage(random, data)
    (folder / "a.tar").write_bytes(data)
    return lambda: read_path(folder / "a.tar", model_id)


def damaged_script(random, corpus, folder):
    """A checkpoint of Magenta.js, damaged in a file or in its manifest."""
    model_id, files = random.choice(corpus.scripts)
    files = dict(files)
    name = random.choice(list(files))
    if name.endswith(".json") and random.random() < 0.7:
        files[name] = _other_json(random, files[name])
    else:
        files[name] = damage(random, files[name])
    _write(folder, files)
    return lambda: read_path(folder, model_id)


def _other_json(random, data):
    """JSON in which one value anywhere is another one."""
    value = json.loads(data)
    place = value
    while isinstance(place, dict | list) and place:
        key = random.choice(
            list(place) if isinstance(place, dict) else range(len(place))
        )
        if not isinstance(place[key], dict | list) or random.random() < 0.2:
            place[key] = random.choice(
                (None, -1, 2**31, 2**62, 1e308, "", "../x", "/dev/zero", [], {})
            )
            break
        place = place[key]
    return json.dumps(value).encode()


def _write(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)


CASES = (
    (damaged_bundle, 15),
    (damaged_inside, 15),
    (damaged_entries, 20),
    (forged_bundle, 15),
    (forged_manifest, 1),
    (other_file, 5),
    (damaged_checkpoint, 12),
    (damaged_archive, 9),
    (damaged_script, 8),
)


def run_case(corpus, seed, number, folder):
    """Runs one case; returns its kind and how it ended.

    Raises:
      Exception: if it ended as no file may.
    """
    chance = random.Random(seed * 1_000_003 + number)
    makers, weights = zip(*CASES, strict=True)
    (make,) = chance.choices(makers, weights)
    for path in folder.iterdir():
        path.unlink()
    read = make(chance, corpus, folder)
    before = set(folder.iterdir())
    start = time.process_time()
    try:
        with watching():
            read()
        outcome = "read"
    except BundleError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        outcome = error.reason
    seconds = time.process_time() - start
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    assert not _watched, _watched
    assert set(folder.iterdir()) == before, "a file was written"
    return make.__name__, outcome


def run(corpus, num_cases, seed):
    """Runs cases 0, 1, 2, ...; returns outcomes, failures and MiB grown."""
    sys.addaudithook(_audit)
    outcomes, failures = collections.Counter(), []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # What is imported or compiled once, and then no more.
        with watching():
            bundles.from_bytes(corpus.ours)
            for data in corpus.originals:
                read_bytes(data, is_built=True)
            for model_id, files in corpus.checkpoints:
                _write(folder, files)
                with contextlib.suppress(BundleError):
                    read_path(folder / "model.ckpt", model_id, is_built=True)
        own = set(_compiled)  # our modules, and annotations, by typing
        memory = _peak_mib()
        for number in range(num_cases):
            try:
                outcomes[run_case(corpus, seed, number, folder)] += 1
            except Exception as error:  # noqa: BLE001 - what we look for
                failures.append(f"{number}: {type(error).__name__}: {error}")
        if foreign := _compiled - own:
            failures.append(f"compiled {foreign!r:.200}")
    return outcomes, failures, _peak_mib() - memory


def _peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import fuzz_corpus

    with tempfile.TemporaryDirectory() as folder:
        corpus = fuzz_corpus.make(pathlib.Path(folder))
    start = time.monotonic()
    outcomes, failures, growth = run(
        corpus, arguments.num_cases, arguments.seed
    )
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:20} {outcome:10} {count:6}")
    print(
        f"{arguments.num_cases} cases, seed {arguments.seed}, "
        f"{time.monotonic() - start:.0f} s, {growth:.0f} MiB more at the peak, "
        f"{len(failures)} failures"
    )
    print("\n".join(failures[:50]))
    sys.exit(bool(failures or growth > MAX_GROWTH_MIB))


if __name__ == "__main__":
    main()
