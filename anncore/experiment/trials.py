"""From a configuration to its trials: its parts made, its coordinates named, one trial for each seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from anncore.contract.errors import ExperimentError
from anncore.contract.trial import AUTO, LANES, Part, Phase, Train, Trial
from anncore.engine.fusing.emit import why_unavailable
from anncore.engine.lanes.choice import engine_of, why_not_lanes
from anncore.experiment.choices import Choice, Option
from anncore.experiment.fit import FITS
from anncore.experiment.model import Experiment
from anncore.experiment.names import Namer, spell
from anncore.experiment.parts import PartMaker
from anncore.experiment.select_metric import further_curves


class TrialMaker:
    """Makes the trials of one experiment, whose rule of selection is known."""

    def __init__(self, experiment: Experiment, namer: Namer, maker: PartMaker) -> None:
        self.experiment, self.namer, self.maker = experiment, namer, maker
        self.fit = FITS[experiment.problem.kind](maker)
        # Configurations are chosen by a metric, whose curve shows when it reached a target.
        self._curves = further_curves(experiment)
        asked = experiment.report.get("maps_at", 0)
        moments = tuple(sorted(asked)) if isinstance(asked, list) else int(asked)
        self._moments = moments if experiment.problem.scored else 0  # a function has no classes
        self._trains: dict[tuple[Train, Phase], Train] = {}
        self._engines: dict[tuple[Train, str], Train] = {}

    def parts(self, config: Option) -> dict[str, Part]:
        """Return the parts of a configuration; raises ExperimentError where they do not fit together."""
        choices = {choice.entry.kind: choice for choice in config}
        fitted = self.fit.parts(choices)
        others = [kind for kind in self.experiment.parts if kind not in fitted]
        return fitted | {kind: self.maker.plain(choices[kind]) for kind in others}

    def trials(self, config: Option, phase: Phase, seeds: Sequence[int]) -> Iterator[Trial]:
        """Yield a configuration's trials, in the order of the seeds."""
        experiment, parts = self.experiment, self.parts(config)
        labels = self._labels(config, parts)
        problem, arm = self.namer.problem(config), self.namer.arm(config)
        text, values = self.namer.config(config), self.namer.values(config)
        train = self._train(experiment.train_on(labels), phase)
        split, engine = experiment.split_of(labels.get("dataset")), ""
        for seed in seeds:
            trial = Trial(
                parts=parts,
                train=train,
                split=split,
                sweep_seed=experiment.sweep_seed,
                seed=seed,
                test=phase == "report",
                phase=phase,
                labels=labels,
                problem=problem,
                arm=arm,
                config=text,
                values=values,
                timeout=experiment.limits.timeout,
            )
            if not engine:  # the same for all seeds
                engine = self._engine(trial)
                if engine != train.engine:
                    train = self._on(train, engine)
                    trial = replace(trial, train=train)
            yield trial

    def _engine(self, trial: Trial) -> str:
        """Return the engine of a configuration's trials; refuse lanes where these cannot compute them."""
        if trial.train.engine == AUTO:
            return engine_of(trial, self.experiment.registry)
        if trial.train.engine == LANES:
            self._refuse_lanes(trial)
        return trial.train.engine

    def _on(self, train: Train, engine: Any) -> Train:
        """Return how to train on an engine, the same object for all trials."""
        if (train, engine) not in self._engines:
            self._engines[train, engine] = replace(train, engine=engine)
        return self._engines[train, engine]

    def _refuse_lanes(self, trial: Trial) -> None:
        """Refuse a trial that asks for lanes, where these cannot compute it."""
        if why := why_unavailable():
            way_out = "unset it" if why.startswith("ANNX_FUSING") else "install it"
            raise ExperimentError(
                f"{self.experiment.file}: [train] engine = 'lanes' needs kernels, and {why} here; {way_out}, "
                "or write engine = 'auto'."
            )
        if why := why_not_lanes(trial, self.experiment.registry):
            parts = ", ".join(f"{kind} {label!r}" for kind, label in trial.labels.items())
            raise ExperimentError(
                f"{self.experiment.file}: [train] engine = 'lanes' cannot compute {parts}: {why}; write "
                "engine = 'auto', which leaves such trials to 'blas'."
            )

    def _train(self, train: Train, phase: Phase) -> Train:
        """Return how trials of a phase are trained, the same object for all of them."""
        if (train, phase) not in self._trains:
            train_in_phase = replace(train, curves=self._curves)
            if phase == "report":  # trials that tune keep no maps and no paths, so that they stay the same
                paths = self.experiment.report.get("paths")
                train_in_phase = replace(train_in_phase, maps_at=self._moments, paths=paths)
            self._trains[train, phase] = train_in_phase
        return self._trains[train, phase]

    def _labels(self, config: Sequence[Choice], parts: Mapping[str, Part]) -> dict[str, str]:
        """Return the labels by kind; as activation, without a section, what the network names itself."""
        labels = {choice.entry.kind: choice.entry.label for choice in config}
        if "activation" not in labels and "network" in parts:
            labels["activation"] = self._activation(parts["network"])
        return labels

    def _activation(self, network: Part) -> str:
        """Return the name of the activations that a network names itself, "relu" or "relu/tanh"."""
        for inside in network.refs.values():
            if inside and inside[0].kind == "activation":
                return spell([self.namer.short("activation", part.name) for part in inside])
        return ""
