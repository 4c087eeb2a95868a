"""Pictures in pieces: rows from top to bottom, tiles, and what both kinds of upscaler do with them."""
