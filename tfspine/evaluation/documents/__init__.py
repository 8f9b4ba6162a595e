"""Checklists, the model card, and what a run knows of its own study."""
