"""Returns labels, detector classes, signatures and versions, for people and programs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfspine.config.settings import Setting


def info() -> dict[str, Any]:
    """Return the facts as plain values."""
    import tfspine
    from tfspine import labels, signatures

    return {
        "version": tfspine.__version__,
        "levels": [str(level) for level in labels.LEVELS],
        "grades": list(labels.GRADE_WORDS),
        "regions": [str(region) for region in labels.Region],
        "models": {str(plane): name for plane, name in signatures.MODEL_NAMES.items()},
        "detector_classes": {
            str(plane): [
                {"id": entry.class_id, "name": labels.object_name(entry.region, entry.side)} for entry in classes
            ]
            for plane, classes in labels.DETECTOR_CLASSES.items()
        },
        "signatures": {
            signature.name: {
                side: [{"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)} for spec in specs]
                for side, specs in (("inputs", signature.inputs), ("outputs", signature.outputs))
            }
            for signature in signatures.SIGNATURES
        },
        "default_signature": signatures.READ.name,
    }


def label_names() -> list[str]:
    """Return the name of every label, region with side and grade, as lines of LabelImg's `predefined_classes.txt`."""
    from tfspine.annotations.label_templates import class_list

    return class_list()


def all_settings() -> "list[Setting]":
    """Return every setting of an experiment with type, default, range, unit and meaning."""
    from tfspine.config.settings import settings

    return settings()
