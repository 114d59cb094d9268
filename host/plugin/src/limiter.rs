//! Memory, tables and instances of one call: a running sum over the whole store, not each by itself.
//!
//! Refuses growth and remembers that it did; the guest usually traps then, and `trap.rs` tells the budget instead.

use wasmtime::ResourceLimiter;

use crate::Budgets;
use crate::budgets::{Exceeded, bytes};

/// What one call has taken, and what it may take.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: u64,
    memory_limit: u64,
    table_limit: u64,
    instances: usize,
    tables: usize,
    memories: usize,
    refused: Option<Exceeded>,
}

impl Limiter {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self {
            memory: 0,
            memory_limit: budgets.memory_bytes,
            table_limit: budgets.table_elements,
            instances: budgets.instances as usize,
            tables: budgets.tables as usize,
            memories: budgets.memories as usize,
            refused: None,
        }
    }

    /// Bytes of all linear memories.
    pub(crate) const fn memory(&self) -> u64 {
        self.memory
    }

    /// The first growth that was refused.
    pub(crate) const fn refused(&self) -> Option<&Exceeded> {
        self.refused.as_ref()
    }

    fn refuse(&mut self, exceeded: impl FnOnce() -> Exceeded) {
        if self.refused.is_none() {
            self.refused = Some(exceeded());
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        let sum = self.memory.saturating_add(more);
        if sum > self.memory_limit {
            let (have, limit) = (self.memory, self.memory_limit);
            self.refuse(|| {
                Exceeded::new("memory", bytes(limit), format!("it had {} and asked for {} more", bytes(have), bytes(more)))
            });
            return Ok(false);
        }
        self.memory = sum;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a plugin's memory could not grow");
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired as u64 > self.table_limit {
            let limit = self.table_limit;
            self.refuse(|| Exceeded::new("table elements", limit.to_string(), format!("it asked for {desired}")));
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(&Budgets { memory_bytes: 3 << 16, ..Budgets::default() });
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(!limiter.memory_growing(1 << 16, 3 << 16, None).unwrap());
        assert!(limiter.memory_growing(1 << 16, 2 << 16, None).unwrap());
        assert_eq!(limiter.memory(), 3 << 16);
        insta::assert_snapshot!(limiter.refused().unwrap(), @"used up its budget `memory` of 192 KiB: it had 128 KiB and asked for 128 KiB more");
    }
}
