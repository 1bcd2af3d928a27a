"""A table as tasks: every value of one column is a task."""

from innerloop.tasks.tables.family import table, table_facts
from innerloop.tasks.tables.inputs import TableInputs

__all__ = ["TableInputs", "table", "table_facts"]
