"""De-identification by DICOM PS3.15 Annex E, and a search that verifies that no original identifier is left."""
