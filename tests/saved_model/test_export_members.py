"""A plane whose graders have several members: one SavedModel that gives their mean, each of them, and their doubt."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tfspine import signatures
from tfspine.config import Experiment, Take
from tfspine.errors import ModelError
from tfspine.evaluation.boxes.members import mutual_information_bits
from tfspine.evaluation.statistics.temperature import temperature_scaled
from tfspine.labels import Plane, Region
from tfspine.models.detector import Detector
from tfspine.models.grader import GRADER_FILE, build_grader
from tfspine.records.crops import crop_regions
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.saved_model.trained_runs import load_region_graders
from tfspine.saved_model.verify import verify
from tfspine.saved_model.write import Exported, export_plane
from tfspine.training.members import parse_members

FORAMEN = Region.NEURAL_FORAMEN
BOXES = [[[10.0, 20.0, 40.0, 60.0], [0.0, 0.0, 30.0, 30.0], [5.0, 5.0, 6.0, 6.0]]]
CLASSES = [[1, 1, 0]]


def _network(experiment: Experiment, seed: int) -> keras.Model:
    """Return an untrained network whose last layer is loud enough for members to disagree."""
    keras.utils.set_random_seed(seed)
    network = build_grader(experiment.grader)
    kernel, bias = network.layers[-2].get_weights()
    network.layers[-2].set_weights([kernel * 3, bias + np.random.default_rng(seed).normal(0, 1, bias.shape)])
    return network


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (2, 80, 96), np.uint8)


@pytest.fixture(scope="module")
def experiment(tiny: Callable[..., Experiment]) -> Experiment:
    return tiny("detector.score_threshold=0.01")


@pytest.fixture(scope="module")
def networks(experiment: Experiment) -> list[keras.Model]:
    return [_network(experiment, seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def model(experiment: Experiment, networks: list[keras.Model]) -> PlaneModel:
    """Three members, of which the second is calibrated."""
    temperatures = (None, 2.0, None)
    members = tuple(
        GraderMember(f"s1r{number}", network, temperature)
        for number, (network, temperature) in enumerate(zip(networks, temperatures, strict=True), start=1)
    )
    tf.random.set_seed(1)
    detector = Detector(experiment, Plane.SAGITTAL)
    return PlaneModel(Plane.SAGITTAL, detector=detector, graders={FORAMEN: RegionGrader(members)})


@pytest.fixture(scope="module")
def exported(model: PlaneModel, images: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_plane(model, tmp_path_factory.mktemp("exported"), images=images, inputs=[], config={})


@pytest.mark.slow
def test_it_gives_the_mean_of_the_networks_and_their_disagreement(
    exported: Exported, networks: list[keras.Model], images: NDArray[np.uint8]
) -> None:
    batch = tf.constant(images[:1, ..., np.newaxis])
    grade = tf.saved_model.load(str(exported.folder)).signatures["grade"]
    answer = grade(images=batch, boxes_yxyx_px=tf.constant(BOXES), classes=tf.constant(CLASSES))

    crops = crop_regions(batch, tf.constant(BOXES[0][:2]), tf.constant([0, 0]), tf.constant([False] * 2), size_px=16)
    alone = [network.predict(crops, verbose=0) for network in networks]
    alone[1] = temperature_scaled(alone[1], temperature=2.0)
    np.testing.assert_allclose(answer["grade_probabilities"][0, :2], np.mean(alone, axis=0), atol=1e-5)
    np.testing.assert_allclose(answer["member_probabilities"][0, :2], np.stack(alone, axis=1), atol=1e-5)
    np.testing.assert_allclose(answer["grade_disagreement"][0, :2], mutual_information_bits(alone), atol=1e-5)
    assert float(tf.reduce_min(answer["grade_disagreement"][0, :2])) > 0.01
    # An empty slot says nothing.
    for name in ("grade_probabilities", "member_probabilities", "grade_disagreement"):
        assert not np.any(answer[name][0, 2])


@pytest.mark.slow
def test_its_signatures_are_the_promised_ones_and_what_members_give_besides(exported: Exported) -> None:
    reloaded = tf.saved_model.load(str(exported.folder)).signatures
    for signature in signatures.SIGNATURES:
        besides = () if signature is signatures.DETECT else signatures.OF_MEMBERS
        promised = {spec.name: (spec.dtype, len(spec.shape)) for spec in (*signature.outputs, *besides)}
        found = reloaded[signature.name].structured_outputs
        assert {name: (spec.dtype.name, spec.shape.rank) for name, spec in found.items()} == promised
    details = json.loads((exported.folder / "manifest.json").read_text())["details"]
    assert details["graders"] == {"neural_foramen": {"s1r1": None, "s1r2": 2.0, "s1r3": None}}


@pytest.mark.slow
def test_a_mean_of_other_members_is_noticed(
    exported: Exported, model: PlaneModel, images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(exported.folder, model, images) <= 1e-4
    monkeypatch.setattr(model, "only", lambda member: PlaneModel.only(model, 0))
    with pytest.raises(ModelError, match="differ from the mean of 3 members"):
        verify(exported.folder, model, images)


def _run(folder: Path, kind: str, **details: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"command": "train", "details": {"kind": kind, "region": "neural_foramen", **details}}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def run(tmp_path: Path, networks: list[keras.Model]) -> Path:
    """Return a run of 3 x 1 members, with temperatures 1.5, 2.5 and 3.5, of which the last two are selected."""
    names = [member.name for member in parse_members("3x1")]
    for number, (name, network) in enumerate(zip(names, networks, strict=True)):
        network.save(_run(tmp_path / "run" / "members" / name, "grader", temperature=1.5 + number) / GRADER_FILE)
    return _run(tmp_path / "run", "grader_members", members=names, selected=names[1:])


def of_foramina(run: Path, *, take: Take, calibrate: bool) -> RegionGrader:
    [grader] = load_region_graders([run], take=take, calibrate=calibrate).values()
    return grader


@pytest.mark.slow
def test_a_run_of_members_gives_all_or_the_selected_and_their_temperatures(run: Path, networks: list) -> None:
    grader = of_foramina(run, take=Take.ALL, calibrate=True)
    assert [(v.name, v.temperature) for v in grader.members] == [("s1r1", 1.5), ("s2r1", 2.5), ("s3r1", 3.5)]
    for member, network in zip(grader.members, networks, strict=True):
        np.testing.assert_array_equal(member.network.get_weights()[-1], network.get_weights()[-1])
    selected = of_foramina(run, take=Take.SELECTED, calibrate=False)
    assert [(v.name, v.temperature) for v in selected.members] == [("s2r1", None), ("s3r1", None)]
    # One member is a run like any other.
    alone = of_foramina(run / "members" / "s2r1", take=Take.ALL, calibrate=True)
    assert [(v.name, v.temperature) for v in alone.members] == [("s2r1", 2.5)]


@pytest.mark.slow
def test_a_run_from_before_temperatures_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no temperature, which export\.calibrate needs; train the grader again"):
        load_region_graders([_run(tmp_path / "old", "grader")], take=Take.ALL, calibrate=True)
    with pytest.raises(ModelError, match="chooses among members, and this run has none"):
        load_region_graders([_run(tmp_path / "plain", "grader")], take=Take.SELECTED, calibrate=False)


@pytest.mark.slow
def test_graders_of_a_plane_have_as_many_members(experiment: Experiment) -> None:
    member = GraderMember("run", build_grader(experiment.grader))
    graders = {Region.CENTRAL_CANAL: RegionGrader((member,) * 2), Region.LATERAL_RECESS: RegionGrader((member,))}
    with pytest.raises(ModelError, match="central_canal 2, lateral_recess 1; expected the same number"):
        PlaneModel(Plane.AXIAL, detector=None, graders=graders)  # type: ignore[arg-type]
