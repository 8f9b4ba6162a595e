"""DICOM in: headers, series, pixels."""
