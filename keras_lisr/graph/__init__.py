"""Analysis and rewriting of any Keras graph: calls, receptive field, memory, precision."""
