"""Fields that say more than their type: `name: str = StringField(max_length=20)`."""

from moldau.streams.faust.fields import BooleanField as BooleanField
from moldau.streams.faust.fields import BytesField as BytesField
from moldau.streams.faust.fields import DatetimeField as DatetimeField
from moldau.streams.faust.fields import DecimalField as DecimalField
from moldau.streams.faust.fields import FieldDescriptor as FieldDescriptor
from moldau.streams.faust.fields import FloatField as FloatField
from moldau.streams.faust.fields import IntegerField as IntegerField
from moldau.streams.faust.fields import NumberField as NumberField
from moldau.streams.faust.fields import StringField as StringField
