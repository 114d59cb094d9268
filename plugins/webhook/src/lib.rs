//! Plugin webhook.
