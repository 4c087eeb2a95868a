"""Fine-tunes a preset on photographs with Keras's own `compile` and `fit`, measures it and takes it to LiteRT.

Needs a folder to train on, one to measure on and one to write to; a minute or two on two cores. For real work take more
photographs and thousands of steps; `python training/imdn.py --from imdn_x4` adds averaged weights, checkpoints and an
exact resume. The cells are those of a notebook.

    python examples/fine_tune.py photographs datasets/Set5 fine_tuned
"""

# %% What is trained on and measured on: any folder of pictures, or of pairs such as hr/ beside lr/.
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_lisr.data import BenchmarkSet, read_pairs
from keras_lisr.evaluation import PSNR, evaluate
from keras_lisr.export import export_model
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.inference import Upscaler
from keras_lisr.zoo import from_preset

SCALE, PATCH, BATCH, STEPS = 4, 32, 8, 40
photographs, held_out, output = map(Path, sys.argv[1:])
output.mkdir(parents=True, exist_ok=True)
pairs = read_pairs(photographs, SCALE, smallest_side=PATCH * SCALE)
benchmark = BenchmarkSet(held_out, SCALE)


# %% One's own tf.data: uint8 pairs of any size in, patches in [0, 1] out.
def cut(low, high):
    """The same place of both, mirrored or not."""
    top, left = (tf.random.uniform((), maxval=tf.shape(low)[axis] - PATCH + 1, dtype=tf.int32) for axis in (0, 1))
    low = tf.image.crop_to_bounding_box(low, top, left, PATCH, PATCH)
    high = tf.image.crop_to_bounding_box(high, top * SCALE, left * SCALE, PATCH * SCALE, PATCH * SCALE)
    if tf.random.uniform(()) < 0.5:
        low, high = low[:, ::-1], high[:, ::-1]
    return tf.cast(low, tf.float32) / 255, tf.cast(high, tf.float32) / 255


image = tf.TensorSpec((None, None, 3), tf.uint8)
dataset = tf.data.Dataset.from_generator(lambda: iter(pairs), output_signature=(image, image))
patches = dataset.cache().repeat().shuffle(100).map(cut).batch(BATCH).prefetch(tf.data.AUTOTUNE)

# %% The preset, at a tenth of the rate of a new network or less. Without `jit_compile=False` Keras would have XLA
# compile the step, which is slower on processors than oneDNN; on GPUs leave it out.
model = from_preset("imdn_x4")
before = evaluate(Upscaler(model, precision="float32"), benchmark).psnr
rate = keras.optimizers.schedules.CosineDecay(2e-5, STEPS)
model.compile(keras.optimizers.Adam(rate), "mean_absolute_error", metrics=[PSNR(shave=SCALE)], jit_compile=False)
model.fit(patches, steps_per_epoch=STEPS // 2, epochs=2, shuffle=False, verbose=2)
model.save(output / "network.keras")

# %% Measured as papers do.
result = evaluate(Upscaler(model, precision="float32"), benchmark)
print(result)
print(f"{before:.3f} dB before, {result.psnr:.3f} after")

# %% For a phone, and on a picture as a phone would.
export_model(model, output / "network.tflite", quantize="float16")
low_resolution = next(iter(benchmark)).low_resolution
Image.fromarray(ExportedUpscaler(output / "network.tflite")(np.array(low_resolution))).save(output / "picture.png")
