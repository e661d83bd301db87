"""From bytes to values and back: `basic.py` by the type of a topic, the others by name."""
