"""The commands; the only place that parses flags and gin."""
