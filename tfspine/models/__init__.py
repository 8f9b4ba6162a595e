"""The detector (Model Garden) and the grader (Keras Sequential)."""
