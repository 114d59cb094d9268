//! Plugin manual-approval.
