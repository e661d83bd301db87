"""Ports to any Kafka."""
