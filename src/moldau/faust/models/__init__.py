"""Models, as Faust calls them: Records and their fields."""

from moldau.streams.faust.fields import FieldDescriptor as FieldDescriptor
from moldau.streams.faust.records import Record as Record
