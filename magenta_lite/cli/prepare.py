r"""Turns a corpus, or a folder of music files, into a dataset to train on.

A folder of your own (.mid .midi .xml .musicxml .mxl .abc, searched
recursively):

  bin/prepare.py --input_dir=my_music --name=my_music

A built-in corpus:

  bin/prepare.py --dataset=folk_tunes

A corpus that is downloaded, or lies in a folder already, unpacked or not:

  bin/prepare.py --dataset=maestro
  bin/prepare.py --dataset=maestro --manual_dir=FOLDER

Train on it with `bin/train.py --dataset=NAME`. A dataset that is there already
is left as it is. Files that cannot be used are listed, with the reason, in
`rejects.csv` beside the dataset.
"""

from __future__ import annotations

from absl import flags

from magenta_lite.cli import app, quiet
from magenta_lite.errors import UserError

FLAGS = flags.FLAGS

flags.DEFINE_string("input_dir", None, "Folder of music files; needs --name.")
flags.DEFINE_string("name", None, "What to call the dataset of --input_dir.")
flags.DEFINE_string(
    "dataset",
    None,
    "Built-in corpus, such as `folk_tunes` or `folk_tunes/oneills_1850`.",
)
flags.DEFINE_string(
    "manual_dir",
    None,
    "Folder with the corpus of --dataset, unpacked or as its archive; "
    "downloaded if not set.",
)
flags.DEFINE_string(
    "data_dir", None, "Where datasets are kept; ~/magenta_lite_data if not set."
)
flags.DEFINE_integer(
    "num_workers",
    None,
    "Processes that read files; one for each core if not set.",
    lower_bound=1,
)
flags.DEFINE_list(
    "beam_pipeline_options",
    [],
    "Prepares with Apache Beam under these options of it, such as "
    "runner=FlinkRunner,flink_master=HOST:8081; see docs/beam.md.",
)
flags.DEFINE_boolean(
    "overwrite", False, "Make the dataset anew if it is there already."
)


def main(argv: list[str]) -> int:
    """Prepares one dataset and prints what it holds."""
    del argv
    _check_flags()
    from magenta_lite.cli import prepare_view
    from magenta_lite.data import preparation

    with prepare_view.ProgressBar() as bar:
        options = {
            "data_dir": FLAGS.data_dir,
            "num_workers": FLAGS.num_workers,
            "progress": bar.update,
            "overwrite": FLAGS.overwrite,
            "on_start": quiet.load_tensorflow,
            "beam_flags": [f"--{o}" for o in FLAGS.beam_pipeline_options],
        }
        if FLAGS.dataset:
            prepared = preparation.prepare_dataset(
                FLAGS.dataset, manual_dir=FLAGS.manual_dir, **options
            )
        else:
            prepared = preparation.prepare_folder(
                FLAGS.input_dir, FLAGS.name, **options
            )
    prepare_view.print_summary(prepared)
    return 0


def console() -> None:
    """The entry point of `magenta_lite_prepare`."""
    app.run(main)


def _check_flags() -> None:
    if FLAGS.dataset and (FLAGS.input_dir or FLAGS.name):
        raise UserError(
            "pass either --dataset, or --input_dir and --name; not both."
        )
    if FLAGS.dataset:
        return
    if FLAGS.manual_dir:
        raise UserError(
            "--manual_dir is for the corpus of a --dataset; for a folder of "
            "your own pass --input_dir."
        )
    if not FLAGS.input_dir:
        raise UserError(
            "pass --input_dir=FOLDER --name=NAME, or --dataset=folk_tunes."
        )
    if not FLAGS.name:
        raise UserError("--input_dir needs --name: what to call the dataset.")
