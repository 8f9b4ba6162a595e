"""Clients of a model server, without TensorFlow."""

from tfspine.client.connect import connect
from tfspine.client.predictor import Predictor

__all__ = ["Predictor", "connect"]
