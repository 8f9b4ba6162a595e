"""The page a radiologist opens."""
