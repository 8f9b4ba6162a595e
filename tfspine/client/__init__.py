"""Clients of a model server, without TensorFlow."""
