"""The command `minidl`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import minidl
from minidl.okja import lesson as program
from minidl.okja.explanation import explain_step, pictured_step
from minidl.okja.language import LANGUAGES, usual_language
from minidl.okja.notebook import write_notebook
from minidl.okja.operations import explain_operation, full_name
from minidl.okja.page import write_page
from minidl.okja.pictures import COMMAND, diagram_in, draw, language_of_pictures
from minidl.okja.printing import Printer
from minidl.okja.reference import start_tensorflow
from minidl.okja.report import Report
from minidl.pictures.drawing import matplotlib


def _positive(number: Callable[[str], Any], what: str) -> Callable[[str], Any]:
    """An argument's type: a positive number of a kind."""

    def parse(text: str) -> Any:
        try:
            value = number(text)
        except ValueError:
            value = math.nan
        if not value > 0 or not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidl",
        description="A small engine for automatic differentiation, and the lesson that it was built for.",
        epilog="Begin with: minidl okja",
    )
    parser.add_argument("--version", action="version", version=f"minidl {minidl.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    okja = commands.add_parser(
        "okja",
        help="run the lesson: predict the audience of the film Okja",
        description="Run the lesson: train one weight and one bias on four films, and predict the audience of Okja.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    okja.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="where to compute")
    okja.add_argument(
        "--epochs", type=_positive(int, "a whole number above 0"), default=program.EPOCHS, metavar="N",
        help="how often to go through the films",
    )  # fmt: skip
    okja.add_argument(
        "--learning-rate", type=_positive(float, "a number above 0"), default=program.LEARNING_RATE, metavar="RATE",
        help="how long the steps of the training are",
    )  # fmt: skip
    okja.add_argument(
        "--seed", type=_seed, default=program.SEED, metavar="N", help="what the first weight is drawn from"
    )
    okja.add_argument(
        "--pictures", type=_folder, metavar="DIR", default=argparse.SUPPRESS,
        help="draw data, loss, line, descent and the graph of a step as PNG files into this folder",
    )  # fmt: skip
    okja.add_argument(
        "--notebook", type=_file(".ipynb"), metavar="FILE", default=argparse.SUPPRESS,
        help="write the lesson as a notebook, and do nothing else",
    )  # fmt: skip
    okja.add_argument(
        "--page", type=_file(".html"), metavar="FILE", default=argparse.SUPPRESS,
        help="write the lesson as a page that moves, and do nothing else",
    )  # fmt: skip
    okja.add_argument(
        "--compare", action="store_true", default=argparse.SUPPRESS,
        help="run the same program on TensorFlow too, and show both",
    )  # fmt: skip
    _add_language(okja)
    okja.set_defaults(run=_okja)

    explain = commands.add_parser(
        "explain",
        help="explain a training step in numbers, or an operation",
        description="Walk the first step of the lesson's training in numbers: each call with its value, each gradient "
        "rule with the gradient that it gives, the update, and the same gradient without any rule. Or explain one "
        "operation: what it computes, its rule with an example, its curve.",
    )
    explain.add_argument("--op", type=_operation, metavar="NAME", help="an operation, such as sigmoid or math.log")
    explain.add_argument(
        "--compare", action="store_true", default=argparse.SUPPRESS, help="run the same on TensorFlow, and show both"
    )
    explain.add_argument(
        "--pictures", type=_folder, metavar="DIR", default=argparse.SUPPRESS,
        help="draw the graph, and an operation's curve, as PNG files into this folder",
    )  # fmt: skip
    _add_language(explain)
    explain.set_defaults(run=_explain)

    devices = commands.add_parser(
        "devices", help="say what there is to compute on", description="Say what there is to compute on."
    )
    _add_language(devices)
    devices.set_defaults(run=_devices)
    commands.add_parser("benchmarks", help="time the same workloads on minidl, on NumPy by hand, and on other engines")
    return parser


def _add_language(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--language", choices=LANGUAGES, default=usual_language(), help="English or Korean; by default the locale's"
    )


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)


def _folder(text: str) -> Path:
    """An argument's type: a folder for pictures, which is made if need be."""
    folder = Path(text)
    try:
        if not text:
            raise OSError("it has no name")
        folder.mkdir(parents=True, exist_ok=True)
        matplotlib()
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"no folder {text!r} can be made for the pictures ({error.strerror or error})"
        ) from error
    return folder


