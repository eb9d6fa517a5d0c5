"""Layers of a project: seen wherever those of the language are, and run only where the project asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support import run_here
from vnasdsl.elaborate import load
from vnasdsl.elaborate.project_layers import LayerFile, catalogue_of
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.lsp.completion import candidates
from vnasdsl.lsp.documents import Documents, analyse
from vnasdsl.lsp.hover import hover
from vnasdsl.searching.evolve.trial import network_of
from vnasdsl.train import launch
from vnasdsl.train.generated import build

SETTINGS = '[tool.vnasdsl]\nlayers = ["own/mine.py"]\n'
MINE = """
from vnasdsl.custom import Applied, Field, FunctionCode, Layer, LayerError, ModuleCode, Parameter

SOURCE = '''
class Gain(nn.Module):
    def __init__(self, channels: int, mode: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        factor = self.weight.exp() if self.mode == "steep" else self.weight
        return x * factor.view(-1, 1, 1, 1)
'''

def gain(arguments, shape):
    if shape[0] > 64:
        raise LayerError(f"`gain` takes 64 channels, not {shape[0]}", "use fewer")
    fields = (Field("channels", shape[0], positional=True), Field("mode", arguments["mode"]))
    return Applied(shape, params=shape[0], code=ModuleCode("Gain", fields, ("weight",)))

def top(arguments, shapes, classes):
    return Applied(shapes[0], code=FunctionCode("torch.stack([{xs}]).amax(0)"))

GAIN = Layer("gain", "channels times numbers", (Parameter("mode", "word", "even", "how", ("even", "steep")),), gain,
              source=SOURCE)
TOP = Layer("top", "the greatest of its inputs", (), join=top)
"""
TEXT = """block unit(mode) {
  conv(8, 1x3x3) -> gain(mode)
}

