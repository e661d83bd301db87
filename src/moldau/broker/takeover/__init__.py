"""What a folder holds, and whether it can be gone on with: by Moldau, and by Apache Kafka."""
