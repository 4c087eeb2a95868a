"""Basics without Keras that all packages share: arguments, signals, whole files, the index of the presets."""
