"""Slices to readings, with a model whose answers are known."""

import dataclasses

import numpy as np
import pytest

from tfspine.client.reading import readings_of_slices
from tfspine.errors import ServerError
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Plane, Region, Side
from tfspine.signatures import READ
from tfspine.structures import SliceImage

SLOTS = 2


class CornerModel:
    """Answers one detection a slice, of the class that its first pixel names; the box is its second pixel's value."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, ...]] = []

    def predict(self, signature, inputs):
        assert signature == "read"
        images = inputs["images"]
        self.requests.append(images.shape)
        classes = images[:, 0, 0, 0].astype(np.int32)
        answer = {
            "boxes_yxyx_px": np.zeros((len(images), SLOTS, 4), np.float32),
            "classes": np.zeros((len(images), SLOTS), np.int32),
            "scores": np.zeros((len(images), SLOTS), np.float32),
            "count": (classes > 0).astype(np.int32),
            "grade_probabilities": np.zeros((len(images), SLOTS, 4), np.float32),
        }
        answer["classes"][:, 0] = classes
        answer["boxes_yxyx_px"][:, 0] = images[:, 0, 1].astype(np.float32)
        answer["scores"][:, 0] = 0.75
        answer["grade_probabilities"][:, 0] = [0.125, 0.25, 0.5, 0.125]
        return answer

    def model_version(self):
        return 1

    def signatures(self):
        return {READ.name: READ}


def make_slice(key, plane, class_id, box_value=0, size=(4, 5)):
    pixels = np.zeros(size, np.uint8)
    pixels[0, :2] = class_id, box_value
    geometry = SliceGeometry((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), size)
    return SliceImage(key, "study", plane, geometry, pixels)


def test_classes_become_regions_and_patient_sides():
    slices = [make_slice(str(class_id), Plane.AXIAL, class_id, box_value=9) for class_id in (0, 1, 2, 3)]
    nothing, first, second, third = readings_of_slices({Plane.AXIAL: CornerModel()}, slices)
    assert nothing.detections == ()
    # docs/architecture.md, Decisions: class 1 is the image's left, which is the patient's right.
    assert [(item.detections[0].region, item.detections[0].side) for item in (first, second, third)] == [
        (Region.LATERAL_RECESS, Side.RIGHT),
        (Region.CENTRAL_CANAL, None),
        (Region.LATERAL_RECESS, Side.LEFT),
    ]
    (found,) = first.detections
    assert (found.box, found.score, found.grade) == ((9.0, 9.0, 9.0, 9.0), 0.75, Grade.MODERATE)
    assert found.probabilities == (0.125, 0.25, 0.5, 0.125)


def test_order_is_kept_and_equal_slices_share_requests():
    axial, sagittal = CornerModel(), CornerModel()
    slices = [
        make_slice("a", Plane.AXIAL, 1, 1),
        make_slice("b", Plane.SAGITTAL, 1, 2),
        make_slice("c", Plane.AXIAL, 2, 3, size=(6, 5)),
        make_slice("d", Plane.AXIAL, 3, 4),
        make_slice("e", Plane.AXIAL, 1, 5),
    ]
    readings = list(readings_of_slices({Plane.AXIAL: axial, Plane.SAGITTAL: sagittal}, slices, batch_size=2))
    assert [reading.key for reading in readings] == ["a", "b", "c", "d", "e"]
    assert [reading.detections[0].box[0] for reading in readings] == [1, 2, 3, 4, 5]
    assert axial.requests == [(2, 4, 5, 1), (1, 6, 5, 1), (1, 4, 5, 1)]
    assert sagittal.requests == [(1, 4, 5, 1)]


def test_a_plane_without_a_model_is_refused():
    with pytest.raises(ServerError, match="slice a: no model for the sagittal plane"):
        list(readings_of_slices({Plane.AXIAL: CornerModel()}, [make_slice("a", Plane.SAGITTAL, 1)]))


def drop(name):
    return lambda answer: answer.pop(name)


def put(name, change):
    return lambda answer: answer.update({name: change(answer[name])})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop("scores"), "the answer lacks scores"),
        (put("scores", lambda x: x.astype(np.float64)), r"scores is float64 \[1, 2\]; expected float32"),
        (put("classes", lambda x: x[:, :1]), "different numbers of detections"),
        (put("boxes_yxyx_px", lambda x: x[..., :3]), r"boxes_yxyx_px is float32 \[1, 2, 3\]; expected"),
        (put("boxes_yxyx_px", lambda x: x * np.float32("nan")), "a box is not finite"),
        (put("count", lambda x: x + 5), r"count \[6\]; expected 0 to 2"),
        (put("classes", lambda x: x + 6), r"class 7; expected one of \[1, 2, 3\]"),
        (put("scores", lambda x: x + 1), "scores outside 0 to 1"),
        (put("grade_probabilities", lambda x: x - 1), "grade_probabilities outside 0 to 1"),
    ],
)
def test_a_wrong_answer_is_refused(spoil, message):
    class Spoilt(CornerModel):
        def predict(self, signature, inputs):
            answer = super().predict(signature, inputs)
            spoil(answer)
            return answer

    with pytest.raises(ServerError, match=f"^axial model: read: .*{message}"):
        list(readings_of_slices({Plane.AXIAL: Spoilt()}, [make_slice("a", Plane.AXIAL, 1)]))


def member_model(members, disagreement=0.5):
    """Return a model whose graders have members: `members` float32 [V, 4], the same for every slot."""

    class Members(CornerModel):
        def predict(self, signature, inputs):
            answer = super().predict(signature, inputs)
            shape = answer["classes"].shape
            answer["member_probabilities"] = np.broadcast_to(np.float32(members), (*shape, *np.shape(members)))
            answer["grade_disagreement"] = np.full(shape, disagreement, np.float32)
            return answer

    return Members()


def test_members_come_with_the_boxes_and_need_not_be_there():
    said = [[0.25, 0.25, 0.5, 0.0], [0.0, 0.25, 0.5, 0.25]]
    slices = [make_slice("a", Plane.AXIAL, 2), make_slice("b", Plane.AXIAL, 0)]
    found, nothing = readings_of_slices({Plane.AXIAL: member_model(said)}, slices)
    assert nothing.detections == ()
    assert found.detections[0].members == tuple(map(tuple, said))
    assert found.detections[0].probabilities == (0.125, 0.25, 0.5, 0.125)
    (plain,) = readings_of_slices({Plane.AXIAL: CornerModel()}, slices[:1])
    assert plain.detections[0].members == ()


def test_wrong_probabilities_of_a_member_are_refused():
    with pytest.raises(ServerError, match="member_probabilities outside 0 to 1"):
        list(readings_of_slices({Plane.AXIAL: member_model([[0.5, 0.5, 1.5, 0.0]])}, [make_slice("a", Plane.AXIAL, 1)]))
    with pytest.raises(ServerError, match=r"member_probabilities is float32 \[1, 2, 1, 3\]; expected"):
        list(readings_of_slices({Plane.AXIAL: member_model([[0.5, 0.5, 0.0]])}, [make_slice("a", Plane.AXIAL, 1)]))


class StrictModel(CornerModel):
    """Has an operating point: of class 2, the canal, a score of 0.8, of the others none but 0."""

    def predict(self, signature, inputs):
        answer = super().predict(signature, inputs)
        thresholds = np.where(answer["classes"] == 2, 0.8, 0.0)
        return answer | {"score_thresholds": thresholds.astype(np.float32)}


def test_a_box_below_the_models_operating_point_is_there_and_is_no_finding():
    slices = [make_slice(str(class_id), Plane.AXIAL, class_id, box_value=9) for class_id in (1, 2)]
    recess, canal = (item.detections[0] for item in readings_of_slices({Plane.AXIAL: StrictModel()}, slices))
    assert (recess.is_counted, canal.is_counted) == (True, False)
    assert canal.score_threshold == pytest.approx(0.8)
    (plain,) = next(iter(readings_of_slices({Plane.AXIAL: CornerModel()}, slices))).detections
    assert (plain.score_threshold, plain.is_counted) == (None, True)


def test_an_answer_whose_thresholds_do_not_fit_its_boxes_is_refused():
    class ShortModel(CornerModel):
        def predict(self, signature, inputs):
            return super().predict(signature, inputs) | {"score_thresholds": np.zeros((1, SLOTS + 1), np.float32)}

    with pytest.raises(ServerError, match="different numbers of detections"):
        list(readings_of_slices({Plane.AXIAL: ShortModel()}, [make_slice("a", Plane.AXIAL, 1)]))


def test_readings_keep_the_frame_of_reference_of_their_slices():
    slices = [dataclasses.replace(make_slice("1", Plane.AXIAL, 2), frame_of_reference_uid="1.2.3")]
    slices.append(make_slice("2", Plane.AXIAL, 2))
    readings = readings_of_slices({Plane.AXIAL: CornerModel()}, slices)
    assert [reading.frame_of_reference_uid for reading in readings] == ["1.2.3", ""]
