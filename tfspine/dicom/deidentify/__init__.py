"""Studies without their patients: DICOM PS3.15 Annex E, and a proof by search that nothing original is left."""
