"""Loading the served graders from an exported model, so that they can be explained.

A SavedModel keeps the variables of the graders but not the layers (`PlaneModel.variables`). The layers are described
in `NETWORKS_FILE` in the same folder, and the temperatures are in the manifest.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfspine.errors import ModelError
from tfspine.hashes import MANIFEST
from tfspine.labels import Plane, Region
from tfspine.manifest import read_manifest
from tfspine.outputs import write_text
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.signatures import MODEL_NAMES

NETWORKS_FILE = Path("assets.extra") / "graders.json"
"""Keras configuration of the network of each member, by region; model servers ignore this folder."""


def write_networks(folder: Path, graders: Mapping[str, RegionGrader]) -> None:
    """Write `NETWORKS_FILE` into the folder of an exported version."""
    networks = {name: [member.network.get_config() for member in grader.members] for name, grader in graders.items()}
    write_text(folder / NETWORKS_FILE, json.dumps(networks) + "\n")


def newest_versions(root: Path) -> dict[Plane, Path]:
    """Return for each plane the folder of the highest version under `root`, which ``tfspine export`` wrote.

    Raises:
        ModelError: there is no version for any plane.
    """
    found: dict[Plane, Path] = {}
    for plane, name in MODEL_NAMES.items():
        home = root / name
        numbers = [int(entry.name) for entry in home.glob("*") if entry.name.isdecimal()] if home.is_dir() else []
        if numbers:
            found[plane] = home / str(max(numbers))
    if not found:
        names = " or ".join(MODEL_NAMES.values())
        raise ModelError(f"{root}: holds no {names} with a version; expected the folder that tfspine export wrote")
    return found


def load_served_graders(folder: Path) -> dict[Region, RegionGrader]:
    """Return the graders of one exported version, with the temperatures used in serving.

    Args:
        folder: a version, for example ``exported/tfspine_axial/1``.

    Raises:
        ModelError: the folder is not an export, or is from an older tfspine that did not write `NETWORKS_FILE`.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.command != "export":
        raise ModelError(f"{folder}: no {MANIFEST} of tfspine export; export the model again")
    try:
        networks = json.loads((folder / NETWORKS_FILE).read_text())
    except (OSError, ValueError):
        raise ModelError(
            f"{folder / NETWORKS_FILE}: cannot be read; export the model again, or name its runs with --grader"
        ) from None
    try:
        saved = tf.saved_model.load(str(folder)).graders
    except (OSError, AttributeError, ValueError) as error:
        raise ModelError(f"{folder}: not a SavedModel of tfspine export: {error}; export it again") from None
    return {
        Region(region): _region_grader(folder, manifest.details["graders"][region], configs, list(saved[region]))
        for region, configs in networks.items()
    }


def _region_grader(
    folder: Path, temperatures: dict[str, float | None], configs: list[dict[str, Any]], saved: list[tf.Variable]
) -> RegionGrader:
    """Return the members; `saved` holds their variables one after the other, in the order of `PlaneModel.variables`."""
    members = []
    for (name, temperature), config in zip(temperatures.items(), configs, strict=True):
        network = keras.Sequential.from_config(config)
        mine, saved = saved[: len(network.variables)], saved[len(network.variables) :]
        if [tuple(variable.shape) for variable in network.variables] != [tuple(variable.shape) for variable in mine]:
            raise ModelError(f"{folder}: member {name} of a grader has other variables than its network; export again")
        for variable, value in zip(network.variables, mine, strict=True):
            variable.assign(value)
        members.append(GraderMember(name, network, temperature))
    return RegionGrader(tuple(members))
