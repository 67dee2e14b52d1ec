"""The commands of ``taichi-dr`` as functions: one module each for what it does, none of them imported by the renderers."""
