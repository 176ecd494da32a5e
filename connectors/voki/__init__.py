"""Voki (Avanter): customer ratings of calls."""
