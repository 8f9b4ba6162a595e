"""The inputs of `evaluate`: boxes, studies, patients, and which slices each reader read."""
