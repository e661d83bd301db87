"""How large it may be, and for how long: `python -m bench.limits`, for docs/limits.md."""
