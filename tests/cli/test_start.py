import keras
from PIL import Image

from keras_lisr.cli import main


def test_the_command_works_whatever_keras_json_says(tmp_path, capsys):
    Image.new("RGB", (9, 8)).save(tmp_path / "small.png")
    keras.config.set_image_data_format("channels_first")
    try:
        code = main(["upscale", str(tmp_path / "small.png"), "-o", str(tmp_path / "large.png")])
        assert code == 0, capsys.readouterr()
    finally:
        keras.config.set_image_data_format("channels_last")
