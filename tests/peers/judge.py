"""Compares what the judge computes with what scipy and, where it is on the path, R compute.

Usage: judge.py FILE

FILE has a JSON object a line, as `cargo run -p judge --example samples` prints them. Prints one line a check, and ends with a
non-zero status where something differs. Without scipy it says so and ends well.
"""

import collections
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy
    from scipy import stats
except ImportError as error:
    print(f"skipped: {error.name} is not installed; tests/peers/requirements.txt names it")
    sys.exit(0)

# Up to these the judge counts instead of approximating; it is asked by the size of its own table.
MOST_WORK = 2_000_000
# More ways to deal samples out than this take scipy too long.
MOST_WAYS = 20_000

checks = collections.Counter()
failures = []


def close(what, number, seen, wanted, relative=1e-9, absolute=1e-12):
    checks[what] += 1
    if seen is None or not math.isclose(seen, wanted, rel_tol=relative, abs_tol=absolute):
        failures.append(f"line {number}: {what} is {seen!r}, not {wanted!r}")


def counted(n, m):
    return n * (n + 1) // 2 * (m * (m + 1) // 2) <= MOST_WORK


def tail(canaries, baselines, u):
    """The probability of a U of at most `u` where nothing differs and all samples do: scipy's, of samples that have this U."""
    if u < 0:
        return 0.0
    baseline = numpy.arange(baselines, dtype=float)
    canary, rest = [], u
    for index in range(canaries):
        above = min(baselines, rest)
        rest -= above
        canary.append(above - 0.5 + index * 1e-6)
    return stats.mannwhitneyu(canary, baseline, method="exact", alternative="less").pvalue


def rank_sum(x, y, axis):
    return x.sum(axis=axis)


def with_scipy(number, line):
    x, y = numpy.array(line["canary"]), numpy.array(line["baseline"])
    m, n, exact, alpha = len(x), len(y), line["exact"], 1 - line["confidence"]
    ties = len(numpy.unique(numpy.concatenate([x, y]))) < n + m
    constant = len(numpy.unique(numpy.concatenate([x, y]))) == 1
    if not constant:
        asymptotic = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=True)
        close("scipy: U", number, exact["u"], asymptotic.statistic)
        if line["kayenta"]["p"] is not None:
            close("scipy: p by the normal approximation, Kayenta's", number, line["kayenta"]["p"], asymptotic.pvalue)
        if not counted(n, m):
            close("scipy: p by the normal approximation", number, exact["p"], asymptotic.pvalue)
    if counted(n, m) and not ties:
        close("scipy: p, exact", number, exact["p"], stats.mannwhitneyu(x, y, method="exact").pvalue)
    if counted(n, m) and ties and min(n, m) > 1 and math.comb(n + m, n) <= MOST_WAYS:
        ranks = numpy.split(stats.rankdata(numpy.concatenate([x, y])), [m])
        every = stats.permutation_test(ranks, rank_sum, vectorized=True, n_resamples=numpy.inf)
        close("scipy: p by all permutations, with ties", number, exact["p"], every.pvalue)

    differences = numpy.sort(numpy.subtract.outer(x, y).ravel())
    close("numpy: estimate", number, exact["estimate"], float(numpy.median(differences)))
    if exact["interval"] is None:
        checks["scipy: too few for an interval"] += 1
        if counted(n, m) and not 2 / math.comb(n + m, n) >= alpha:
            failures.append(f"line {number}: {m} against {n} samples are enough")
        return
    low, high = exact["interval"]
    # The rank that the ends must have: the greatest that leaves out less than alpha. The normal approximation of it is the answer
    # for many samples, and for few a place to look from.
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    rank = math.floor(n * m / 2 + 0.5 - stats.norm.isf(alpha / 2) * spread)
    if counted(n, m):
        rank = max(rank, 1)
        while rank > 1 and 2 * tail(m, n, rank - 1) >= alpha:
            rank -= 1
        while 2 * tail(m, n, rank) < alpha:
            rank += 1
    close("numpy: the interval's lower end", number, low, differences[rank - 1], 0, 0)
    close("numpy: the interval's upper end", number, high, differences[n * m - rank], 0, 0)


def with_r(lines):
    rscript = shutil.which("Rscript")
    if rscript is None:
        print("skipped: Rscript is not on the path; R has nothing to say")
        return
    with tempfile.TemporaryDirectory() as folder:
        asked = pathlib.Path(folder) / "samples"
        with asked.open("w") as file:
            for line in lines:
                for samples in (line["canary"], line["baseline"]):
                    print(*(repr(sample) for sample in samples), file=file)
        script = pathlib.Path(__file__).with_name("judge.R")
        command = [rscript, "--vanilla", str(script), str(asked), repr(lines[0]["confidence"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"R failed: {done.stderr}")
    answers = done.stdout.splitlines()
    if len(answers) != len(lines):
        sys.exit(f"R answered {len(answers)} of {len(lines)} lines")
    for number, (line, answer) in enumerate(zip(lines, answers), 1):
        p, low, high, estimate, exact_p, exact_low, exact_high, exact_estimate = (
            None if word == "NA" else float(word) for word in answer.split()
        )
        kayenta, exact = line["kayenta"], line["exact"]
        if low is None:
            checks["R: no interval by roots"] += 1
            if kayenta["interval"] is not None:
                failures.append(f"line {number}: R has no interval, and the judge {kayenta['interval']}")
        else:
            if kayenta["p"] is not None:
                close("R: p by the normal approximation", number, kayenta["p"], p)
            close("R: the interval's lower end by roots", number, kayenta["interval"][0], low, 1e-9, 1e-9)
            close("R: the interval's upper end by roots", number, kayenta["interval"][1], high, 1e-9, 1e-9)
            close("R: the estimate by a root", number, kayenta["estimate"], estimate, 1e-9, 1e-9)
        if exact_p is not None:
            close("R: p, exact", number, exact["p"], exact_p)
            close("R: estimate, exact", number, exact["estimate"], exact_estimate)
            # R has an interval also where too few samples reach less than the confidence.
            if exact["interval"] is not None:
                close("R: the interval's lower end, exact", number, exact["interval"][0], exact_low)
                close("R: the interval's upper end, exact", number, exact["interval"][1], exact_high)


def main(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    for number, line in enumerate(lines, 1):
        with_scipy(number, line)
    with_r(lines)
    for what, count in sorted(checks.items()):
        print(f"ok: {what}: {count}" if not failures else f"compared: {what}: {count}")
    if failures:
        sys.exit("\n".join([f"{len(failures)} differ", *failures[:20]]))


if __name__ == "__main__":
    main(sys.argv[1])
