"""`hf-emotion calibrate`: fit a temperature on validation predictions; apply it to test predictions and to a model."""

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="Run folder with validation_predictions.parquet, and predictions.parquet to apply it to.",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option("--validation", help="Predictions table to fit on, instead of the run's.", show_default=False),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Predictions table to apply it to, instead of the run's."),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output_dir", help="Folder for calibration.json, calibrated_predictions.parquet and a figure."),
    ] = None,
    save_model: Annotated[
        Path | None,
        typer.Option("--save_model", help="New folder for the run's model with the temperature in its last layer."),
    ] = None,
    allow_repeated: Annotated[
        bool, typer.Option("--allow_repeated", help="Calibrate a calibrated model again: temperatures multiply.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="Allow code from the run folder to run. Read it first.")
    ] = False,
    num_bins: Annotated[int, typer.Option("--num_bins", min=2, help="Bins of the calibration error.")] = 15,
) -> None:
    """Make probabilities trustworthy: temperature scaling, fitted on validation predictions (Guo et al., 2017).

    With --save_model the model itself gives calibrated probabilities, without any code.
    """
    from hf_emotion.evaluation.calibration import calibration_report, format_calibration, scaled_predictions
    from hf_emotion.evaluation.comparison_plots import save_calibration_figure
    from hf_emotion.evaluation.predictions import load_predictions, save_predictions
    from hf_emotion.evaluation.report import save_metrics

    if save_model is not None and (run is None or save_model == output_dir):
        raise ValueError("--save_model needs the run folder of the model, and a folder other than --output_dir.")
    fitted_on, applied_to = _tables(run, validation, predictions)
    held_out, test = load_predictions(fitted_on), load_predictions(applied_to) if applied_to else None
    if save_model is not None:
        import transformers

        from hf_emotion.evaluation.calibrated_model import save_calibrated_model

        transformers.utils.logging.disable_progress_bar()
        report = save_calibrated_model(
            str(run),
            save_model,
            held_out,
            test,
            allow_repeated=allow_repeated,
            num_bins=num_bins,
            trust_remote_code=trust_remote_code,
        )
    else:
        report = calibration_report(held_out, test, num_bins=num_bins)
    typer.echo(format_calibration(report))
    if save_model is not None:
        typer.echo(f"Model with calibrated probabilities: {save_model}")
    if output_dir is None:
        return
    save_metrics(report, output_dir / "calibration.json")
    save_calibration_figure(report, output_dir)
    if test is not None:
        calibrated = scaled_predictions(test, report["temperature"])
        save_predictions(calibrated, output_dir / "calibrated_predictions.parquet")
    typer.echo(f"Written to {output_dir}")


def _tables(run: Path | None, validation: Path | None, predictions: Path | None) -> tuple[Path, Path | None]:
    """Files to fit on and to apply to."""
    from hf_emotion.evaluation.predictions import PREDICTIONS_FILE, VALIDATION_PREDICTIONS_FILE

    if run is None and validation is None:
        raise ValueError("Name what to fit a temperature on: a run folder, or --validation FILE.parquet.")
    if run is not None:
        if not run.is_dir():
            raise FileNotFoundError(f"There is no folder {run}; name predictions tables with --validation.")
        validation = validation or run / VALIDATION_PREDICTIONS_FILE
        if predictions is None and (run / PREDICTIONS_FILE).is_file():
            predictions = run / PREDICTIONS_FILE
    for path in (validation, predictions):
        if path is not None and not path.is_file():
            raise FileNotFoundError(
                f"There is no {path}. `hf-emotion evaluate --model DIR --eval_split validation --output_dir OUT` "
                f"writes the validation predictions of a model as OUT/{PREDICTIONS_FILE}; pass it as --validation."
            )
    return Path(str(validation)), predictions
