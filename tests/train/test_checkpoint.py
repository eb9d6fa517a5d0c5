"""Checkpoints and weights on disk: whole ones only, and nothing that is read can run."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.devices import random_state, restore_random_state, seed_everything
from vnasdsl.train.weights import inherit, load_exactly, load_weights, save_weights


class Bomb:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    weights = {"a": torch.randn(2, 3), "n": torch.tensor(7)}
    checkpoints.save(3, weights, {"random": random_state(), "optimisers": {"lr": [0.1, None, True]}})
    kept = checkpoints.load()
    assert kept.epoch == 3
    assert all(torch.equal(kept.weights[name], tensor) for name, tensor in weights.items())
    assert kept.state["optimisers"] == {"lr": [0.1, None, True]}


def test_only_the_last_two_and_the_best_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for epoch in range(1, 6):
        checkpoints.save(epoch, {"a": torch.zeros(1)}, {}, best=epoch == 2)
    assert checkpoints.index() == {"last": "epoch-0005", "previous": "epoch-0004", "best": "epoch-0002"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "epoch-0002", "epoch-0004", "epoch-0005"]
    with pytest.raises(UserError, match="has no checkpoint `epoch-0001`") as caught:
        checkpoints.load("epoch-0001")
    assert caught.value.help == (
        "its checkpoints are `last` (epoch-0005), `previous` (epoch-0004), `best` (epoch-0002)"
    )


def test_before_the_first_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").index() == {}
    with pytest.raises(UserError, match="has no checkpoint yet"):
        Checkpoints(tmp_path / "none").load()


def test_what_a_kill_leaves_behind_does_not_matter(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": torch.ones(1)}, {})
    (tmp_path / ".epoch-0002.tmp").mkdir()
    (tmp_path / ".epoch-0002.tmp" / "weights.safetensors").write_bytes(b"half")
    kept = checkpoints.resume(no_warning)
    assert kept is not None and kept.epoch == 1
    checkpoints.save(2, {"a": torch.ones(1)}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0001", "epoch-0002"]


def no_warning(text: str) -> None:
    raise AssertionError(text)


def three_epochs(folder: Path) -> Checkpoints:
    """Checkpoints in which the number of the epoch is the weight; the first is the best."""
    checkpoints = Checkpoints(folder)
    for epoch in (1, 2, 3):
        state = {"momentum": torch.full((2,), float(epoch)), "rate": 0.1 * epoch}
        checkpoints.save(epoch, {"a": torch.full((3,), float(epoch))}, state, best=epoch == 1)
    return checkpoints


@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors"])
def test_no_flipped_bit_changes_what_is_read(tmp_path: Path, name: str) -> None:
    checkpoints = three_epochs(tmp_path)
    file = tmp_path / "epoch-0003" / name
    whole = file.read_bytes()
    unnoticed = []
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            kept = checkpoints.load()
        except UserError:
            continue
        assert kept.weights["a"].tolist() == [3.0] * 3 and kept.state["rate"] == 0.1 * 3
        assert kept.epoch == 3 and kept.state["momentum"].tolist() == [3.0] * 2
        unnoticed.append(place)
    key = whole.index(b"sha256")
    assert set(unnoticed) <= set(range(key, key + 6))  # the name of the checksum itself


@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors"])
@pytest.mark.parametrize("how", ["cut", "gone", "of another epoch", "empty"])
def test_where_the_last_is_damaged_a_run_goes_on_from_the_one_before(tmp_path: Path, name: str, how: str) -> None:
    checkpoints = three_epochs(tmp_path)
    file = tmp_path / "epoch-0003" / name
    content = file.read_bytes()
    file.unlink()
    if how != "gone":
        file.write_bytes({"cut": content[:-5], "of another epoch": content[:-4] + bytes(4), "empty": b""}[how])
    warnings: list[str] = []
    kept = checkpoints.resume(warnings.append)
    assert kept is not None and kept.epoch == 2 and kept.weights["a"].tolist() == [2.0] * 3
    assert kept.state["momentum"].tolist() == [2.0] * 2
    assert len(warnings) == 1 and str(file) in warnings[0] and "`epoch-0002`" in warnings[0]
    assert checkpoints.index() == {
        "last": "epoch-0002",
        "previous": "epoch-0001",
        "best": "epoch-0001",
    }  # it warns once
    checkpoints.save(3, kept.weights, {})
    assert checkpoints.index() == {"last": "epoch-0003", "previous": "epoch-0002", "best": "epoch-0001"}


def test_the_best_is_the_last_resort_and_with_none_whole_it_is_an_error(tmp_path: Path) -> None:
    checkpoints = three_epochs(tmp_path)
    for epoch in (3, 2):
        (tmp_path / f"epoch-000{epoch}" / "weights.safetensors").write_bytes(b"")
    warnings: list[str] = []
    kept = checkpoints.resume(warnings.append)
    assert kept is not None and kept.epoch == 1 and len(warnings) == 1
    (tmp_path / "epoch-0001" / "state.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="every checkpoint of") as caught:
        checkpoints.resume(no_warning)
    assert caught.value.help is not None and "--out" in caught.value.help


@pytest.mark.parametrize("name", ["epoch-0009", "../epoch-0001", "", "\udcff"])
def test_without_the_name_of_the_best_a_run_goes_on_from_the_newest_checkpoint(tmp_path: Path, name: str) -> None:
    checkpoints = three_epochs(tmp_path)
    (tmp_path / "best").write_text(name, errors="surrogateescape")
    kept = checkpoints.resume(no_warning)
    assert kept is not None and kept.epoch == 3
    assert checkpoints.index() == {"last": "epoch-0003", "previous": "epoch-0002"}


def test_random_generators_go_on_where_they_were() -> None:
    seed_everything(5)
    state = random_state()

    def draw() -> tuple[float, float, float]:
        return random.random(), float(numpy.random.rand()), torch.rand(()).item()

    first = draw()
    assert draw() != first
    restore_random_state(state)
    assert draw() == first


@pytest.mark.parametrize("name", ["state.safetensors", "weights.safetensors"])
def test_a_malicious_checkpoint_is_refused_without_running(tmp_path: Path, name: str) -> None:
    checkpoints = Checkpoints(tmp_path / "run")
    checkpoints.save(1, {"a": torch.zeros(1)}, {})
    file = tmp_path / "run" / "epoch-0001" / name
    torch.save({"epoch": 1, "optimisers": Bomb(tmp_path / "ran")}, file)
    with pytest.raises(UserError, match="is not a safetensors file"):
        checkpoints.load()
    file.write_bytes(pickle.dumps(Bomb(tmp_path / "ran"), protocol=2))
    with pytest.raises(UserError, match="is not a safetensors file"):
        checkpoints.load()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"dict": 3}', '{"dict": []}', '{"tensor": "9"}', '{"call": []}', "[" * 10_000]
)
def test_a_damaged_state_is_named(tmp_path: Path, text: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": torch.zeros(1)}, {})
    save_weights(tmp_path / "epoch-0001" / "state.safetensors", {}, {"state": text})
    with pytest.raises(UserError, match="is not a checkpoint of vnasdsl"):
        checkpoints.load()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_optimisers_go_on_where_they_were(tmp_path: Path, kind: type[torch.optim.Optimizer]) -> None:
    def build(model: nn.Module) -> torch.optim.Optimizer:
        more = {"momentum": 0.9} if kind is torch.optim.SGD else {"betas": (0.5, 0.999)}
        return kind(model.parameters(), lr=0.1, weight_decay=1e-3, **more)  # type: ignore[arg-type]

    def step(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        model(torch.ones(1, 2)).square().sum().backward()
        optimiser.step()

    model = nn.Linear(2, 2)
    optimiser = build(model)
    step(model, optimiser)
    Checkpoints(tmp_path).save(1, model.state_dict(), {"optimiser": optimiser.state_dict(), "random": random_state()})
    kept = Checkpoints(tmp_path).load()
    other = nn.Linear(2, 2)
    load_exactly(other, kept.weights, "the checkpoint")
    resumed = build(other)
    resumed.load_state_dict(kept.state["optimiser"])
    assert kept.state["optimiser"]["param_groups"] == optimiser.state_dict()["param_groups"]
    for _ in range(3):
        step(model, optimiser)
        step(other, resumed)
    assert all(torch.equal(mine, yours) for mine, yours in zip(model.parameters(), other.parameters(), strict=True))


def test_malicious_weights_are_refused_without_running(tmp_path: Path) -> None:
    for name in ("weights.safetensors", "weights.pt"):
        torch.save(Bomb(tmp_path / "ran"), tmp_path / name)
        with pytest.raises(UserError, match="is not a safetensors file"):
            load_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_weights_are_written_whole_with_their_header(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"a": torch.arange(6.0).view(2, 3).t()}, {"network": "n"})
    assert torch.equal(load_weights(tmp_path / "w.safetensors")["a"], torch.arange(6.0).view(2, 3).t())
    raw = (tmp_path / "w.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"].pop("sha256") != ""
    assert header["__metadata__"] == {"format": "pt", "network": "n"}


def test_the_same_weights_make_the_same_bytes(tmp_path: Path) -> None:
    about = {name: name for name in "fedcba"}
    for copy in range(8):
        save_weights(tmp_path / f"{copy}.safetensors", {"b": torch.ones(3), "a": torch.zeros(())}, about)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert load_weights(tmp_path / "0.safetensors").keys() == {"a", "b"}


def test_inheritance_says_what_matched() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    weights = {
        "0.weight": torch.ones(3, 2),
        "0.bias": torch.ones(3),
        "1.weight": torch.ones(4, 5),
        "old": torch.ones(1),
    }
    got = inherit(model, weights)
    assert got.matched == ("0.weight", "0.bias")
    assert got.missing == ("1.bias",) and got.unused == ("old",)
    assert got.misshapen == ("1.weight: file (4, 5), network (4, 3)",)
    assert torch.equal(model[0].weight.detach(), torch.ones(3, 2))
    assert got.text() == (
        "2 tensors matched by name and shape; 1 missing from the file (1.bias); 1 unused (old);"
        " 1 of another shape (1.weight: file (4, 5), network (4, 3))"
    )


def test_weights_of_another_network_are_refused() -> None:
    model = nn.Linear(2, 3)
    message = r"does not fit this network: 1 missing from the file \(bias\); 1 unused \(x\); 1 of another"
    with pytest.raises(UserError, match=rf"w\.safetensors {message}"):
        load_exactly(model, {"weight": torch.ones(3, 9), "x": torch.ones(1)}, "w.safetensors")
