"""One node's brain: fed with frames, drained of effects."""
