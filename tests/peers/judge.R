# Asks R's own wilcox.test about pairs of lines: samples of the canary, samples of the baseline.
#
# Usage: judge.R FILE CONFIDENCE
#
# Prints a line a pair: p, interval and estimate by the normal approximation, then the same without it; NA where there is none. The
# first estimate is the root of R's uniroot with the correction for continuity, which wilcox.test leaves out of its estimate.

arguments <- commandArgs(trailingOnly = TRUE)
lines <- readLines(arguments[1])
confidence <- as.numeric(arguments[2])
numbers <- function(line) as.numeric(strsplit(line, " ")[[1]])

ask <- function(x, y, exact) {
  answer <- function() {
    test <- suppressWarnings(wilcox.test(x, y, conf.int = TRUE, exact = exact, correct = TRUE, conf.level = confidence))
    c(test$p.value, test$conf.int, test$estimate)
  }
  tryCatch(answer(), error = function(e) rep(NA, 4))
}

estimate <- function(x, y) {
  deviation <- function(shift) {
    ranks <- rank(c(x - shift, y))
    ties <- table(ranks)
    n <- length(x)
    m <- length(y)
    distance <- sum(ranks[seq_along(x)]) - n * (n + 1) / 2 - n * m / 2
    sigma <- sqrt(n * m / 12 * ((n + m + 1) - sum(ties^3 - ties) / ((n + m) * (n + m - 1))))
    if (sigma == 0) stop("all samples are equal")
    (distance - 0.5 * sign(distance)) / sigma
  }
  tryCatch(uniroot(deviation, c(min(x) - max(y), max(x) - min(y)), tol = 1e-4)$root, error = function(e) NA)
}

for (pair in seq(1, length(lines), by = 2)) {
  x <- numbers(lines[pair])
  y <- numbers(lines[pair + 1])
  approximate <- ask(x, y, FALSE)
  approximate[4] <- estimate(x, y)
  counted <- length(x) < 50 && length(y) < 50 && !anyDuplicated(c(x, y))
  exact <- if (counted) ask(x, y, TRUE) else rep(NA, 4)
  cat(format(c(approximate, exact), digits = 17, trim = TRUE, scientific = TRUE), "\n")
}
