"""Processes pictures in rows and tiles, for both kinds of upscaler."""
