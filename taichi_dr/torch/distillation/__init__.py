"""Score distillation: what a diffusion model thinks of a picture, as a gradient of the picture (DreamFusion).

Doors: ``score.ScoreDistillation``; ``latent.LatentDiffusion``, models of the library diffusers as its denoisers;
``analytic.MixtureDenoiser``, a denoiser of known densities to try things on.

Parts: ``schedule`` (noise levels, and which of them a step looks at), ``guidance`` (from conditional and unconditional
noise to one), ``inversion`` (the noise that belongs to a picture), ``checks``.  Of ``latent``: ``prompts`` (embeddings,
each once), ``autoencoder`` (pictures and latents), ``prediction`` (from what a model predicts to noise), ``srgb``.
"""
