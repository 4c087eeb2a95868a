"""What every room uses and what needs no Keras: arguments, signals, whole files, the index of the presets."""
