"""The suffixes of files that hold pictures, for folders to be upscaled, trained and measured on alike."""

READABLE = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".tif", ".tiff", ".gif")
