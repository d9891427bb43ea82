"""Posed RGB-D frames from bags and folders, and a bag writer."""
