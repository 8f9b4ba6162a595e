"""Training detectors and graders, and sweeping the grader."""
