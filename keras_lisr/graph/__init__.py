"""Any Keras graph: its calls, what they see, and what they take in memory and precision."""
