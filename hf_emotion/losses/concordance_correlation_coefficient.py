"""1 - CCC, the loss of continuous ratings such as arousal, valence and dominance."""

from __future__ import annotations

import torch
from torch import nn

from .inputs import check_same_shape, full_precision


class ConcordanceCorrelationCoefficientLoss(nn.Module):
    """
    One minus the concordance correlation coefficient over a batch, averaged over the dimensions:

        1 - 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)

    with moments divided by the number of utterances, as in the metric of the same name. Sources: Lin, "A Concordance
    Correlation Coefficient to Evaluate Reproducibility", Biometrics 45 (1989); as a loss, Weninger, Ringeval, Marchi
    and Schuller, "Discriminatively trained recurrent neural networks for continuous dimensional emotion recognition
    from audio", IJCAI 2016.

    A rating that is missing (NaN) is left out of its dimension, and a dimension with fewer than two ratings out of the
    mean: one utterance has no variance.

    Trap: the coefficient belongs to a batch, not to an utterance. The mean over batches is not the value of all their
    utterances, neither in gradient accumulation nor across processes: use batches as large as memory allows.

    Args:
        epsilon (`float`, *optional*, defaults to 1e-8):
            Added to the denominator. It makes the coefficient 0 and the gradient finite where predictions and ratings
            hold the same constant.

    Raises:
        ValueError: `epsilon` is not positive, or labels are not one rating for each output.

    Example:

    ```python
    >>> loss = ConcordanceCorrelationCoefficientLoss()
    >>> ratings = torch.tensor([[1.0], [2.0], [3.0]])
    >>> round(loss(ratings + 1, ratings).item(), 4)  # 1 - 4/7
    0.4286

    ```
    """

    label_kinds = ("ratings",)

    def __init__(self, epsilon: float = 1e-8):
        super().__init__()
        if epsilon <= 0:
            raise ValueError(f"epsilon={epsilon} must be positive: it keeps the denominator from becoming 0.")
        self.epsilon = epsilon

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the dimensions; predictions and ratings have the shape `(batch_size, num_dimensions)`."""
        check_same_shape(logits, labels, "ratings")
        predictions = full_precision(logits)
        is_known = ~labels.isnan()
        counts = is_known.sum(0)
        ratings = labels.to(predictions.dtype).masked_fill(~is_known, 0)

        def mean(values: torch.Tensor) -> torch.Tensor:
            return values.masked_fill(~is_known, 0).sum(0) / counts.clamp(min=1)

        mean_prediction, mean_rating = mean(predictions), mean(ratings)
        from_prediction, from_rating = predictions - mean_prediction, ratings - mean_rating
        covariance = mean(from_prediction * from_rating)
        spread = mean(from_prediction**2) + mean(from_rating**2) + (mean_prediction - mean_rating) ** 2
        losses = 1 - 2 * covariance / (spread + self.epsilon)
        is_defined = counts > 1
        return losses.masked_fill(~is_defined, 0).sum() / is_defined.sum().clamp(min=1)
