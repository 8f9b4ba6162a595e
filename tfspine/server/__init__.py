"""A local server that speaks the TensorFlow Serving protocol."""
