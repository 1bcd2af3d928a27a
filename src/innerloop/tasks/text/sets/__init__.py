"""The sentences of published data sets."""
