"""Figures beside the headline, one per task: for classes that are not equally common, for labels of
which a row may have several, and for numbers. nan where a task leaves a figure undefined."""

from __future__ import annotations

import torch
from torch import Tensor

from innerloop.core import Examples
from innerloop.likelihoods import Bernoulli, Categorical, Likelihood

CLASSES = ("balanced_accuracy", "macro_f1", "auroc")
LABELS = (*CLASSES, "exact")
NUMBERS = ("mae", "r2")
UNEVEN = 1.4  # times its even share that the commonest class has, on average: worth a word


def names_for(likelihood: Likelihood) -> tuple[str, ...]:
    """The figures that `further` gives under this likelihood, in order."""
    if isinstance(likelihood, Bernoulli):
        return LABELS
    if isinstance(likelihood, Categorical):
        return CLASSES
    return NUMBERS if likelihood.metric == "mse" else ()


def further(
    outputs: Tensor, targets: Tensor, real: Tensor, finite: Tensor, likelihood: Likelihood
) -> Tensor:
    """(T, figures) of outputs (T, Q, ...) against targets (T, Q, ...), over rows that are real.

    finite: (T, Q) False where an answer is not; it then counts as a miss.
    """
    if isinstance(likelihood, Bernoulli):
        found = of_labels(likelihood.probabilities(outputs), targets > 0, real, finite)
    elif isinstance(likelihood, Categorical):
        found = of_classes(likelihood.probabilities(outputs), targets, real, finite)
    elif likelihood.metric == "mse":
        found = of_numbers(likelihood.answer(outputs), targets, real, finite)
    else:
        found = ()
    return torch.stack(found, 1) if found else outputs.new_zeros(len(outputs), 0).double()


def of_classes(share: Tensor, y: Tensor, real: Tensor, finite: Tensor) -> tuple[Tensor, ...]:
    """Balanced accuracy, macro F1 and AUROC (T,) each, from probabilities (T, Q, N), y (T, Q).

    balanced accuracy   the mean over the classes that are there of the share found
    macro F1            the mean over the classes that are there or are answered, of
                        2 hits / (answers + occurrences)
    AUROC               the mean over the classes that are there of P(a member's probability of the
                        class exceeds another row's); undefined where only one class is there
    """
    ways = torch.arange(share.shape[-1], device=y.device)
    member = (y[..., None] == ways) & real[..., None]  # (T, Q, N)
    said = torch.where(finite, share.nan_to_num().argmax(-1), -1)
    answer = (said[..., None] == ways) & real[..., None]
    there, hits = member.sum(1), (member & answer).sum(1)  # (T, N)
    f1 = 2 * hits / (there + answer.sum(1)).clamp(min=1)
    return (
        mean_of(hits / there.clamp(min=1), there > 0),
        mean_of(f1, (there + answer.sum(1)) > 0),
        areas(worst_where(~finite, share, member), member, real),
    )


def of_labels(share: Tensor, y: Tensor, real: Tensor, finite: Tensor) -> tuple[Tensor, ...]:
    """The same of labels (T, Q, out), each of them yes or no, and the share of rows that are right
    in all. Balanced accuracy is over yes and no, F1 that of yes; AUROC leaves out a label that is
    the same in all rows."""
    counted = real[..., None] & torch.ones_like(y)
    answer = torch.where(finite[..., None], share > 0.5, ~y)
    recall = []
    for value in (True, False):
        there = (y == value) & counted
        hits = (there & (answer == value)).sum(1)
        recall.append((hits / there.sum(1).clamp(min=1), there.sum(1) > 0))
    shares, defined = (torch.stack(parts, -1).flatten(1) for parts in zip(*recall, strict=True))
    yes, said = y & counted, answer & counted
    either = yes.sum(1) + said.sum(1)
    f1 = 2 * (yes & said).sum(1) / either.clamp(min=1)
    exact = ((answer == y) | ~counted).all(-1)
    return (
        mean_of(shares, defined),
        mean_of(f1, either > 0),
        areas(worst_where(~finite, share, yes), yes, real),
        mean_of(exact, real),
    )


