//! Which worker takes which exercise.
//!
//! A worker builds a step's tests once, so it should stay with a step. Each has its stretch of the
//! course, which begins with its last step, since that is made of all before it and takes longest to
//! build. When a worker is through it helps from the end of the longest stretch that is left: there
//! are the steps that it has soon built too.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use conformance::Exercise;

use crate::tree::Step;

type Work<'a> = (&'a Step, &'a Exercise);

/// What is left to be done.
pub struct Queue<'a>(Mutex<Vec<VecDeque<Work<'a>>>>);

impl<'a> Queue<'a> {
    /// All of it, for so many workers.
    pub fn new(mut work: Vec<Work<'a>>, workers: usize) -> Self {
        work.reverse();
        let length = work.len().div_ceil(workers).max(1);
        let mut stretches: Vec<VecDeque<_>> = Vec::new();
        while !work.is_empty() {
            let rest = work.split_off(length.min(work.len()));
            stretches.push(work.into());
            work = rest;
        }
        stretches.resize(workers, VecDeque::new());
        Self(Mutex::new(stretches))
    }

    /// What this worker, counted from 0, is to do next.
    pub fn next(&self, worker: usize) -> Option<Work<'a>> {
        let mut stretches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = stretches[worker].pop_front() {
            return Some(own);
        }
        stretches.iter_mut().max_by_key(|stretch| stretch.len())?.pop_back()
    }
}
