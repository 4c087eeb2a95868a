"""Files that run without Keras: SavedModel, LiteRT, ONNX and OpenVINO."""
