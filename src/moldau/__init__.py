"""Kafka for Python people."""
