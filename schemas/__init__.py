"""Contracts of the data: records, tables, errors. No I/O; imports nothing of ours."""
