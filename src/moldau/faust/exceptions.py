"""What a Record raises."""

from moldau.streams.faust.fields import ValidationError as ValidationError
