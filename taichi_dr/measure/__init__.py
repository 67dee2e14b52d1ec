"""What shapes are like: how a surface hangs together.

Door: ``connectivity.connectivity`` (parts, genus, watertightness).
"""
