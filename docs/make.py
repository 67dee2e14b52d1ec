"""Makes every picture of this folder again: runs the demos and takes their pictures, and those of ``make demo``.

make docs
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMOS = {
    "pipeline": ("pipeline.png",),
    "sphere_tracing": ("sphere_tracing.png",),
    "volume_rendering": ("volume_rendering.png", "volume_rendering.gif"),
    "ray_tracing": ("ray_tracing.png",),
    "inverse_lighting": ("inverse_lighting.png",),
    "mirror": ("mirror.png",),
    "shadow_art": ("shadow_art.png", "shadow_art.gif"),
    "csg_inverse": ("csg_inverse.png",),
    "fit_sdf_multiview": ("fit_sdf_multiview.gif",),
    "latent_shapes": ("latent_shapes.gif", "latent_shapes.png"),
    "sigma_gamma": ("sigma_gamma.png", "sigma_gamma_gradients.png"),
    "deform_mesh": ("deform_mesh.gif", "deform_mesh.png"),
    "fit_colors": ("fit_colors.png",),
    "fit_image": ("fit_image.png",),
    "torch_layer": ("torch_layer.png",),
    "estimate_pose": ("estimate_pose.png",),
    "simulate_and_render": ("simulate_and_render.gif",),
    "metaballs": ("metaballs.gif",),
    "jelly_mpm": ("jelly_mpm.gif",),
    "rigid_body": ("rigid_body.gif",),
    "robot_arm": ("robot_arm.gif",),
    "sdf_in_simulation": ("sdf_in_simulation.gif",),
    "smoke_inverse": ("smoke_inverse.gif",),
    "error_bars": ("error_bars.png",),
    "view_dependence": ("view_dependence.png",),
    "nerf": ("nerf.png", "nerf.gif"),
    "single_image": ("single_image.png",),
    "dream": ("dream.png", "dream.gif"),
    "two_digits": ("two_digits.png", "two_digits.gif"),
}
"""The pictures that are taken from ``out/NAME/`` of each demo, under the same names."""

NEEDED = {"two_digits": ROOT.parent / "shared" / "data" / "networks" / "ddpm_mnist28_yichizz_starter.npz"}
"""The file without which a demo is left out, and its pictures stay as they are."""

RECONSTRUCTION = {"overview.png": "reconstruct.png", "comparison.png": "reconstruct_comparison.png"}
"""The pictures that are taken from ``out/demo/compared/mesh/``, which ``make demo`` writes, and their names here."""

COMPARED = {"comparison.png": "compare.png"}
"""Those that are taken from ``out/demo/compared/``."""

INSPECTED = {"photographs.png": "out/demo/images"}
"""The pictures that ``taichi-dr inspect`` draws, and of which posed images; ``make demo`` writes those."""

FIELDS = {"radiance_grid.png": ("grid", "depth.png")}
"""The pictures of radiance fields of the same images: the kind of ``reconstruct``, and which of its pictures."""

LIT = "light.png"
"""The picture of a car's light."""

PROGRAMS = {
    "kernels.png": "kernels.md/toon",
    "sdf.png": "sdf.md/picture",
    "sdf_grid.png": "sdf.md/grid",
    "volumes.png": "volumes.md/picture",
    "hash_grid.png": "volumes.md/hash_grid",
    "rays.png": "rays.md/picture",
    "spot.png": "rays.md/spot",
}
"""The pictures that programs of pages write, each under its own name and ``.png``."""

VIEWED = "viewer.png"
"""The picture of windows of ``taichi-dr view``, which ``viewer.py`` draws of what ``make demo`` writes."""

DREAMS = "dreamer.png", "dreams.png"
"""The pictures of what the package's diffusion model draws, and of what it leads to, with all parts and without."""


def take(source, name):
    """Copies the picture ``source`` into this folder."""
    shutil.copyfile(source, ROOT / "docs" / name)
    print(f"docs/{name}")


