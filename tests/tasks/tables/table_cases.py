"""Tables whose tasks are known beforehand."""

import numpy as np
import pandas as pd

PATIENTS = 30


def visits(rows=12, seed=0):
    """Patients of 12 visits: numbers, a category, a date, yes or no, holes; a numeric score."""
    random = np.random.default_rng(seed)
    count = PATIENTS * rows
    age = random.normal(60, 9, count)
    frame = pd.DataFrame(
        {
            "patient": np.repeat([f"p{n}" for n in range(PATIENTS)], rows),
            "age": age,
            "dose": random.choice(["low", "high", "none"], count),
            "day": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(random.integers(0, 900, count), "D"),
            "smoker": random.choice(["yes", "no"], count),
            "score": 100 + 20 * random.normal(size=count) + age,
        }
    )
    frame["pressure"] = np.where(random.random(count) < 0.2, np.nan, random.normal(120, 10, count))
    frame["ill"] = np.where(frame["score"] > 165, "ill", "well")
    return frame


def written(frame, path, **how):
    frame.to_csv(path, index=False, **how)
    return path
