"""What `evaluate` reads: boxes, studies, patients, and what each reader read."""
