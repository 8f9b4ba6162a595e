"""Figures of tables and curves, readable in black and white."""