def of_numbers(answer: Tensor, y: Tensor, real: Tensor, finite: Tensor) -> tuple[Tensor, ...]:
    """Mean absolute error and R² = 1 - squared error / that of the queries' own mean, of answers
    (T, Q, ...); undefined where the targets of a task are all the same. Averaged over a row's
    numbers. Infinite where an answer is not finite."""
    answer, y = answer.double().flatten(2), y.double().flatten(2)
    gone = ~finite & real
    kept = real[..., None]
    gap = torch.where(kept & finite[..., None], answer - y, 0.0)
    count = real.sum(1).clamp(min=1)[:, None]
    mean = torch.where(kept, y, 0.0).sum(1) / count
    spread = torch.where(kept, y - mean[:, None], 0.0).square().sum(1)  # (T, out)
    absolute = (gap.abs().sum(1) / count).mean(1)
    explained = mean_of(1 - gap.square().sum(1) / spread.clamp(min=1e-300), spread > 1e-12)
    failed = gone.any(1)
    return (
        torch.where(failed, torch.inf, absolute),
        torch.where(failed & explained.isfinite(), -torch.inf, explained),
    )


def areas(score: Tensor, member: Tensor, real: Tensor) -> Tensor:
    """(T,) area under the ROC curve, one class against the others, averaged over the columns.

    score: (T, Q, N); member: (T, Q, N) True where the row is of the column's class. By ranks, ties
    sharing theirs (Mann and Whitney 1947): a column without members or without others is left out.
    """
    tasks, queries, columns = score.shape
    flat = torch.where(real[..., None], score.double(), torch.inf)  # pads rank behind all others
    flat = flat.transpose(1, 2).reshape(-1, queries).contiguous()
    ordered = flat.sort(1).values
    below = torch.searchsorted(ordered, flat)
    upto = torch.searchsorted(ordered, flat, right=True)
    rank = ((below + upto + 1) / 2).view(tasks, columns, queries).transpose(1, 2)
    ours = member.sum(1)
    others = real.sum(1)[:, None] - ours
    above = torch.where(member, rank, 0.0).sum(1) - ours * (ours + 1) / 2
    return mean_of(above / (ours * others).clamp(min=1), (ours > 0) & (others > 0))


def worst_where(failed: Tensor, share: Tensor, member: Tensor) -> Tensor:
    """Probabilities with the worst ones where an answer failed: none for what is so, all else."""
    return torch.where(failed[..., None], torch.where(member, -1.0, 2.0), share)


def mean_of(values: Tensor, defined: Tensor) -> Tensor:
    """(T, n) -> (T,) the mean over what is defined; nan where nothing is."""
    total = torch.where(defined, values.double(), 0.0).sum(1)
    return total / torch.where(defined.any(1), defined.sum(1), torch.nan)


def unevenness(query: Examples, real: Tensor) -> Tensor:
    """(T,) how many times its even share the commonest class has among the queries: 1 is even.

    >>> y = torch.tensor([[0, 0, 0, 1]])
    >>> unevenness(Examples(y, y, ways=2), torch.ones(1, 4, dtype=torch.bool))
    tensor([1.5000], dtype=torch.float64)
    """
    if query.is_multilabel:
        share = torch.where(real[..., None], query.y, False).sum(1) / real.sum(1)[:, None]
        return 2 * torch.maximum(share, 1 - share).double().flatten(1).mean(1)
    if not query.is_classification or not query.ways:
        return torch.ones(len(query.y), dtype=torch.float64)
    member = (query.y[..., None] == torch.arange(query.ways)) & real[..., None]
    return member.sum(1).amax(1).double() * query.ways / real.sum(1).clamp(min=1)
