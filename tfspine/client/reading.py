"""Slices to readings: batches of equal slices go to their plane's model, detections with grades come back."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfspine.client.predictor import Predictor
from tfspine.client.signature_check import describe_shape, fits
from tfspine.client.tensors import Array
from tfspine.errors import ServerError
from tfspine.labels import DETECTOR_CLASSES, Plane
from tfspine.signatures import (
    BOXES,
    CLASSES,
    COUNT,
    GRADE_PROBABILITIES,
    IMAGES,
    MEMBER_PROBABILITIES,
    OF_MEMBERS,
    OF_OPERATING_POINT,
    READ,
    SCORE_THRESHOLDS,
    SCORES,
)
from tfspine.structures import Detection, Probabilities, SliceImage, SliceReading


def readings_of_slices(
    predictors: Mapping[Plane, Predictor], slices: Sequence[SliceImage], *, batch_size: int = 8
) -> Iterator[SliceReading]:
    """Yield the reading of every slice, in the order of `slices`.

    Slices of one plane and one size share a request, wherever in the sequence they stand. Readings are yielded as
    soon as all before them are there. Levels, and the sides of foramina, are left open: see `study.assembly`.

    Args:
        predictors: one per plane; a plane that no slice has may be missing.
        slices: of one study or several.
        batch_size: the largest number of images per request.

    Raises:
        ServerError: a plane has no model, or an answer is not what `signatures.READ` declares.
    """
    waiting: dict[int, SliceReading] = {}
    following = 0
    for indices in _batches(slices, batch_size):
        batch = [slices[index] for index in indices]
        waiting |= zip(indices, _read_batch(predictors, batch), strict=True)
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def read_images(predictor: Predictor, plane: Plane, images: Array) -> list[tuple[Detection, ...]]:
    """Return what a plane's model finds on each image of one request, surest first.

    Args:
        predictor: the plane's model.
        plane: which classes the answer may hold.
        images: windowed slices, uint8 [N, H, W].

    Raises:
        ServerError: as for `readings_of_slices`.
    """
    outputs = predictor.predict(READ.name, {IMAGES.name: images[..., np.newaxis]})
    _check_outputs(outputs, plane, len(images))
    return [_detections(outputs, index, plane) for index in range(len(images))]


def _batches(slices: Sequence[SliceImage], batch_size: int) -> list[list[int]]:
    """Return the indices of slices that can share a request, the batch with the earliest slice first."""
    groups: dict[tuple[Plane, tuple[int, ...]], list[int]] = {}
    for index, slice_ in enumerate(slices):
        groups.setdefault((slice_.plane, slice_.pixels.shape), []).append(index)
    batches = [
        group[start : start + batch_size] for group in groups.values() for start in range(0, len(group), batch_size)
    ]
    return sorted(batches, key=lambda batch: batch[0])


def _read_batch(predictors: Mapping[Plane, Predictor], batch: Sequence[SliceImage]) -> list[SliceReading]:
    plane = batch[0].plane
    if plane not in predictors:
        raise ServerError(f"slice {batch[0].key}: no model for the {plane} plane; expected one for each plane")
    found = read_images(predictors[plane], plane, np.stack([slice_.pixels for slice_ in batch]))
    return [
        SliceReading(slice_.key, slice_.study, plane, slice_.geometry, detections, slice_.frame_of_reference_uid)
        for slice_, detections in zip(batch, found, strict=True)
    ]


def _check_outputs(outputs: Mapping[str, Array], plane: Plane, images: int) -> None:
    """Refuse an answer that is not what `signatures.READ` declares: it comes from another model or a broken one.

    What graders of several members, and models with an operating point, give besides need not be there.
    """
    where = f"{plane} model: {READ.name}"
    declared = (*READ.outputs, *(spec for spec in (*OF_MEMBERS, *OF_OPERATING_POINT) if spec.name in outputs))
    for spec in declared:
        if spec.name not in outputs:
            raise ServerError(f"{where}: the answer lacks {spec.name}; was the model written by tfspine export?")
        array = outputs[spec.name]
        if array.dtype.name != spec.dtype or not fits(array.shape, spec) or array.shape[0] != images:
            raise ServerError(
                f"{where}: {spec.name} is {array.dtype.name} {list(array.shape)}; "
                f"expected {spec.dtype} {describe_shape(spec)} for {images} images"
            )
    slots = {spec.name: outputs[spec.name].shape[1] for spec in declared if spec is not COUNT}
    if len(set(slots.values())) > 1:
        raise ServerError(f"{where}: different numbers of detections: {slots}")
    filled = np.arange(slots[SCORES.name]) < outputs[COUNT.name][:, np.newaxis]
    if np.any(outputs[COUNT.name] < 0) or np.any(outputs[COUNT.name] > slots[SCORES.name]):
        raise ServerError(f"{where}: count {outputs[COUNT.name].tolist()}; expected 0 to {slots[SCORES.name]}")
    known = [item.class_id for item in DETECTOR_CLASSES[plane]]
    unknown = set(outputs[CLASSES.name][filled].tolist()) - set(known)
    if unknown:
        raise ServerError(f"{where}: class {min(unknown)}; expected one of {known}: is it the model of another plane?")
    if not np.all(np.isfinite(outputs[BOXES.name][filled])):
        raise ServerError(f"{where}: a box is not finite")
    shares = {SCORES, GRADE_PROBABILITIES, MEMBER_PROBABILITIES}
    for spec in (spec for spec in declared if spec in shares):
        values = outputs[spec.name][filled]
        if not np.all((values >= 0) & (values <= 1 + 1e-5)):
            raise ServerError(f"{where}: {spec.name} outside 0 to 1")


def _detections(outputs: Mapping[str, Array], index: int, plane: Plane) -> tuple[Detection, ...]:
    """Return the filled slots of image `index`."""
    classes = {item.class_id: item for item in DETECTOR_CLASSES[plane]}
    count = int(outputs[COUNT.name][index])
    columns = (outputs[spec.name][index][:count].tolist() for spec in (BOXES, CLASSES, SCORES, GRADE_PROBABILITIES))
    members = outputs.get(MEMBER_PROBABILITIES.name)
    thresholds = outputs.get(SCORE_THRESHOLDS.name)
    of_slots = [None] * count if thresholds is None else thresholds[index][:count].tolist()
    of_members: list[list[list[float]]] = [[]] * count if members is None else members[index][:count].tolist()
    return tuple(
        Detection(
            box=(box[0], box[1], box[2], box[3]),
            region=classes[class_id].region,
            side=classes[class_id].side,
            score=score,
            probabilities=_four(grades),
            members=tuple(_four(said) for said in of_box),
            score_threshold=threshold,
        )
        for box, class_id, score, grades, of_box, threshold in zip(*columns, of_members, of_slots, strict=True)
    )


def _four(shares: Sequence[float]) -> Probabilities:
    return shares[0], shares[1], shares[2], shares[3]
