"""What runs a program on a Kafka: begin reading at `worker.py`."""
