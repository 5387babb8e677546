"""Pictures of graphs: a listener that notes a program's calls, and the ways to draw boxes and arrows."""

from minidl.pictures.picture import Picture

__all__ = ["Picture"]
