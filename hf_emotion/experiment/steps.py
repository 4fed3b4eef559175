"""An experiment: one flat YAML of arguments, which the command line overrides, run as one step or several.

A YAML file holds the fields of [`ModelArguments`], [`DataArguments`], [`RunArguments`] and
[`EmotionTrainingArguments`]. An optional list `steps` runs several trainings in turn: each entry changes some fields,
writes to `<output_dir>/<step_name>` and, unless it names a model, starts from the model of the step before. So stage 1
(fine-tuning on a mixture) and stage 2 (expansion and transfer) of the ExHuBERT paper fit one file.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import yaml
from transformers import HfArgumentParser

from ..arguments import CorpusArguments, DataArguments, EmotionTrainingArguments, ModelArguments, RunArguments
from ..suggestions import did_you_mean


_GROUPS: Any = (ModelArguments, DataArguments, RunArguments, EmotionTrainingArguments)

# What a later step does not inherit: it starts from the model of the step before, as that step left it.
_ORIGIN = ("model_name_or_path", "config_name", "config_overrides")
_EXPANSION = ("expand_num_copies", "expand_layers", "expand_init")

# Not part of what an experiment is: the same run, checked first or continued later.
_NOT_RECORDED = ("resume_from_checkpoint", "dry_run")


@dataclass
class Step:
    """The arguments of one training, what was written in the file or on the command line (`given`), and the step whose
    model it starts from (`start`)."""

    model: ModelArguments
    data: DataArguments
    run: RunArguments
    training: EmotionTrainingArguments
    given: dict[str, Any]
    start: "Step | None" = None

    @property
    def name(self) -> str:
        """Name for messages: the step name, or that of the output folder."""
        return self.run.step_name or Path(self.output_dir).name

    @property
    def output_dir(self) -> str:
        """Folder of the step."""
        return str(self.training.output_dir)

    def resolved_yaml(self) -> str:
        """The step as a YAML file of its own, which repeats it."""
        kept = {name: value for name, value in self.given.items() if name not in _NOT_RECORDED}
        return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)


def load_experiment(arguments: Sequence[str]) -> list[Step]:
    """
    Read an experiment from command-line arguments: `--config X.yaml` gives defaults, all other flags override them.

    With several steps, the flags `--model_name_or_path`, `--config_name` and `--config_overrides` speak of the first.

    Args:
        arguments (`Sequence[str]`): the command line without the program's name.

    Returns:
        `list[Step]`: the steps, in order; one if the file has no `steps`.

    Raises:
        `ValueError`: if a field is unknown (with the nearest known one) or a value cannot work.
        `FileNotFoundError`: if the YAML file does not exist.
    """
    config_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    config_parser.add_argument("--config")
    known, flags = config_parser.parse_known_args(list(arguments))
    values = _read_yaml(known.config) if known.config else {}
    entries = values.pop("steps", [{}])
    steps: list[Step] = []
    for entry in entries:
        start = steps[-1] if steps and not {"model_name_or_path", "config_name"} & set(entry) else None
        inherited = {name: value for name, value in values.items() if not steps or name not in _ORIGIN + _EXPANSION}
        origin = {} if start is None else {"model_name_or_path": start.output_dir}
        step = _parse_step(inherited | entry | origin, flags, is_first=not steps, several=len(entries) > 1)
        step.start = start
        steps.append(step)
    names = [step.output_dir for step in steps]
    if len(set(names)) != len(names):
        raise ValueError(f"Steps would write to the same folder: {names}. Give each a `step_name` of its own.")
    return steps


def _read_yaml(path: str) -> dict[str, Any]:
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no experiment file {path}.")
    values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{path} must be a mapping of fields to values, but is a {type(values).__name__}.")
    steps = values.get("steps", [{}])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise ValueError(f"`steps` in {path} must be a list of mappings, each with the fields of a step.")
    known = sorted({item.name for group in _GROUPS for item in fields(group) if item.init})
    for scope, allowed in ((values, {*known, "steps"}), *((step, set(known)) for step in steps)):
        for name in sorted(set(scope) - allowed, key=str):
            raise ValueError(f"{path} has the unknown field {name!r}. {did_you_mean(str(name), known)}".rstrip())
    return values


class _ArgumentParser(HfArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message[0].upper()}{message[1:]}. `--help` lists all fields.")


def _parse_step(values: dict[str, Any], flags: Sequence[str], *, is_first: bool, several: bool) -> Step:
    parser = _ArgumentParser(_GROUPS, allow_abbrev=False)
    actions = {action.dest: action for action in reversed(parser._actions)}
    lists = {name for name, action in actions.items() if action.nargs == "+"}
    parser.set_defaults(**{k: [v] if k in lists and not isinstance(v, list | None) else v for k, v in values.items()})
    namespace, unknown = parser.parse_known_args(list(flags))
    if unknown:
        flag = next((word for word in unknown if word.startswith("-")), unknown[0])
        options = [option for action in parser._actions for option in action.option_strings]
        raise ValueError(f"Unknown argument {flag!r}. {did_you_mean(flag, options)}`--help` lists all fields.")
    parsed = vars(namespace)
    on_command_line = _flag_names(parser, flags)
    if several and (expansion := sorted(set(on_command_line) & set(_EXPANSION))):
        raise ValueError(
            f"--{expansion[0]} would expand the model of every step, but a model is expanded once. Write it into the "
            "step in the file that shall do it."
        )
    if not is_first:
        parsed |= {name: values.get(name) for name in _ORIGIN}
        on_command_line = [name for name in on_command_line if name not in _ORIGIN]
    given = {name: parsed[name] for name in (*values, *on_command_line)}
    for name, value in given.items():
        choices = actions[name].choices
        chosen = value if isinstance(value, list) else [value]
        if choices is not None and value is not None and not set(chosen) <= set(choices):
            # argparse does not check defaults
            raise ValueError(f"`{name}` is {value!r}, but must be one of {', '.join(map(str, choices))}.")
    if several and not values.get("step_name"):
        raise ValueError("Each entry of `steps` needs a `step_name`, which names its folder.")
    if several:
        parsed["output_dir"] = str(Path(parsed["output_dir"] or "outputs") / values["step_name"])
    given |= {"output_dir": parsed["output_dir"]}
    model, data, run, training = (_group(group, parsed) for group in _GROUPS)
    step = Step(model, data, run, training, given)
    _check_weights(step)
    return step


def _group(group: Any, parsed: dict[str, Any]) -> Any:
    return group(**{item.name: parsed[item.name] for item in fields(group) if item.init})


def _check_weights(step: Step) -> None:
    corpora = map(CorpusArguments.from_entry, step.data.corpora)
    weighted = [corpus.name for corpus in corpora if corpus.weight != 1]
    if weighted and (step.training.mixing != "weighted" or step.training.corpus_weights is not None):
        raise ValueError(
            f"The `weight` of {', '.join(weighted)} has no effect with mixing={step.training.mixing!r}"
            f"{'' if step.training.corpus_weights is None else ' and `corpus_weights`'}. Leave it out, or use "
            "`mixing: weighted` without `corpus_weights`."
        )


def _flag_names(parser: HfArgumentParser, flags: Sequence[str]) -> list[str]:
    used = {flag.split("=", 1)[0] for flag in flags if flag.startswith("--")}
    return [action.dest for action in parser._actions if used & set(action.option_strings)]
