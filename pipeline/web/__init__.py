"""The dashboard: pages, JSON and downloads of what is published. Reads the newest snapshot and the ledgers only."""
