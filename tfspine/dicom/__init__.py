"""Reading DICOM: headers, choice of series, pixels."""
