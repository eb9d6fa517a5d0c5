"""A supernet and the clips it needs: networks taken out of it are scored and extracted here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from vnasdsl.codegen import compile_supernet, inherited_names
from vnasdsl.searching.kernels import prepare
from vnasdsl.searching.supernet import as_child
from vnasdsl.searching.task import SearchTask
from vnasdsl.train.clips import evaluation_views, training_clips
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.generated import load_generated
from vnasdsl.train.inputs import taking_inputs

# Passes over the same videos for different purposes must not see the same clips: pass numbers far apart.
_CALIBRATION_PASS = 2_000_000


class Session:
    """For a `with` statement, which ends the processes that decode videos."""

    def __init__(self, task: SearchTask[Any], **settings: Any):
        """settings: of the generated supernet."""
        seed_everything(task.recipe.seed)
        self.task = task
        source = compile_supernet(task.space, "space.vns")  # the copy in the run: the user's file may be renamed
        supernet: Any = load_generated(task.run / "supernet.py", "Supernet", source)
        self.model = taking_inputs(supernet(**settings), task.space.inputs.given).to(task.device)
        prepare(self.model, task.recipe, task.device)  # also when it only derives, so that all figures are the same
        if task.parts.train:  # otherwise only `derive` is here, of a run whose videos are elsewhere
            how = task.shape, task.recipe, task.faults, task.device
            self.train = training_clips(task.parts.train, *how)
            self.validate = training_clips(task.parts.validate, *how, altered=False)
            self.inference = evaluation_views(task.parts.inference, *how)
        self._macs: dict[tuple[tuple[str, str], ...], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.task.parts.train:
            for clips in (self.train, self.validate, self.inference):
                clips.close()

    def macs(self, choices: Mapping[str, str]) -> int:
        """MACs of the network that the choices make."""
        key = tuple(choices.items())
        if key not in self._macs:
            self._macs[key] = self.task.space.choose(choices).macs
        return self._macs[key]

    def calibration(self) -> Iterator[Tensor]:
        """Clips of the train part for batch-norm statistics, the same ones every time; none without videos."""
        if self.task.recipe.recalibrate and self.task.parts.train:
            for clips, _ in islice(self.train.plain(_CALIBRATION_PASS), self.task.recipe.recalibrate):
                yield clips.to(self.task.device)

    def score(self, choices: dict[str, str]) -> Evaluation:
        """Accuracy of a network on the inference part, with the weights of the supernet."""
        with as_child(self.model, choices, self.calibration()) as child:
            return self._evaluate(child)

    def top1(self, choices: dict[str, str]) -> float | None:
        """The same as one number; None without videos."""
        return self.score(choices).top1 if self.task.parts.inference else None

    def extract(self, choices: dict[str, str]) -> tuple[Evaluation | None, dict[str, Tensor]]:
        """The accuracy of a network on the inference part (None without videos), and its weights by its own names."""
        names = inherited_names(self.task.space, choices)
        with as_child(self.model, choices, self.calibration()) as child:
            state = child.state_dict()
            weights = {own: state[shared].detach().cpu().clone() for own, shared in names.items()}
            return self._evaluate(child) if self.task.parts.inference else None, weights

    def _evaluate(self, child: Any) -> Evaluation:
        task = self.task
        videos = task.parts.inference
        return evaluate_views(child, self.inference, task.classes, task.device, task.recipe.precision, videos)
