"""Messages of TensorFlow Serving, without TensorFlow: see `serving.proto`."""
