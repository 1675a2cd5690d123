"""Watched folders: scanning, settling and watching, from a file that appears to an Arrival."""
