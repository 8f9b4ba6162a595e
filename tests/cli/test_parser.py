"""Wrong command lines: one line, with the right spelling, and exit code 2."""

import pytest

from tfspine.cli.main import VERBS, build_parser, main
from tfspine.cli.parser import Parser


def told(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command line is refused with."""
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian", 'tfspine: COMMAND: unknown "trian"; did you mean "train"?'),
        ("explian --grader x", 'did you mean "explain"?'),
        ("train gradr --out x", 'tfspine train: KIND: unknown "gradr"; did you mean "grader"?'),
        ("train grader --regoin central_canal", 'tfspine train grader: unknown option "--regoin"; did you mean "--reg'),
        # What is missing is what was misspelt: that is the thing to say.
        ("check --lables x --slices y --out z", 'unknown option "--lables"; did you mean "--labels"?'),
        ("check --labels x --slices=y --uot=z", 'unknown option "--uot"; did you mean "--out"?'),
        ("records -slices y", 'unknown option "-slices"; did you mean "--slices"?'),
        ("train grader --region central_cannal", '--region: unknown "central_cannal"; did you mean "central_canal"?'),
        ("predict --splits s --split tests", '--split: unknown "tests"; did you mean "test"?'),
        ("train grader --versions 3x3", 'unknown option "--versions"; it is called "--members" now'),
        ("predict --versions", 'unknown option "--versions"; it is called "--members" now'),
        ("study --out x", 'unknown "study"; did you mean "paper-study"?'),
        ("train detector --plane coronal", '--plane: unknown "coronal"; expected one of axial, sagittal'),
        ("zzzzzz", "expected one of phantom, fetch, ingest"),
        ("split --slices", "tfspine split: --slices: expected one argument; see tfspine split --help"),
        ("serve --port x", "--port: invalid int value: 'x'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_the_right_spelling(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in told(words, capsys)


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_option_is_told_by_every_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'unknown option "--xyzzy"' in told(f"{verb} --xyzzy", capsys)


def test_what_argparse_takes_is_taken() -> None:
    """A shortened option, a value that looks like an option behind an equals sign, a number below zero."""
    parser = Parser(prog="p")
    parser.add_argument("--slices")
    parser.add_argument("--shift", type=int)
    parser.add_argument("words", nargs="*")
    taken = parser.parse_args(["--slic=--x", "--shift", "-3", "a -b", "--", "--y"])
    assert (taken.slices, taken.shift, taken.words) == ("--x", -3, ["a -b", "--y"])
    assert build_parser("split").parse_args(["split", "--slices", "a", "--out", "b", "--exclu", "c"]).exclusions


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs=3", 'unknown key "epochs"; did you mean "grader.epochs"?'),
        ("detector.epochs=3", 'unknown key "detector.epochs"; did you mean "grader.epochs"?'),
        ("epoch=3", 'did you mean "grader.epochs"?'),
        ("batch_size=3", '"detector.batch_size" or "grader.batch_size" or "explain.batch_size"?'),
        ("learning_rat=3", 'did you mean "detector.learning_rate" or "grader.learning_rate"?'),
        ("sed=3", 'did you mean "seed"?'),
        ("grader.step=3", 'did you mean "detector.steps" or "explain.steps"?'),
        ("detector.stepps=3", 'did you mean "detector.steps"?'),
    ],
)
def test_a_setting_without_its_section_is_told_with_it(
    setting: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["split", "--slices", "x", "--out", "y", "--set", setting]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
