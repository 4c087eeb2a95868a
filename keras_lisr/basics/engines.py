"""Lists the engines and precisions that exported files and presets run in."""

AUTO = "auto"
KERAS = "tensorflow"  # Or another backend of Keras.
ENGINES = (AUTO, "litert", KERAS, "openvino", "onnxruntime")
PRECISIONS = (AUTO, "float32", "bfloat16", "int8")
ENGINES_OF_FILES = {".tflite": ("litert", "openvino"), ".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",)}
