"""Settings of networks small enough for a test."""

TINY = (
    "detector.image_size_px=[64, 64]",
    "detector.backbone_depth=10",
    "detector.levels=[3, 4]",
    "detector.anchor_size=2.0",
    "detector.proposals=20",
    "detector.sampled_regions=8",
    "detector.maximum_detections=5",
    "detector.batch_size=2",
    "detector.norm_momentum=0.9",
    "detector.learning_rate=0.01",
    "detector.schedule=cosine",
    "detector.shuffle_buffer=8",
    "detector.validation_images=0",
    "grader.crop_size_px=16",
    "grader.filters=[8, 8]",
    "grader.dense_units=8",
    "grader.batch_size=4",
    "grader.epochs=1",
)

HANG_S = 600.0
"""After this long a process of a test is taken to hang; on a busy machine any shorter limit fails by chance."""
