"""What exported files and presets run on, by the names that the command takes."""

AUTO = "auto"
KERAS = "tensorflow"  # Or what else Keras computes with.
ENGINES = (AUTO, "litert", KERAS, "openvino", "onnxruntime")
PRECISIONS = (AUTO, "float32", "bfloat16", "int8")
ENGINES_OF_FILES = {".tflite": ("litert", "openvino"), ".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",)}
