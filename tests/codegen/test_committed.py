"""The committed generated files: they cost what they say, run without vnasdsl, and are as the formatter leaves them."""

from __future__ import annotations

import ast
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child, read, run
from tests.support import ROOT, cli_environment, shipped_space, some_slow
from vnasdsl.codegen.outputs import compile_space
from vnasdsl.codegen.render import is_ours
from vnasdsl.elaborate import Space, load
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.program import is_relaxed
from vnasdsl.language import tree
from vnasdsl.language.files import read_source
from vnasdsl.language.parser import parse_partial

GENERATED = sorted((ROOT / "generated").glob("*.py"))
SPACES = sorted((ROOT / "spaces").glob("*.vns"))


@cache
def expected() -> dict[str, Path]:
    """File name -> the text it is made from; spaces that a recipe searches in another way have no supernet. Only read,
    not worked out: some spaces take seconds."""
    found = {}
    for path in SPACES:
        module, _ = parse_partial(read_source(path))
        assert module is not None
        recipes = {item.name: item for item in module.items if isinstance(item, tree.Recipe)}
        for item in module.items:
            if isinstance(item, tree.Network):
                found[f"{item.name}.py"] = path
            elif isinstance(item, tree.Space) and is_relaxed(item.name, Definitions(recipes=recipes)) is not False:
                found[f"{item.name}_supernet.py"] = path
    return found


NETWORKS = [path.name for path in GENERATED if not path.name.endswith("_supernet.py")]
SUPERNETS = [path.name for path in GENERATED if path.name.endswith("_supernet.py")]


@cache
def source(name: str) -> Space:
    """What a file was made from."""
    return load(expected()[name]).get(name.removesuffix(".py").removesuffix("_supernet"))


def text_of(name: str) -> str:
    return (ROOT / "generated" / name).read_text(encoding="utf-8")


def flops(model: torch.nn.Module, space: Space) -> int:
    """Twice the multiply-adds of one clip, by torch's count."""
    with torch.device("meta"):
        given = [torch.empty(1, *one.shape) for one in space.inputs.given]
    with FlopCounterMode(display=False) as counter:
        logits = model.eval()(*given)
    assert logits.shape == (1, space.input.classes)
    return int(counter.get_total_flops())


def test_every_space_and_network_is_committed_and_nothing_else() -> None:
    assert [path.name for path in GENERATED] == sorted(expected())
    assert NETWORKS and SUPERNETS


@pytest.mark.parametrize("name", [path.name for path in GENERATED])
def test_what_is_committed_is_what_the_compiler_writes(name: str) -> None:
    assert compile_space(source(name), f"spaces/{expected()[name].name}") == (name, text_of(name))


LARGE = ("assemblenet50.py", "assemblenet101.py", "assemblenet_plus50.py", "peng2019_supernet.py", "ofa3d_supernet.py")


@pytest.mark.parametrize("name", some_slow(NETWORKS, LARGE))
def test_the_flop_counter_and_the_parameters_agree(name: str) -> None:
    space, text = source(name), text_of(name)
    with torch.device("meta"):
        model = run(text)["Network"]()
    assert flops(model, space) == 2 * space.macs[0]
    assert sum(p.numel() for p in model.parameters()) == space.params[0]
    for figure in (space.macs[0], space.params[0]):
        assert f"{figure:,}".replace(",", " ") in text


@pytest.mark.parametrize("name", some_slow(SUPERNETS, LARGE))
def test_flops_of_networks_drawn_from_the_space_of_a_supernet(name: str) -> None:
    drawn = random.Random(7)
    for _ in range(2):
        way = source(name).sample(drawn)
        with torch.device("meta"):
            model = child(source(name), way)
        assert flops(model, source(name)) == 2 * source(name).network(way).macs[0]


