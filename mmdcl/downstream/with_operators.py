"""For ``custom_imports`` of a config: importing it calls ``stand_in``."""

from .operators import stand_in

stand_in()
