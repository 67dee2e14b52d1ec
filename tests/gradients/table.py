"""All operations, what is demanded of them, and the page that shows what was measured."""

from dataclasses import dataclass, field

import numpy as np

from tests.gradients import losses, march, rays, renderers, stages, volume

OPERATIONS = [
    *stages.OPERATIONS,
    *renderers.OPERATIONS,
    *march.OPERATIONS,
    *volume.OPERATIONS,
    *rays.OPERATIONS,
    *losses.OPERATIONS,
]

BACKENDS = {
    "cpu64": ("CPU float64", "cpu", True, 1e-5),
    "cpu32": ("CPU float32", "cpu", False, 1e-3),
    "vulkan": ("Vulkan float32", "vulkan", False, 1e-3),
    "cuda": ("CUDA float32", "cuda", False, 1e-3),
}
"""Title, architecture, double precision, and the largest relative error allowed."""

INTRODUCTION = """# Gradients

Every differentiable operation of the package, by every input, against central differences. `make gradients` measures
all of it and writes this page; a part of it runs in `make test`.

* Differences are taken in double precision on the CPU, with steps of 1e-6 and half of that, extrapolated (Richardson);
  gradients are computed on every backend at the same inputs, which single precision holds exactly.
* Each case compares derivatives along two random directions, along the component with the largest gradient and along a
  random one. The **error** is |gradient · direction − difference| relative to the difference or to the gradient's
  largest entry, whichever is larger (1e-3 at least).
* A cell shows the median of the cases and, in brackets, the worst one. Allowed are {limits};
  a number above that would be **bold**.
* Outputs are weighted with random numbers and added up, so that each counts.
* **no** marks what is not differentiated, and says why.

{cases} cases, {entries} pairs of operation and input, measured with version {version} on
{backends}.{missing}
"""


@dataclass
class Entry:
    """One row: an operation and an input, with the errors of its cases by backend."""

    group: str
    operation: str
    input: str
    errors: dict = field(default_factory=dict)  # backend -> {case: error}

    def cell(self, backend):
        """Median and worst error on a backend; a dash where nothing was measured."""
        errors = list(self.errors.get(backend, {}).values())
        if not errors:
            return "–"
        worst = max(errors)
        text = f"{rounded_up(np.median(errors))} ({rounded_up(worst)})"
        return f"**{text}**" if worst > BACKENDS[backend][3] else text

    def worst_case(self):
        """The case whose error takes the largest part of what is allowed."""
        parts = [
            (error / BACKENDS[backend][3], case)
            for backend, errors in self.errors.items()
            for case, error in errors.items()
        ]
        return max(parts)[1]


def entries(measured):
    """The rows, in the order of the operations, from ``{backend: {(group, operation, case): {input: error}}}``."""
    rows = {}
    for backend, cases in measured.items():
        for (group, operation, case), errors in cases.items():
            for name, error in errors.items():
                row = rows.setdefault((group, operation, name), Entry(group, operation, name))
                row.errors.setdefault(backend, {})[case] = error
    return list(rows.values())


def page(measured, version):
    """The text of docs/GRADIENTS.md."""
    rows = entries(measured)
    backends = [name for name in BACKENDS if name in measured]
    missing = [BACKENDS[name][0] for name in BACKENDS if name not in measured]
    fewer = [name for name in backends if len(measured[name]) < len(measured[backends[0]])]
    text = INTRODUCTION.format(
        limits="1e-5 in float64 and 1e-3 in float32",
        cases=sum(len(operation.cases) for operation in OPERATIONS),
        entries=len(rows),
        version=version,
        backends=", ".join(BACKENDS[name][0] for name in backends),
        missing=(f" Not run: {', '.join(missing)}, of which this machine has none." if missing else "")
        + "".join(f" {BACKENDS[name][0]}: {len(measured[name])} of the cases." for name in fewer),
    )
    for group in dict.fromkeys(operation.group for operation in OPERATIONS):
        text += f"\n## {group[0].upper()}{group[1:]}\n\n"
        titles = ["operation", "input", "cases", *(BACKENDS[name][0] for name in backends), "worst case"]
        text += _line(titles) + _line(["---"] * len(titles))
        for operation in (operation for operation in OPERATIONS if operation.group == group):
            own = [row for row in rows if (row.group, row.operation) == (group, operation.name)]
            for row in own:
                cells = [row.cell(name) for name in backends]
                text += _line(
                    [_code(operation.name), row.input, len(row.errors[backends[0]]), *cells, row.worst_case()]
                )
            for what, why in operation.constant.items():
                text += _line([_code(operation.name), what, "", f"no: {why}", *[""] * len(backends)])
    return text


def too_large(measured):
    """Descriptions of the errors that are larger than allowed."""
    return [
        f"{backend}: {' / '.join(key)}: {name}: {error:.1e}"
        for backend, cases in measured.items()
        for key, errors in cases.items()
        for name, error in errors.items()
        if not error <= BACKENDS[backend][3]
    ]


def rounded_up(error):
    """One digit, never less than the error."""
    if error == 0:
        return "0"
    exponent = int(np.floor(np.log10(error)))
    digit = int(np.ceil(error / 10.0**exponent - 1e-9))
    return f"1e{exponent + 1}" if digit == 10 else f"{digit}e{exponent}"


def _line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _code(name):
    return f"`{name}`"
