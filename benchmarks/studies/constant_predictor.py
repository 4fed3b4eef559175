"""Why FBANK is so far below all others in Table 3 of EMO-SUPERB: its head hears nothing, and always answers the same.

    python benchmarks/studies/constant_predictor.py --label_dir EMO-SUPERB-submission/data

FBANK is normalised to zero mean over each clip, and the head is linear up to its mean over time. So what reaches the
classifier is the bias of the projection, whatever is said in a clip. (The one or two frames of zeros that S3PRL counts
at the end of the shorter clips of a batch change nothing.) All that training can find is the best constant answer. For
the loss of the released code, -sum_i a_i sum_j y_ij log q_j with a_i = sum_j w_j y_ij, that is q_j ~ sum_i a_i y_ij,
and the classes with q_j > 1/C are predicted for every clip. The label files alone therefore tell the score, with no
audio and no training. This script prints it for every setting whose files are there

* as the mean over batches of 32 clips in the order of their file names: what the released code logs as "acc" during
  training. Neighbours are alike (one dialogue, speaker or emotion), so many batches lack a class, which counts as 0;
* over the whole test part of each fold, as the metric is described;
* as the mean over batches of clips in random order;
* for comparison, over the whole test part, of the answer that names every class.

Scores are means over the folds.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hf_emotion.benchmark.label_files import LabelFolder, read_label_folder
from hf_emotion.benchmark.protocol import load_protocol, protocol_files
from hf_emotion.benchmark.reported import reported_table
from hf_emotion.data.soft_labels import effective_number_weights, threshold_labels
from hf_emotion.metrics.multi_label_statistics import multi_label_counts, multi_label_macro_f1


BATCH_SIZE = 32
RANDOM_ORDERS = 20
COLUMNS = ("batches_by_name", "whole", "batches_at_random", "every_class")


@dataclass(frozen=True)
class FoldScores:
    """
    What the constant answer of a fold is worth on its test part, as macro-F1.

    Args:
        answer (`np.ndarray` of shape `(num_classes,)`): The distribution that minimises the training loss.
        whole (`float`): Over all test clips.
        batches_by_name (`float`): Mean over batches of clips in the order of file names.
        batches_at_random (`float`): Mean over batches of clips in random order.
        every_class (`float`): Over all test clips, of the answer that names every class.
    """

    answer: np.ndarray
    whole: float
    batches_by_name: float
    batches_at_random: float
    every_class: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label_dir", type=Path, required=True, help="the folder `data` of EMO-SUPERB-submission")
    args = parser.parse_args()
    protocol = load_protocol(protocol_files()["emo_superb_code"])
    reported = reported_table(protocol.reported).loc["FBANK"]
    print("| setting | FBANK in Table 3 | batches by name | whole test part | random batches | every class | answer |")
    print("|---|---|---|---|---|---|---|")
    absent = []
    for setting in protocol.settings:
        folder = args.label_dir / setting.label_folder
        if not any(folder.glob("labels_consensus_*.csv")):
            absent.append(setting.name)
            continue
        labels = read_label_folder(folder)
        folds = fold_scores(labels)
        scores = [np.mean([getattr(fold, name) for fold in folds]) for name in COLUMNS]
        cells = " | ".join(f"{score:.4f}" for score in scores)
        print(f"| {setting.name} | {reported[setting.name]:.3f} | {cells} | {named_classes(labels.classes, folds)} |")
    if absent:
        print(f"\nWithout label files: {', '.join(absent)}.")


def fold_scores(found: LabelFolder) -> list[FoldScores]:
    """The constant answer of each fold and its scores."""
    truth = threshold_labels(found.labels)
    names = found.utterances["utterance_id"].to_numpy()
    generator = np.random.default_rng(0)
    folds = []
    for parts in found.parts.values():
        train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
        answer = constant_answer(found.labels[train], effective_number_weights(truth[train]))
        by_name = truth[test[np.argsort(names[test])]]
        decisions = threshold_labels(answer)
        shuffled = [batch_score(generator.permutation(by_name), decisions) for _ in range(RANDOM_ORDERS)]
        folds.append(
            FoldScores(
                answer,
                whole=whole_score(by_name, decisions),
                batches_by_name=batch_score(by_name, decisions),
                batches_at_random=float(np.mean(shuffled)),
                every_class=whole_score(by_name, np.ones_like(decisions)),
            )
        )
    return folds


def constant_answer(labels: np.ndarray, class_weights: np.ndarray) -> np.ndarray:
    """
    The distribution that minimises the loss of the released code, if it is the answer to every clip.

    Args:
        labels (`np.ndarray` of shape `(num_clips, num_classes)`): Soft labels of the training part.
        class_weights (`np.ndarray` of shape `(num_classes,)`): Weights of the classes.
    """
    totals = (labels * (labels @ class_weights)[:, None]).sum(axis=0)
    return totals / totals.sum()


def whole_score(truth: np.ndarray, decisions: np.ndarray) -> float:
    """Macro-F1 of the same decisions `(num_classes,)` for all clips `(num_clips, num_classes)`."""
    return float(multi_label_macro_f1(multi_label_counts(truth, np.broadcast_to(decisions, truth.shape))))


def batch_score(truth: np.ndarray, decisions: np.ndarray) -> float:
    """Mean over batches of [`whole_score`]; the last batch may be smaller and counts as much."""
    batches = np.arange(len(truth)) // BATCH_SIZE
    counts = multi_label_counts(truth, np.broadcast_to(decisions, truth.shape), batches)
    return float(multi_label_macro_f1(counts).mean())


def named_classes(classes: tuple[str, ...], folds: list[FoldScores]) -> str:
    """The classes of the constant answers; those of some folds only with the number of folds."""
    counts = np.sum([threshold_labels(fold.answer) for fold in folds], axis=0)
    parts = [
        name if count == len(folds) else f"{name} ({count} of {len(folds)} folds)"
        for name, count in zip(classes, counts, strict=True)
        if count
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
