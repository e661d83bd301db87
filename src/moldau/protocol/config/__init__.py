"""Kafka's config names: types, defaults, checks, what they mean here and how they are described."""