def _file(ending: str) -> Callable[[str], Path]:
    """An argument's type: a file to write, with an ending, in a folder that is there."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix != ending or not path.parent.is_dir() or path.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is no file *{ending} in a folder that is there")
        return path

    return parse


def _operation(name: str) -> str:
    """An argument's type: the full name of an operation."""
    try:
        return full_name(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _okja(options: argparse.Namespace) -> None:
    printer = Printer(options.language)
    written = [(write_notebook, "notebook"), (write_page, "page")]
    for write, file in [(write, vars(options)[name]) for write, name in written if name in options]:
        write(file, options.language)
        printer.file("written: {file}", file)
    if "notebook" in options or "page" in options:
        return
    tensorflow = _tensorflow() if "compare" in options else None
    report = Report(printer, options.epochs)
    settings = {"epochs": options.epochs, "learning_rate": options.learning_rate, "seed": options.seed}
    with minidl.device(f"/{options.device}:0"), contextlib.ExitStack() as stack:
        stack.callback(report.close)
        report.data()
        result = program.lesson(minidl, **settings, before_training=report.model, on_epoch_end=report.epoch)
        report.trained(result)
        derivative, path = program.derivative_of_logarithm(minidl), program.descent(minidl)
        _, graph = pictured_step(options.learning_rate, options.seed)
    report.extras(derivative, path)
    if tensorflow is not None:
        report.comparison(
            result, program.lesson(tensorflow, **settings), (derivative, program.derivative_of_logarithm(tensorflow))
        )
    if "pictures" in options:
        files = draw(options.pictures, result, path, options.language)
        _say_drawn(printer, [*files, _saved(graph, options)])


def _explain(options: argparse.Namespace) -> None:
    printer, folder = Printer(options.language), vars(options).get("pictures")
    tensorflow = _tensorflow() if "compare" in options else None
    if options.op is not None:
        _say_drawn(printer, explain_operation(printer, options.op, folder, tensorflow))
        return
    graph = explain_step(printer, tensorflow)
    if folder is not None:
        _say_drawn(printer, [_saved(graph, options)])


def _saved(graph: minidl.Picture, options: argparse.Namespace) -> Path:
    file: Path = options.pictures / "graph.png"
    diagram_in(options.language, graph).save(file)
    return file


def _say_drawn(printer: Printer, files: Sequence[Path]) -> None:
    for file in files:
        printer.file("drawn: {file}", file)
    if files and language_of_pictures(printer.language) != printer.language:
        printer.say(
            "The pictures' texts are in English, since no font with Korean letters is installed. Install one with: "
            "{command}",
            command=COMMAND,
        )


def _tensorflow() -> Any:
    try:
        return start_tensorflow()
    except ImportError as error:
        raise ImportError(f"--compare needs TensorFlow. {error}") from error


def _devices(options: argparse.Namespace) -> None:
    printer = Printer(options.language)
    printer.quote(f"/cpu:0  NumPy, {printer.words('always there')}")
    gpus = [device for device in minidl.config.list_physical_devices() if device.device_type == "GPU"]
    for index, device in enumerate(gpus):
        printer.quote(f"/gpu:{index}  CuPy ({device.name})")
    if not gpus:
        text = "CuPy is installed, but finds no GPU; `nvidia-smi` shows what the driver sees"
        if importlib.util.find_spec("cupy") is None:
            text = "CuPy is not installed. Install it with: {command}"
        command = "pip install 'minidl[cuda13]'"
        printer.quote(f"{printer.words('no GPU')}  {printer.words(text, command=command)}")


def _benchmarks(arguments: Sequence[str]) -> int:
    """The benchmarks' own command, which is a part of minidl where minidl is installed."""
    try:
        command = importlib.import_module("minidl.benchmarks.command")
    except ModuleNotFoundError as error:
        raise ImportError(f"{error}: from a checkout that isn't installed, run: python -m benchmarks") from error
    status: int = command.main(arguments, "minidl benchmarks")
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 0 for success and 1 for an error that it said in a sentence."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Korean letters shows ? for them
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if given[:1] == ["benchmarks"]:
            return _benchmarks(given[1:])
        options = _parser().parse_args(given)
        options.run(options)
    except (ImportError, OSError, ValueError) as error:
        print(f"minidl: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell says of a command that was interrupted
    return 0
