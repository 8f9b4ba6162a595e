"""A local server with the TensorFlow Serving protocol."""
