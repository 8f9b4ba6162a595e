"""Checklists, the model card, and the facts that a run recorded about its own study."""
