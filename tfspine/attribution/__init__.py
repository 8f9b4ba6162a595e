"""Integrated Gradients and the pictures made of them."""
