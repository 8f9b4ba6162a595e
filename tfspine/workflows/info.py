"""Labels, detector classes, signatures and versions, for people and programs."""

from typing import Any


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
