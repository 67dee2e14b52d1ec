"""The ``taichi-dr`` command: arguments in, one call of ``taichi_dr.jobs``, a few lines and an exit code out.

Exit codes: 0 done, 1 a check of ``doctor`` failed, 2 an error (the last lines say which), 130 ended by Ctrl-C.
"""

import atexit
import gc
import inspect
import os
import shutil
import sys
import textwrap
import warnings
from contextlib import contextmanager
from typing import Annotated, Union

import tyro

from taichi_dr.errors import Error, InputError, shortened
from taichi_dr.jobs.reconstruct import kinds
from taichi_dr.jobs.settings.compare import CompareSettings
from taichi_dr.jobs.settings.compare_mesh import CompareMeshSettings
from taichi_dr.jobs.settings.convert import ConvertSettings
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.doctor import DoctorSettings
from taichi_dr.jobs.settings.dream import DreamSettings
from taichi_dr.jobs.settings.inspect import InspectSettings
from taichi_dr.jobs.settings.network import NetworkSettings
from taichi_dr.jobs.settings.reconstruct import ReconstructSettings
from taichi_dr.jobs.settings.render import RenderSettings
from taichi_dr.jobs.settings.train_dreamer import TrainDreamerSettings
from taichi_dr.jobs.settings.train_reconstructor import TrainReconstructorSettings
from taichi_dr.jobs.settings.view import ViewSettings
from taichi_dr.jobs.terminal import interrupt, streams
from taichi_dr.version import __version__

DESCRIPTION = f"""taichi_dr {__version__}: differentiable rendering in Taichi.

From images to a mesh:
  taichi-dr dataset car out/car               posed images of a mesh (or of a shape)
  taichi-dr reconstruct out/car out/car-mesh  a mesh from posed images
  taichi-dr inspect photographs               what is understood of images with cameras
  taichi-dr convert photographs out/photos    such images in the format of NeRF
  taichi-dr compare out/car out/car-compared  mesh, SDF and radiance fields side by side
  taichi-dr render out/car-mesh/mesh.obj car.png --turntable car.gif
  taichi-dr compare-mesh out/car-mesh/mesh.obj car
                                              how far its shape is from the true one
  taichi-dr view out/car-mesh                 a window to look around in
  taichi-dr doctor                            what works on this machine

From one image to a mesh:
  taichi-dr reconstruct chair.png out/chair --as network
  taichi-dr train-reconstructor out/shapes out/model
                                              another network for that

From words to a mesh:
  taichi-dr dream "a small red torus" out/torus
  taichi-dr train-dreamer out/dreamer         another diffusion model for that

taichi-dr COMMAND --help explains each; taichi-dr --version prints the version.

Exit codes: 0 done, 1 a check of doctor failed, 2 an error (the last lines say which), 130 ended by Ctrl-C."""

COMMANDS = {
    "dataset": (DatasetSettings, "Posed images of a mesh."),
    "reconstruct": (ReconstructSettings, "A mesh from posed images."),
    "compare": (CompareSettings, "Mesh, SDF and radiance fields of the same images."),
    "inspect": (InspectSettings, "What is understood of posed images."),
    "convert": (ConvertSettings, "Posed images of any format in that of NeRF."),
    "render": (RenderSettings, "An image of a mesh."),
    "view": (ViewSettings, "A window to look around in."),
    "compare-mesh": (CompareMeshSettings, "How far two shapes differ in 3-D."),
    "train-reconstructor": (TrainReconstructorSettings, "A network that makes a mesh of one image."),
    "dream": (DreamSettings, "A mesh from words, by score distillation."),
    "train-dreamer": (TrainDreamerSettings, "A diffusion model that knows words."),
    "doctor": (DoctorSettings, "What works on this machine."),
}
NETWORK = "network"  # --as which takes one image and no steps, so that it is no kind
SHARED = ("reconstruct", "train-reconstructor")  # commands that several processes can do together
MARKERS = (tyro.conf.PositionalMetavarFromFieldName, tyro.conf.FlagCreatePairsOff)

BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report it
WIDEST = 100  # columns of a help text


def run(arguments=None):
    """Runs the command line (``sys.argv`` by default) and ends the process with its code.

    Without taking down every module and array first, which takes Python a third of a second.
    """
    gc.disable()
    code = main(arguments)
    interrupt.end_at_once()
    if "taichi" in sys.modules:
        sys.modules["taichi"].reset()  # keeps what was compiled for the next process
    atexit._run_exitfuncs()
    os._exit(code)


def main(arguments=None):
    """Runs the command line and returns its exit code."""
    streams.make_printable()
    warnings.showwarning = _show_warning
    warnings.filterwarnings("ignore", category=SyntaxWarning, module="taichi")
    arguments = sys.argv[1:] if arguments is None else arguments
    if _processes() > 1 and os.environ.get("RANK") != "0":
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  for the rest of the process: one of several talks
        warnings.simplefilter("ignore")
    try:
        if arguments == ["--version"]:
            print(f"taichi-dr {__version__}", flush=True)
            return 0
        settings = _parse(arguments)
        settings.check()
        if _processes() > 1 and (arguments[0] not in SHARED or isinstance(settings, NetworkSettings)):
            raise InputError(f"taichi-dr {arguments[0]}: made by one process, and {_processes()} were started")
        print(settings.title, flush=True)  # at once: what does it takes a second to import
        code = _ACTIONS[arguments[0]](settings)
        sys.stdout.flush()
        return code
    except Error as error:
        print(f"taichi-dr: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(interrupt.FAREWELL, end="", file=sys.stderr)
        return interrupt.INTERRUPTED
    except BrokenPipeError:  # who read the output has gone, as head does; Python would write the rest at its end
        streams.abandon(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:  # the output cannot be written: files have errors of their own
        streams.abandon(sys.stdout)
        found = shortened(f"{error.filename or 'the output'}: {error.strerror or error}")
        print(f"taichi-dr: error: {found}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"taichi-dr: error: more memory is needed than there is: {error}", file=sys.stderr)
        return 2


def _parse(arguments):
    """The settings of the command in ``arguments``; exits after ``--help`` and for arguments that make no sense.

    Raises:
        InputError: ``reconstruct --as`` something that is no kind, or ``--init`` of one that begins with nothing.
    """
    command = arguments[0] if arguments else None
    settings = _settings_class(command, arguments)
    if {"-h", "--help"} & {*arguments}:  # tyro would join the lines of paragraphs
        print(_filled(settings.__doc__ if settings else DESCRIPTION), end="\n\n")
        if settings is ReconstructSettings:
            print(_filled(_kinds()), end="\n\n")
    elif issubclass(settings or object, ReconstructSettings):
        _check_init(settings, arguments)
    if settings:
        return tyro.cli(settings, prog=f"taichi-dr {command}", description="", args=arguments[1:], config=MARKERS)
    every = [Annotated[kind, tyro.conf.subcommand(name, description=brief)] for name, (kind, brief) in COMMANDS.items()]
    return tyro.cli(Union[tuple(every)], prog="taichi-dr", description="", args=arguments)  # noqa: UP007


def _settings_class(command, arguments):
    """What the options of a command make, None if it is no command; for ``reconstruct``, the settings of the kind.

    ``reconstruct --help`` is about all kinds, unless it names one.
    """
    if command != "reconstruct":
        return COMMANDS.get(command, (None, ""))[0]
    named = [value for option, value in zip(arguments, [*arguments[1:], None], strict=True) if option == "--as"]
    named += [argument.removeprefix("--as=") for argument in arguments if argument.startswith("--as=")]
    if {"-h", "--help"} & {*arguments} and not named:
        return ReconstructSettings
    if named and named[-1] == NETWORK:
        return NetworkSettings
    return kinds.settings_class(named[-1] if named and named[-1] else kinds.DEFAULT)


def _check_init(settings, arguments):
    """Raises InputError for ``--init`` of a kind that does not have it."""
    asked = any(argument.partition("=")[0] == "--init" for argument in arguments)
    if asked and settings is not ReconstructSettings and not hasattr(settings, "init"):
        able = [name for name in kinds.KINDS if hasattr(kinds.settings_class(name), "init")]
        raise InputError(
            f"--as {settings.kind}: has no --init, its numbers mean nothing but to itself and begin at random: expected"
            f" --as {' or '.join(able)} to begin with another's result; --resume goes on with a run of its own"
        )


def _kinds():
    """What can be reconstructed, and how to see the options."""
    lines = [f"  --as {name:<12}{entry.brief}" for name, entry in kinds.KINDS.items()]
    lines[0] += " (the default)"
    more = f"taichi-dr reconstruct --as {kinds.DEFAULT} --help shows all options of a kind; these every kind has:"
    single = [
        "from one image:",
        f"  --as {NETWORK:<12}a mesh with vertex colours, by a network; has options of its own",
    ]
    return "\n".join(["kinds:", *lines, "", *single, "", more])


def _filled(text):
    """The paragraphs of a docstring as wide as the terminal; those with indented lines stay as they are."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(part if "\n  " in part else textwrap.fill(" ".join(part.split()), width) for part in parts)


def _processes():
    """How many processes torchrun has started to do this together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def _ranks():
    """The processes that do this together, or this one alone."""
    if _processes() == 1:
        from taichi_dr.ranks import ALONE

        return ALONE
    with _torch_at_hand():
        from taichi_dr.torch.distributed import Processes
    return Processes()


def _begin():
    """Ends the time of imports."""
    interrupt.raise_again()
    if not gc.isenabled():
        gc.freeze()  # modules are no garbage: looking at them again and again takes a tenth of a short run
        gc.enable()


def _dataset(settings):
    from taichi_dr.jobs.dataset import make_dataset

    _begin()
    made = make_dataset(settings)
    print(f"{made.views} training and {made.test_views} test images of {settings.mesh} ({made.mesh}): {made.folder}")
    return 0


def _reconstruct(settings):
    if isinstance(settings, NetworkSettings):
        return _reconstruct_image(settings)
    from taichi_dr.jobs.reconstruct.run import reconstruct
    from taichi_dr.jobs.terminal.listener import Terminal

    kinds.kind_class(settings.kind)  # imports it
    _begin()
    ranks = _ranks()
    if not ranks.leads:
        reconstruct(settings, ranks=ranks)
        return 0
    with Terminal() as terminal, _watching(settings) as watchers:
        summary = reconstruct(settings, terminal, *watchers, ranks=ranks)
    if summary.interrupted:
        print("Interrupted: everything reached so far is kept; --resume continues.")
    print("\n".join(summary.lines()))
    return interrupt.INTERRUPTED if summary.interrupted else 0


@contextmanager
def _watching(settings):
    """The listeners that ``--view`` asks for."""
    if not settings.view:
        yield ()
        return
    from taichi_dr.gui.windows.display import require_display
    from taichi_dr.jobs.view.watch import Watch

    require_display()
    with Watch() as watch:
        yield (watch,)
    print(f"--view: {watch.drawn} pictures drawn in {watch.spent:.1f} s")


def _reconstruct_image(settings):
    with _torch_at_hand():
        from taichi_dr.jobs.single_image.reconstruct import reconstruct_image

    _begin()
    made = reconstruct_image(settings)
    found, out = made.metrics, made.folder
    print(f"fits best from {found['azimuth_deg']:.0f} degrees, silhouettes overlap by {found['silhouette_iou']:.2f}")
    print(f"files:           {', '.join(str(out / name) for name in found['files'])}")
    return 0


def _train_reconstructor(settings):
    with _torch_at_hand():
        from taichi_dr.jobs.single_image.train import train_reconstructor

    _begin()
    ranks = _ranks()
    made = train_reconstructor(settings, ranks)
    if not ranks.leads:
        return 0
    found, out = made.metrics, made.folder
    if made.interrupted:
        print("Interrupted: everything reached so far is kept; --resume continues.")
    print(f"{found['steps']} steps in {found['seconds']:.0f} s")
    print(f"{found['held_out_shapes']} held-out shapes: voxel IoU {found['held_out_voxel_iou']:.3f}")
    print(f"network:         {out / 'model.npz'}")
    print(f"report:          {', '.join(str(out / name) for name in ('examples.png', 'losses.png', 'metrics.json'))}")
    return interrupt.INTERRUPTED if made.interrupted else 0


def _dream(settings):
    with _torch_at_hand():
        from taichi_dr.jobs.dream.run import dream

    _begin()
    made = dream(settings)
    found, out = made.metrics, made.folder
    if made.interrupted:
        print("Interrupted: everything reached so far is kept; --resume continues.")
    size = f"{found['vertices']:,} vertices, {found['faces']:,} faces" if found["faces"] else "no mesh"
    print(f"{found['steps']} steps in {found['seconds']:.0f} s on {found['backend']}: {size}")
    if found["collapsed"]:
        print(f"It has collapsed: {found['covered']:.0%} of its pictures are covered. Another --seed may do better.")
    print(f"files:           {', '.join(str(out / name) for name in found['files'])}")
    return interrupt.INTERRUPTED if made.interrupted else 0


def _train_dreamer(settings):
    with _torch_at_hand():
        from taichi_dr.jobs.dream.train import train_dreamer

    _begin()
    made = train_dreamer(settings)
    found, out = made.metrics, made.folder
    if made.interrupted:
        print("Interrupted: everything reached so far is kept; --resume continues.")
    print(f"{found['steps']} steps in {found['seconds']:.0f} s")
    seen, unseen = found["loss_of_seen_pairs"], found["loss_of_unseen_pairs"]
    print(f"loss from other sides: {seen:.4f} of pairs that training has shown, {unseen:.4f} of those that it has not")
    print(f"model:           {out / 'model.npz'}")
    print(f"report:          {', '.join(str(out / name) for name in ('samples.png', 'losses.png', 'metrics.json'))}")
    return interrupt.INTERRUPTED if made.interrupted else 0


@contextmanager
def _torch_at_hand():
    """Says in one line what is missing if torch is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError(str(error)) from error


def _inspect(settings):
    from taichi_dr.jobs.inspect import inspect as inspect_images

    _begin()
    inspect_images(settings)
    print(f"picture: {settings.picture}")
    return 0


def _convert(settings):
    from taichi_dr.jobs.convert import convert

    _begin()
    counts = " and ".join(f"{len(posed)} {split}" for split, posed in convert(settings).items())
    print(f"{counts} images: {settings.out}")
    return 0


def _render(settings):
    from taichi_dr.jobs.render import render_picture

    _begin()
    for path in render_picture(settings):
        print(path)
    return 0


def _compare(settings):
    from taichi_dr.jobs.compare.run import compare
    from taichi_dr.jobs.terminal.listener import Terminal

    _begin()
    with Terminal() as terminal:
        summary = compare(settings, terminal)
    if summary.interrupted:
        print("Interrupted: the page shows what there is; the same command without --overwrite goes on.")
    print("\n".join(summary.lines()))
    return interrupt.INTERRUPTED if summary.interrupted else 0


def _view(settings):
    from taichi_dr.jobs.view.run import view

    _begin()
    if (path := view(settings)) is not None:
        print(path)
    return 0


def _compare_mesh(settings):
    from taichi_dr.jobs.compare_mesh import judge

    _begin()
    judge(settings)
    return 0


def _doctor(settings):
    from taichi_dr.jobs.doctor import examine

    _begin()
    return 0 if examine(settings) else 1


_ACTIONS = {
    "dataset": _dataset,
    "reconstruct": _reconstruct,
    "inspect": _inspect,
    "convert": _convert,
    "render": _render,
    "view": _view,
    "compare": _compare,
    "compare-mesh": _compare_mesh,
    "train-reconstructor": _train_reconstructor,
    "dream": _dream,
    "train-dreamer": _train_dreamer,
    "doctor": _doctor,
}


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"taichi-dr: warning: {shortened(str(message))}", file=sys.stderr)