def test_the_supernet_of_x3d3_has_the_branches_of_the_paper() -> None:
    with torch.device("meta"):
        module = run((ROOT / "generated" / "x3d3_supernet.py").read_text())
        model = module["Supernet"]()
    stages = list(model.stages().values())
    heads = [len(candidate.heads) for stage in stages for candidate in stage.values()]
    assert [len(stage) for stage in stages] == [1, 3, 3, 4, 3, 4, 3]
    assert sum(heads) - 1 == 60
    assert sum(isinstance(m, module["Mixture"]) for m in model.modules()) == 93
    convolutions, norms, classifiers = 164_533_536, 237_440, 596_400  # worked out by hand from Tables 1 and 2
    assert sum(p.numel() for p in model.weight_parameters()) == convolutions + norms + classifiers


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_imports_only_torch_and_the_standard_library(path: Path) -> None:
    text = path.read_text()
    assert is_ours(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in ("torch", "math") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and (node.module or "").split(".")[0] == "torch"


def test_ruff_finds_nothing() -> None:
    for command in (["format", "--check", "--isolated", "--line-length", "120"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *map(str, GENERATED)], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_runs_where_vnasdsl_is_not(tmp_path: Path) -> None:
    """An interpreter that is told nothing but where torch lies."""
    for name in ("tiny_spatial.py", "tiny_supernet.py"):
        (tmp_path / name).write_bytes((ROOT / "generated" / name).read_bytes())
    packages = str(Path(torch.__file__).parent.parent)
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "vnasdsl":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
sys.path += [{str(tmp_path)!r}, {packages!r}]
import torch
torch.set_num_threads(1)
import tiny_spatial, tiny_supernet
clips = torch.randn(1, 3, 8, 32, 32)
print(tuple(tiny_spatial.Network().eval()(clips).shape), tuple(tiny_supernet.Supernet()(clips).shape))
assert "vnasdsl" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1, 8) (1, 8)"


def names(module: dict[str, Any], target: str) -> str:
    with torch.device("meta"):
        tensors = module[target]().state_dict()
    return "".join(f"{name} {'x'.join(map(str, tensor.shape)) or 'scalar'}\n" for name, tensor in tensors.items())


def test_names_of_tensors_are_frozen(golden: Callable[[str, str], None]) -> None:
    """Checkpoints are read by these names: a change here makes those of users unreadable."""
    for name, target in (("x3d3_k400.py", "Network"), ("tiny_supernet.py", "Supernet")):
        text = names(run((ROOT / "generated" / name).read_text()), target)
        golden(f"state_dict/{name.removesuffix('.py')}.txt", text)


def test_x3d3_k400_equals_a_network_written_by_hand() -> None:
    """At a small size with few classes: the layers one after the other, from its tensors."""
    from vnasdsl.elaborate import Overrides

    space = shipped_space("x3d3_k400", Overrides(frames=4, size=32, classes=5))
    model = run(compile_space(space, "x")[1])["Network"]().eval()
    generator = torch.Generator().manual_seed(0)
    t = model.state_dict()
    for name, tensor in t.items():
        if name.endswith(("running_mean", "running_var", "bn.weight", "bn2.weight")):
            tensor.add_(torch.rand(tensor.shape, generator=generator))
    x = clips = torch.randn(2, 3, 4, 32, 32, generator=generator)

    def conv_bn(x: torch.Tensor, at: str, number: str, **options: Any) -> torch.Tensor:
        x = F.conv3d(x, t[f"{at}.conv{number}.weight"], **options)
        bn = f"{at}.bn{number}"
        statistics = t[f"{bn}.running_mean"], t[f"{bn}.running_var"]
        return F.relu(F.batch_norm(x, *statistics, t[f"{bn}.weight"], t[f"{bn}.bias"]))

    x = conv_bn(x, "s1.stem", "", stride=(1, 2, 2), padding=(0, 3, 3))
    x = conv_bn(x, "s1.stem", "2", padding=(1, 0, 0))
    table = {"s2": (2, ""), "s3": (2, ""), "s4": (2, "444114"), "s5": (2, "244"), "s6": (1, "2211"), "s7": (2, "2")}
    for stage, (stride, dilations) in table.items():
        x = conv_bn(x, f"{stage}.head", "", stride=(1, stride, stride), padding=(0, 1, 1))
        for i, d in enumerate(map(int, dilations)):
            at = f"{stage}.basic{i + 1 if i else ''}"
            y = conv_bn(x, at, "", padding=(0, 1, 1))
            x = x + conv_bn(y, at, "2", padding=(d, 0, 0), dilation=(d, 1, 1))
    logits = F.linear(x.mean(dim=(2, 3, 4)), t["linear.weight"], t["linear.bias"])
    torch.testing.assert_close(model(clips), logits, rtol=1e-4, atol=1e-4)


def test_the_same_bytes_whatever_the_hash_seed_and_the_folder(tmp_path: Path) -> None:
    for seed, folder in (("1", tmp_path), ("2", ROOT / "spaces")):
        files = [os.path.relpath(path, folder) for path in SPACES if path.stem.startswith("tiny")]
        done = subprocess.run(
            [sys.executable, "-m", "vnasdsl", "compile", *files, "-o", str(tmp_path / seed)],
            cwd=folder,
            env=cli_environment({"PYTHONHASHSEED": seed}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    for path in (tmp_path / "1").iterdir():
        assert (
            path.read_bytes()
            == (tmp_path / "2" / path.name).read_bytes()
            == (ROOT / "generated" / path.name).read_bytes()
        )


def test_shapes_and_costs_of_a_drawn_network_are_in_its_code() -> None:
    space = read((ROOT / "spaces" / "tiny.vns").read_text())
    way = {c.name: c.options[-1] for c in space.choices}
    network = space.network(way, name="smallest")
    name, text = compile_space(network, "x.vns")
    assert name == "smallest.py" and "class Smallest(nn.Module)" in text and "A network of the space tiny." in text
    assert json.dumps(network.macs[0]) in text.replace(" ", "")
