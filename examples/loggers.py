"""Sends the metrics of a run to Weights & Biases or MLflow, whichever is installed.

    python examples/loggers.py --to wandb
    python examples/loggers.py --to mlflow --minutes 2

A logger is any object with `start`, `log` and `finish` (selfplay.MetricsLogger); these two are meant to be copied.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import selfplay


class WandbLogger:
    """Metrics to Weights & Biases (pip install wandb): a line a generation, settings as the run's config."""

    def __init__(self, project: str) -> None:
        self.project = project
        self._run: Any = None

    def start(self, run: Path, settings: dict[str, Any]) -> None:
        import wandb

        # The same folder is the same run there too: a resumed run goes on with its curves.
        self._run = wandb.init(project=self.project, name=run.name, id=run.name, resume="allow", config=settings)

    def log(self, end: selfplay.GenerationEnd) -> None:
        self._run.log(end.metrics, step=end.generation)

    def finish(self) -> None:
        self._run.finish()


class MlflowLogger:
    """Metrics to MLflow (pip install mlflow), and the weights of each generation as artifacts."""

    def __init__(self, experiment: str) -> None:
        self.experiment = experiment

    def start(self, run: Path, settings: dict[str, Any]) -> None:
        import mlflow

        mlflow.set_experiment(self.experiment)
        mlflow.start_run(run_name=run.name)
        mlflow.log_params({key: str(value) for key, value in settings.items()})

    def log(self, end: selfplay.GenerationEnd) -> None:
        import mlflow

        # MLflow takes no colon, among others, in names.
        mlflow.log_metrics({name.replace(":", "-"): value for name, value in end.metrics.items()}, step=end.generation)
        mlflow.log_artifacts(str(end.checkpoint), artifact_path=f"checkpoints/{end.generation:06d}")

    def finish(self) -> None:
        import mlflow

        mlflow.end_run()


LOGGERS = {"wandb": WandbLogger, "mlflow": MlflowLogger}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", choices=LOGGERS, required=True)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--run", default="runs/logged")
    arguments = parser.parse_args(words)
    logger = LOGGERS[arguments.to]("selfplay")
    selfplay.train("tic-tac-toe", run=arguments.run, minutes=arguments.minutes, loggers=[logger])


if __name__ == "__main__":
    main()
