"""Checklists, the model card, and the facts that a run knows about its own study."""
