"""Commands run in this process, with flags of their own."""

from absl import flags

from magenta_lite.cli import evaluate, train

BASIC = "recipes/melody_rnn/basic_rnn.gin"


def run_command(command, *arguments):
    flag_values = flags.FlagValues()
    command.define_flags(flag_values)
    flag_values(["command", *map(str, arguments)])
    return command.main([], flag_values)


def run_train(run_dir, data_dir, *arguments, recipe=BASIC):
    """Trains a recipe at toy size."""
    return run_command(
        train,
        f"--gin_file={recipe}",
        "--gin_file=runs/smoke.gin",
        f"--run_dir={run_dir}",
        f"--data_dir={data_dir}",
        *arguments,
    )


def run_evaluate(data_dir, *arguments):
    return run_command(evaluate, f"--data_dir={data_dir}", *arguments)
