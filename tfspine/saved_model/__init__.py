"""SavedModels with the served signatures."""
