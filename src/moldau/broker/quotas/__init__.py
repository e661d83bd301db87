"""How much clients may ask of this broker, and what happens to those that ask more."""
