"""The flow from a source to a published warehouse. Start reading at `pipeline/run.py`."""
