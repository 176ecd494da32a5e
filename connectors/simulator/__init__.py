"""A stand-in for the vendors' APIs, written from their documentation. Imports nothing of ours."""
