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

# How far U is from its middle, in standard deviations, when the canary is shifted back: by comparing all pairs.
deviation <- function(shift, x, y) {
  moved <- x - shift
  pairs <- length(x) * length(y)
  all <- length(x) + length(y)
  u <- sum(outer(moved, y, ">")) + sum(outer(moved, y, "==")) / 2
  groups <- rle(sort(c(moved, y)))$lengths
  variance <- pairs / 12 * (all + 1 - sum(groups * (groups^2 - 1)) / (all * (all - 1)))
  if (variance == 0) stop("all samples are equal")
  distance <- u - pairs / 2
  sign(distance) * (abs(distance) - 0.5 * (distance != 0)) / sqrt(variance)
}

estimate <- function(x, y) {
  ends <- c(min(x) - max(y), max(x) - min(y))
  tryCatch(uniroot(deviation, ends, x, y, tol = 1e-4)$root, error = function(e) NA)
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