network n {
  input clip = video(frames=2, size=8, classes=3)
  a = unit(steep)
  b = a -> relu -> gain
  top(a, b) -> pool -> linear(classes)
}
"""


def project(folder: Path, mine: str = MINE, settings: str = SETTINGS, text: str = TEXT) -> Path:
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "mine.py").write_text(mine, encoding="utf-8")
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    (folder / "net.vns").write_text(text, encoding="utf-8")
    return folder / "net.vns"


def test_code_computes_what_the_layers_say(tmp_path: Path) -> None:
    network = load(project(tmp_path)).get()
    module = build(network)
    x = torch.randn(2, 3, 2, 8, 8)
    with torch.no_grad():  # no factor is 1 any more
        weights = {name: w.uniform_(0.5, 2) for name, w in module.named_parameters()}
    assert network.params[0] == sum(p.numel() for p in weights.values()) == 8 * 27 + 16 + 27
    a = torch.nn.functional.conv3d(x, weights["a.conv.weight"], padding=(0, 1, 1))
    a = a * weights["a.gain.weight"].exp().view(-1, 1, 1, 1)
    second = next(w for name, w in weights.items() if w.shape == (8,) and not name.startswith("a."))
    b = a.relu() * second.view(-1, 1, 1, 1)
    expected = module.linear(torch.maximum(a, b).mean(dim=(2, 3, 4)))
    torch.testing.assert_close(module(x), expected)


def test_check_says_what_it_ran_and_other_commands_know_the_layers(tmp_path: Path) -> None:
    project(tmp_path)
    checked = run_here("check", "net.vns", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "ran own/mine.py, which `layers` of [tool.vnasdsl] names\n")
    assert "mode=even" in run_here("show", "net.vns", "--layers", cwd=tmp_path).stdout
    assert "gain(mode=even)  (of this project)" in run_here("layers", cwd=tmp_path).stdout
    assert "the greatest of its inputs" in run_here("layers", "top", cwd=tmp_path).stdout
    (tmp_path / "other.vns").write_text(TEXT.replace("unit(steep)", "unit(even)"), encoding="utf-8")
    assert "unit(steep) -> a = unit(even)" in run_here("diff", "net.vns", "other.vns", cwd=tmp_path).stdout
    assert run_here("draw", "net.vns", "-o", "n.svg", cwd=tmp_path).returncode == 0


def test_without_the_line_nothing_is_run(tmp_path: Path) -> None:
    trap = 'from pathlib import Path\nPath(__file__ if "__file__" in globals() else "ran").with_name("ran").touch()\n'
    for settings in ("", "[tool.vnasdsl]\nspace = 'net.vns'\n", "[tool.other]\nlayers = ['own/mine.py']\n"):
        folder = tmp_path / str(len(settings))
        project(folder, f"raise SystemExit\n{trap}", settings)
        result = run_here("check", "net.vns", cwd=folder)
        assert result.returncode == 1 and "unknown layer or block `gain`" in result.stderr
        assert "ran " not in result.stderr and not list(folder.rglob("ran"))


FAULTS = {
    "syntax": ("def rule(:\n", "`own/mine.py`, line 1: invalid syntax"),
    "exception": (
        "x = 1\ny = x // 0\n",
        "`own/mine.py`, line 2: ZeroDivisionError: integer division or modulo by zero",
    ),
    "exit": ("raise SystemExit(3)\n", "`own/mine.py`, line 1: SystemExit: 3"),
    "missing module": ("import no_such_module_\n", "`own/mine.py`, line 1: ModuleNotFoundError: No module named"),
    "itself": ("import mine\n", "`own/mine.py` imports `mine`, a layer file"),
    "no layer": ("X = 1\n", "`own/mine.py` defines no layer"),
    "twice": (MINE.replace('"top"', '"gain"'), "`own/mine.py` defines the layer `gain` twice"),
    "a layer's name": (
        MINE.replace('"top"', '"conv"'),
        "`own/mine.py` defines `conv`, which is a layer of the language",
    ),
    "a word": (MINE.replace('"top"', '"same"'), "`own/mine.py` defines `same`, which is a word of the language"),
    "no name": (MINE.replace('"top"', '"to p"'), "'to p' cannot be the name of a layer"),
    "kind": (MINE.replace('"word", "even"', '"wort", "even"'), "the parameter `mode` of `gain` has the kind 'wort'"),
    "no rule": (MINE.replace("(), join=top", "()"), "`top` needs one of `rule`, `join` and `body`"),
    "class of vnasdsl": (
        MINE.replace("class Gain", "class ContextGate"),
        "the class `ContextGate` of `gain` is one of",
    ),
    "statement": (MINE.replace("class Gain", "import os\nclass Gain"), "the source of `gain` has `import os`"),
    "source": (MINE.replace("class Gain(", "class Gain(("), "`own/mine.py`: line"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_layer_file_that_cannot_be_used_is_one_error(fault: str, tmp_path: Path) -> None:
    mine, message = FAULTS[fault]
    project(tmp_path, mine)
    result = run_here("check", "net.vns", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("error") == 1 and message in result.stderr, result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            '[tool.vnasdsl]\nlayers = ["../mine.py"]\n',
            "`../mine.py` in `layers` of [tool.vnasdsl] is outside the project",
        ),
        ('[tool.vnasdsl]\nlayers = ["nowhere.py"]\n', "the layer file `nowhere.py` cannot be read: No such file"),
        ('[tool.vnasdsl]\nlayers = "own/mine.py"\n', "`layers` in [tool.vnasdsl]"),
    ],
)
def test_layer_files_lie_in_the_project(settings: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    project(tmp_path / "inside", settings=settings)
    result = run_here("check", "net.vns", cwd=tmp_path / "inside")
    assert result.returncode == 1 and message in result.stderr


def test_files_that_import_each_other_are_refused() -> None:
    with pytest.raises(UserError, match=r"`a\.py` imports `b`, a layer file"):
        catalogue_of((LayerFile("a.py", "import b\n"), LayerFile("b.py", "import a\n")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("if shape[0] > 64", "if shape[0] > 6", "`gain` takes 64 channels, not 8"),
        (
            "if shape[0] > 64",
            "if shape[9] > 6",
            "`gain` fails: `own/mine.py`, line 17: IndexError: tuple index out of",
        ),
        ("return Applied(shape, params", "return Applied((0,), params", "`gain` in `own/mine.py` gives (0,)"),
        ("return Applied(shape, params=shape[0]", "return (shape", "SyntaxError"),
    ],
)
def test_a_rule_that_fails_is_shown_at_its_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = project(tmp_path, MINE.replace(old, new))
    if message == "SyntaxError":
        with pytest.raises(UserError, match=r"`own/mine.py`, line \d+"):
            load(path)
        return
    with pytest.raises(VnsError) as raised:
        load(path)
    assert {d.code for d in raised.value.diagnostics} == {"E0420"}
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("params=shape[0]", "params=shape[0] + 1", "`a.gain` has 8 parameters, its rule says 9"),
        ("params=shape[0]", "params=shape[0], macs=5", "`a.gain` has 0 MACs, its rule says 5"),
        ('("weight",)', '("bias",)', "`a.gain` has the tensors weight, its rule names bias"),
        (
            "return x * factor",
            "return x[:, :, :, ::2, ::2] * factor",
            "`a.gain` gives 8 x 2 x 4 x 4, its rule says 8 x 2 x 8",
        ),
        ("self.weight.exp()", "self.weight.expp()", "`a.gain` fails as it runs: AttributeError"),
        ("torch.ones(channels)", "torch.oness(channels)", "the code of `n` cannot be built: AttributeError"),
    ],
)
def test_verify_names_the_layer_that_lies(old: str, new: str, message: str, tmp_path: Path) -> None:
    project(tmp_path, MINE.replace(old, new))
    result = run_here("compile", "--verify", "net.vns", cwd=tmp_path)
    assert result.returncode == 1 and message in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "generated").exists()


def test_words_of_a_layer_are_known_where_it_takes_them_alone(tmp_path: Path) -> None:
    text = (
        TEXT.replace("unit(steep)", "unit(stepe)")
        .replace("conv(8,", "conv(steep,")
        .replace("-> gain\n", "-> gain(up)\n")
    )
    path = project(tmp_path, text=text)
    with pytest.raises(VnsError) as raised:
        load(path)
    found = [d.message for d in raised.value.diagnostics]
    assert len(found) == 3
    assert "unknown name `stepe`" in found
    assert "`channels` of `conv` must be a whole number, `same` or `classes`, found `steep`" in found
    assert "`mode` of `gain` must be `even` or `steep`, found `up`" in found


def test_a_trial_in_another_process_gets_the_files_with_it(tmp_path: Path) -> None:
    network = load(project(tmp_path)).get()
    files = network.definitions.catalogue.files
    assert [file.name for file in files] == ["own/mine.py"]
    assert network_of(network.text(), 3, files).params == network.params


def test_a_rank_of_a_training_on_several_devices_gets_the_files_with_the_network(tmp_path: Path) -> None:
    network = load(project(tmp_path)).get()
    (tmp_path / "own" / "mine.py").unlink()
    again = launch.ForkingPickler.loads(launch.ForkingPickler.dumps(network))
    assert again is not network
    assert (again.macs, again.params) == (network.macs, network.params)
    assert list(build(again).state_dict()) == list(build(network).state_dict())


def test_projects_in_one_editor_do_not_mix(tmp_path: Path) -> None:
    first = project(tmp_path / "first")
    second = project(tmp_path / "second", MINE.replace('"gain"', '"stretch"'), text=TEXT.replace("gain", "stretch"))
    third = project(tmp_path / "third", "import nothing_\n")
    documents = Documents()
    texts = {path: documents.put(path.as_uri(), path.read_text(), 1) for path in (first, second, third)}
    assert analyse(documents, texts[first]).diagnostics == ()
    assert analyse(documents, texts[second]).diagnostics == ()
    fault = analyse(documents, texts[third]).diagnostics[0]
    assert fault.code == "E0420" and "ModuleNotFoundError" in fault.message
    here = texts[first].source.text.index("gain(mode)")
    labels = {path: {c.label for c in candidates(documents, texts[path], here)[1]} for path in (first, second)}
    assert "gain" in labels[first] and "stretch" not in labels[first]
    assert "stretch" in labels[second] and "gain" not in labels[second]
    shown = hover(documents, texts[first], None, here + 1)
    assert shown is not None and "channels times numbers" in shown[1]


def test_a_changed_layer_file_counts_at_once(tmp_path: Path) -> None:
    path = project(tmp_path)
    assert load(path).get().params[0] == 8 * 27 + 16 + 27
    (tmp_path / "own" / "mine.py").write_text(MINE.replace("params=shape[0]", "params=1000"), encoding="utf-8")
    assert load(path).get().params[0] == 8 * 27 + 2000 + 27
