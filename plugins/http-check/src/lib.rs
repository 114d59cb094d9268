//! Plugin http-check.
