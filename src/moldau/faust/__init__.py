"""Programs written for Faust: `import moldau.faust as faust`. docs/faust.md says what differs."""

from moldau.streams.faust import *  # noqa: F403
from moldau.streams.faust import __all__ as __all__
from moldau.streams.faust import __getattr__ as __getattr__
