"""What is asked of a program from outside, and done to it: described, measured, reset, redriven."""
