"""`moldau mirror`: a cluster's topics, records and group offsets copied to another, while both run.

How nothing is lost or copied twice, whenever it is killed: docs/decisions/0004-mirror-position.md.
Begin reading at `run`, then `copy` and `window`.
"""
