"""Fields of a Record: what a value of one is made into, and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MISSING: Any = object()


class ValidationError(ValueError):
    """A value is not what its field asks for."""

    def __init__(self, reason: str, *, field: FieldDescriptor[Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class FieldDescriptor(Generic[T]):
    """`Order.customer`: names a field, for `group_by` and `relative_to_field`. As the default of a
    field it says more of it: `input_name` and `output_name` are what it is called in data, an
    `exclude`d field does not leave the program. Subclasses say in `validate` what is wrong."""

    def __init__(
        self,
        *,
        field: str = "",
        type: Any = None,
        model: Any = None,
        required: bool = True,
        default: Any = MISSING,
        coerce: bool | None = None,
        exclude: bool = False,
        input_name: str | None = None,
        output_name: str | None = None,
        date_parser: Callable[[Any], datetime] | None = None,
        **options: Any,
    ) -> None:
        self.field = field
        self.type = type
        self.model = model
        self.default = None if default is MISSING and not required else default
        self.coerce = coerce
        self.exclude = exclude
        self.date_parser = date_parser
        self.options = options
        self._input, self._output = input_name, output_name

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def input_name(self) -> str:
        return self._input or self.field

    @property
    def output_name(self) -> str:
        return self._output or self.input_name

    def of(self, model: Any, field: str, type: Any) -> FieldDescriptor[T]:
        """Is that field of that class from now on."""
        self.model, self.field, self.type = model, field, type
        return self

    def __get__(self, record: object, owner: type) -> FieldDescriptor[T]:
        """Of the class; a record's own value comes before it."""
        if record is not None:
            raise AttributeError(f"{owner.__name__} has no value for {self.field!r}")
        return self

    def getattr(self, record: Any) -> Any:
        return attrgetter(self.field)(record)

    @property
    def ident(self) -> str:
        return f"{self.model.__name__}.{self.field}"

    def prepare_value(self, value: Any, *, coerce: bool | None = None) -> Any:
        """For subclasses that make something of a value."""
        return value

    def validate(self, value: Any) -> Iterable[ValidationError]:
        """What is wrong with it, for subclasses."""
        return ()

    def validation_error(self, reason: str) -> ValidationError:
        return ValidationError(reason, field=self)

    def __repr__(self) -> str:
        return f"<{self.ident}>"


class BooleanField(FieldDescriptor[bool]):
    pass


class NumberField(FieldDescriptor[T]):
    def __init__(self, *, min_value: Any = None, max_value: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.min_value, self.max_value = min_value, max_value

    def validate(self, value: Any) -> Iterable[ValidationError]:
        if self.max_value is not None and value > self.max_value:
            yield self.validation_error(f"{self.field} cannot be more than {self.max_value}")
        if self.min_value is not None and value < self.min_value:
            yield self.validation_error(f"{self.field} must be at least {self.min_value}")


class IntegerField(NumberField[int]):
    pass


class FloatField(NumberField[float]):
    pass


class DecimalField(NumberField[Decimal]):
    def __init__(
        self, *, max_digits: int | None = None, max_decimal_places: int | None = None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.max_digits, self.max_decimal_places = max_digits, max_decimal_places

    def validate(self, value: Any) -> Iterable[ValidationError]:
        if not value.is_finite():
            yield self.validation_error(f"{self.field} must be a number, not {value}")
            return
        yield from super().validate(value)
        _, digits, exponent = value.as_tuple()
        if self.max_decimal_places is not None and -exponent > self.max_decimal_places:
            yield self.validation_error(
                f"{self.field} must have at most {self.max_decimal_places} decimal places"
            )
        if self.max_digits is not None and len(digits) > self.max_digits:
            yield self.validation_error(f"{self.field} must have at most {self.max_digits} digits")


class CharField(FieldDescriptor[T]):
    def __init__(
        self,
        *,
        min_length: int | None = None,
        max_length: int | None = None,
        trim_whitespace: bool = False,
        allow_blank: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.min_length, self.max_length = min_length, max_length
        self.trim_whitespace, self.allow_blank = trim_whitespace, allow_blank

    def prepare_value(self, value: Any, *, coerce: bool | None = None) -> Any:
        return value.strip() if self.trim_whitespace and value is not None else value

    def validate(self, value: Any) -> Iterable[ValidationError]:
        if not self.allow_blank and not value:
            yield self.validation_error(f"{self.field} cannot be left blank")
        if self.min_length is not None and len(value) < self.min_length:
            yield self.validation_error(
                f"{self.field} must have at least {self.min_length} letters"
            )
        if self.max_length is not None and len(value) > self.max_length:
            yield self.validation_error(f"{self.field} must have at most {self.max_length} letters")


class StringField(CharField[str]):
    pass


class BytesField(CharField[bytes]):
    pass


class DatetimeField(FieldDescriptor[datetime]):
    pass
