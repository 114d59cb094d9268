//! Plugin prometheus.
