"""Labels: LabelImg files, checks, exclusions, splits by patient."""
