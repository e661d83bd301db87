"""The live view of the workers of a program."""
