"""The kafka-* commands and the subcommands of moldau."""
