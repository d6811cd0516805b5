"""The camera side of Visant: takes still pictures and hands them in, through every outage."""

__version__ = "0.1.0"
