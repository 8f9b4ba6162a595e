"""The list of all settings: complete, and each with what it means."""

import dataclasses

from tfspine.config import DetectorConfig, Experiment, as_dict
from tfspine.config.settings import settings


def test_every_setting_is_listed_once_and_says_what_it_means() -> None:
    listed = settings()
    keys = [(item.section, item.key) for item in listed]
    values = as_dict(Experiment())
    sections = [name for name in values if isinstance(values[name], dict) and name != "overrides"]
    there = [("", name) for name in values if name not in sections]
    there += [(section, key) for section in sections for key in values[section]]
    assert sorted(keys) == sorted(there)
    assert all(item.text.endswith((".", ")")) for item in listed), [item for item in listed if not item.text]


def test_a_row_has_type_default_range_and_unit() -> None:
    rows = {(item.section, item.key): item for item in settings()}
    size = rows["detector", "image_size_px"]
    assert (size.type, size.default, size.range, size.unit) == ("2 of int", "[600, 1024]", "16 to 8192", "px")
    assert rows["", "seed"].range == "0 to 4294967295"
    schedule = rows["detector", "schedule"]
    assert (schedule.type, schedule.default, schedule.range) == ("str", '"stepwise"', "one of stepwise, cosine")
    assert rows["detector", "aspect_ratios"].type == "list of float"
    assert "an anchor of 32 pixels" in rows["detector", "anchor_size"].text


def test_the_detector_is_three_parts_of_thirty_six_settings() -> None:
    parts = [part for part in DetectorConfig.__mro__[1:] if dataclasses.is_dataclass(part)]
    assert [part.__name__ for part in parts] == ["Optimization", "Heads", "Anchors"]
    assert sum(len(dataclasses.fields(part)) for part in parts) == len(dataclasses.fields(DetectorConfig)) == 36