def draw(name, program):
    """Runs a program of a page, given as ``page/program``, and takes its picture."""
    page, _, program = program.partition("/")
    found = re.search(rf"```python\n# {program}\.py\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)
    folder = ROOT / "out" / page.removesuffix(".md")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{program}.py").write_text(found[1], encoding="utf-8")
    subprocess.run([sys.executable, f"{program}.py"], cwd=folder, check=True)
    take(folder / f"{program}.png", name)


def inspect(data, name):
    """Draws the cameras of a data set."""
    picture = ROOT / "out" / "demo" / "inspect.png"
    command = [sys.executable, "-m", "taichi_dr", "inspect", data, "--picture", str(picture)]
    subprocess.run(command, cwd=ROOT, check=True)
    take(picture, name)


def reconstruct(kind, picture, name):
    """Fits a radiance field to what ``make demo`` writes."""
    out = ROOT / "out" / "demo" / kind
    data = ROOT / "out" / "demo" / "images"
    options = [str(data), str(out), "--as", kind, "--steps", "1000", "--overwrite"]
    subprocess.run([sys.executable, "-m", "taichi_dr", "reconstruct", *options], cwd=ROOT, check=True)
    take(out / picture, name)


def light():
    """Finds the light of a car in the sun, and takes ``LIT``."""
    out = ROOT / "out" / "light"
    data, mesh, lit = (str(out / name) for name in ("images", "mesh", "lit"))
    for command in (
        ["dataset", "car", data, "--size", "256", "--lighting", "sun", "--raytrace"],
        ["reconstruct", data, mesh, "--as", "mesh"],
        ["reconstruct", data, lit, "--as", "light", "--init", mesh],
    ):
        subprocess.run([sys.executable, "-m", "taichi_dr", *command, "--overwrite"], cwd=ROOT, check=True)
    take(out / "lit" / LIT, LIT)


def view(compared):
    """Opens windows on what ``make demo`` writes; without Xvfb and xdotool the picture stays as it is."""
    if missing := [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]:
        print(f"{VIEWED} is left out: {' and '.join(missing)}: not installed")
        return
    picture = ROOT / "out" / "demo" / VIEWED
    shown = [ROOT / "out" / "demo" / "images", compared / "sdf", compared / "grid", picture]
    subprocess.run([sys.executable, "docs/viewer.py", *map(str, shown)], cwd=ROOT, check=True)
    take(picture, VIEWED)


def dream():
    """Draws samples of the package's diffusion model, and dreams, a row for each part that is left out."""
    samples = "import taichi_dr.torch.dreamer as d; from taichi_dr.jobs.dream.samples import write_samples as write; "
    samples += "import sys; write(sys.argv[1], d.load_dreamer(), 0)"
    subprocess.run([sys.executable, "-c", samples, str(ROOT / "docs" / DREAMS[0])], cwd=ROOT, check=True)
    out = ROOT / "out" / "dreams"
    for command in (["dream", str(out), "--pairs", "3"], ["table", str(out)]):
        subprocess.run([sys.executable, "benchmarks/dreaming.py", *command], cwd=ROOT, check=True)
    take(out / DREAMS[1], DREAMS[1])


def main():
    """Runs everything, one demo after the other."""
    compared = ROOT / "out" / "demo" / "compared"
    for folder, names in ((compared, COMPARED), (compared / "mesh", RECONSTRUCTION)):
        for name, own_name in names.items():
            source = folder / name
            if not source.exists():
                sys.exit(f"{source.relative_to(ROOT)}: no such file; run make demo first (make docs does)")
            take(source, own_name)
    for name, data in INSPECTED.items():
        inspect(data, name)
    view(compared)
    for name, (kind, picture) in FIELDS.items():
        reconstruct(kind, picture, name)
    light()
    for demo, names in DEMOS.items():
        if demo in NEEDED and not NEEDED[demo].exists():
            print(f"{demo} is left out: {NEEDED[demo]}: no such file")
            continue
        subprocess.run([sys.executable, f"demos/{demo}.py"], cwd=ROOT, check=True)
        for name in names:
            take(ROOT / "out" / demo / name, name)
    for name, program in PROGRAMS.items():
        draw(name, program)
    dream()


if __name__ == "__main__":
    main()
