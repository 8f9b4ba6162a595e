"""Labels: LabelImg files, grade sheets, checks, splits by patient."""
