"""Integrated Gradients and the heatmaps made from them."""
