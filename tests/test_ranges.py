"""Every number of an experiment has a range, which is looked at when it is read; and what contradicts is refused."""

import dataclasses
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.config import Experiment
from tfspine.config.contradictions import available_regions
from tfspine.config.ranges import Range, ranges_of
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment

EXPERIMENTS = sorted(
    path for path in (Path(__file__).parents[1] / "experiments").glob("*.toml") if "[tuner]" not in path.read_text()
)


def numbers_of(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the key of each number, and of each list of them, with its default."""
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from numbers_of(typing.cast(type, hint), f"{item.name}.")
        elif hint in (int, float) or typing.get_origin(hint) is tuple:
            yield prefix + item.name, item.default


def test_no_number_is_without_a_range_and_no_range_without_a_setting() -> None:
    assert sorted(key for key, _ in numbers_of(Experiment)) == sorted(ranges_of(Experiment))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_that_comes_along_is_sound(path: Path) -> None:
    assert load_experiment(path).name


def test_the_defaults_are_sound_and_draw_no_more_regions_than_there_are() -> None:
    assert load_experiment(None).detector.sampled_regions <= 400


NEVER = [
    (key, default) for key, default in numbers_of(Experiment) if key not in ("seed", "detector.checkpoint_modules")
]


@pytest.mark.parametrize(("key", "default"), NEVER, ids=[key for key, _ in NEVER])
def test_what_no_setting_of_its_kind_can_be_is_refused_with_its_key(key: str, default: Any) -> None:
    """Minus three is not a count, share or size; nor is "not a number" for floats."""
    is_list = isinstance(default, tuple)
    kind = type(default[0]) if is_list and default else type(default)
    kind = int if kind is tuple else kind
    for text in ("-3", *(("nan", "inf", "-inf") if kind is float else ())):
        value = f"[{', '.join([text] * max(len(default), 1))}]" if is_list else text
        with pytest.raises(ConfigError, match=rf"^--set: {key} = .*; expected "):
            load_experiment(None, [f"{key}={value}"])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("grader.epochs=-3", "grader.epochs = -3; expected 1 or more"),
        ("grader.batch_size=0", "grader.batch_size = 0; expected 1 or more"),
        ("detector.steps=0", "detector.steps = 0; expected 1 or more"),
        ("grader.patience_epochs=0", "grader.patience_epochs = 0; expected 1 or more"),
        ("grader.dropout=1.0", "grader.dropout = 1.0; expected 0 or more and less than 1"),
        ("grader.learning_rate_factor=1.0", "expected a share between 0 and 1"),
        ("detector.backbone_depth=51", "detector.backbone_depth = 51; expected one of 10, 18"),
        ('detector.checkpoint_modules=["backbon"]', "expected one of backbone, decoder"),
        ("detector.learning_rate=0", "detector.learning_rate = 0.0; expected more than 0"),
        ("explain.steps=0", "explain.steps = 0; expected 1 or more"),
        ("evaluation.confidence=95.0", "evaluation.confidence = 95.0; expected a share between 0 and 1"),
        ("records.shards=0", "records.shards = 0; expected 1 or more"),
        ("seed=-1", "seed = -1; expected 0 to"),
        # Two and more settings
        ("detector.sampled_regions=512", "at most 400 to draw from, 300 proposals"),
        ("detector.levels=[6, 2]", "expected [finest, coarsest]"),
        ("detector.levels=[3, 9]", "expected 2 to 7"),
        ("detector.levels=[6, 7]", "a finest level of at most 5"),
        ("detector.scale_range=[1.5, 0.5]", "expected [least, largest]"),
        ("detector.learning_rate_drops=[5, 3]", "expected increasing steps"),
        ("detector.aspect_ratios=[]", "expected one or more"),
        ("detector.anchor_size=200", "the smallest anchor, 800 px"),
        ("grader.crop_size_px=60", "nothing is left after block 5 of 6"),
        ("grader.filters=[]", "at least one block"),
        ("split.test=0.95", "leave some for training"),
        ('paper_study.members="3by3"', 'paper_study.members = "3by3"; expected, for example, "3x3"'),
        ('training.precision="fp8"', 'training.precision = "fp8"; expected one of fp32'),
        ("grader.dropout=true", "grader.dropout = true; expected float"),
        ('detector.levels=["2", 6]', 'detector.levels = ["2", 6]; expected int'),
    ],
)
def test_what_would_end_in_a_traceback_is_refused_when_it_is_read(setting: str, told: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_experiment(None, [setting])
    assert told in str(refusal.value)
    assert str(refusal.value).startswith("--set: ")
    assert "\n" not in str(refusal.value)


def test_a_resnet_without_1x1_convolutions_has_no_stride_in_them() -> None:
    with pytest.raises(ConfigError, match=r"detector\.stride_in_1x1 = true: a ResNet of 34 layers"):
        load_experiment(None, ["detector.stride_in_1x1=true", "detector.backbone_depth=34"])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["detector.checkpoint=resnet101.keras"], r'"resnet101\.keras": .* expected detector\.stride_in_1x1 = true'),
        (["detector.checkpoint=r101_fpn.npz"], r'"r101_fpn\.npz": .* expected detector\.stride_in_1x1 = true'),
        (
            ["detector.checkpoint=a.npz", 'detector.checkpoint_modules=["rpn_head"]', "detector.aspect_ratios=[1,2,3]"],
            r"detector\.aspect_ratios = \[1\.0, 2\.0, 3\.0\] beside .* expected \[0\.5, 1\.0, 2\.0\]",
        ),
        (
            [
                "detector.checkpoint=a.npz",
                'detector.checkpoint_modules=["detection_head"]',
                "detector.head_convolutions=4",
            ],
            r"detector\.head_convolutions = 4 beside .* expected 0",
        ),
    ],
)
def test_settings_that_the_weights_of_other_networks_do_not_fit_are_refused(settings: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_experiment(None, settings)


def test_a_checkpoint_of_which_nothing_is_wanted_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nothing of detector\.checkpoint"):
        load_experiment(None, ["detector.checkpoint=runs/axial", "detector.checkpoint_modules=[]"])


def test_the_file_is_named_where_the_file_says_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[grader]\nepochs = 0\n")
    with pytest.raises(ConfigError, match=r"mine\.toml: grader\.epochs = 0; expected 1 or more"):
        load_experiment(path)
    assert load_experiment(path, ["grader.epochs=2"]).grader.epochs == 2


def test_small_images_have_fewer_regions_than_proposals_are_asked_for() -> None:
    """64 x 64 pixels at strides 8, 16 and 32: (64 + 16 + 4) places of 3 anchors are 252, and 100 labelled boxes."""
    settings = ["detector.image_size_px=[64, 64]", "detector.levels=[3, 5]", "detector.anchor_size=2.0"]
    assert available_regions(load_experiment(None, settings).detector) == 352
    with pytest.raises(ConfigError, match="at most 352 to draw from, 252 proposals"):
        load_experiment(None, [*settings, "detector.sampled_regions=353"])


@given(
    low=st.floats(-1e6, 1e6), width=st.floats(0.001, 1e6), open_low=st.booleans(), open_high=st.booleans(),
    share=st.floats(0.01, 0.99),
)  # fmt: skip
def test_a_range_holds_what_lies_between_and_its_closed_ends(
    low: float, width: float, open_low: bool, open_high: bool, share: float
) -> None:
    allowed = Range(low, low + width, open_low=open_low, open_high=open_high)
    assert allowed.holds(low) is not open_low
    assert allowed.holds(low + width) is not open_high
    assert not allowed.holds(math.nextafter(low, -math.inf))
    assert not allowed.holds(math.nextafter(low + width, math.inf))
    inside = low + share * width
    assert allowed.holds(inside) or inside in (low, low + width)
