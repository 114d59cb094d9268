# Thin aliases: each recipe is one command that works without just.

# A whole deployment against the simulated account: `just demo canary --bad`.
demo *args:
    cargo xtask demo {{args}}

# Every test.
test:
    cargo xtask test

# The guests, into target/plugins.
plugins:
    cargo xtask plugins

# The figures of docs/benchmarks.md.
bench:
    cargo xtask bench

# Every moment of every deployment killed, every call of a cloud failed: minutes, with a report.
campaign:
    cargo xtask campaign

# What CI checks besides the tests.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo deny check licenses bans sources

# A minute of fuzzing for each target.
fuzz:
    tests/fuzz/run
