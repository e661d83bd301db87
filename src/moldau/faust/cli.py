"""What commands take: `from moldau.faust.cli import argument, option`."""

from moldau.streams.faust.options import argument as argument
from moldau.streams.faust.options import option as option
