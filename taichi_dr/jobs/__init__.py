"""The commands of ``taichi-dr`` as functions; nothing below imports them."""
