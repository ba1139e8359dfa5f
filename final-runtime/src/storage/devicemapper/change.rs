//! Changes that a crash cannot divide.
//!
//! The pool has records of its own, and keeps a number for us, the *transaction id*
//! (thin-provisioning.rst). Each change is four steps, each of which is on the disk before the next:
//!
//! 1. we write down what is about to be done;
//! 2. the pool does it;
//! 3. the pool counts its transaction id up;
//! 4. we write down that it is done.
//!
//! Whoever is killed in between leaves a note of step 1; the pool's transaction id then tells
//! whether step 3 was reached. If so the change is completed, if not it is undone, or done again.
//! If there is no note, and the ids differ, somebody else has changed the pool.

use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::records::{Records, Thin};

/// What is about to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Making a device.
    Create {
        /// What it will be called.
        name: String,
        /// What it will be.
        thin: Thin,
        /// The number of the device that it is to be a snapshot of.
        origin: Option<u32>,
    },
    /// Removing one.
    Delete {
        /// What it is called.
        name: String,
        /// Its number.
        id: u32,
    },
}

impl Change {
    /// The number of the device that it is about.
    pub fn id(&self) -> u32 {
        match self {
            Self::Create { thin, .. } => thin.id,
            Self::Delete { id, .. } => *id,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Create { name, thin, .. } => write!(f, "making device {} for {name}", thin.id),
            Self::Delete { name, id } => write!(f, "removing device {id} of {name}"),
        }
    }
}

/// What is to be done about a change that was not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// The device may be there: it has to go, and whoever waits for its origin to go on.
    Undo(Change),
    /// The device may be there: it has to go, and the transaction to be counted.
    Again(Change),
    /// All is done but step 4.
    Note(Change),
}

impl Records {
    /// What a killed process has left to be done, if the pool's transaction id is this.
    pub fn unsettled(&self, transaction: u64) -> Result<Option<Unsettled>> {
        match (&self.pending, transaction.checked_sub(self.transaction)) {
            (None, Some(0)) => Ok(None),
            (Some(change @ Change::Create { .. }), Some(0)) => {
                Ok(Some(Unsettled::Undo(change.clone())))
            }
            (Some(change @ Change::Delete { .. }), Some(0)) => {
                Ok(Some(Unsettled::Again(change.clone())))
            }
            (Some(change), Some(1)) => Ok(Some(Unsettled::Note(change.clone()))),
            _ => bail!(
                "somebody else has changed the pool: its transaction id is {transaction}, and should be {}",
                self.transaction
            ),
        }
    }

    /// Step 4.
    pub fn complete(&mut self, change: Change) {
        match change {
            Change::Create { name, thin, .. } => drop(self.devices.insert(name, thin)),
            Change::Delete { name, .. } => drop(self.devices.remove(&name)),
        }
        self.transaction += 1;
        self.pending = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::devicemapper::records::Backing;

    fn thin(id: u32) -> Thin {
        Thin { id, size: 1 << 20, filesystem: None, sealed: None }
    }

    fn create() -> Change {
        Change::Create { name: "a".into(), thin: thin(7), origin: Some(1) }
    }

    fn delete() -> Change {
        Change::Delete { name: "a".into(), id: 7 }
    }

    /// With transaction id 5, as after a crash.
    fn records(pending: Option<Change>) -> Records {
        let records = Records::new(Backing::Files, 64 << 10).expect("there is chance");
        Records { transaction: 5, pending, ..records }
    }

    #[test]
    fn the_transaction_id_tells_how_far_a_change_has_come() {
        let found = |pending, id| records(pending).unsettled(id).expect("it is ours");
        assert_eq!(found(None, 5), None);
        assert_eq!(found(Some(create()), 5), Some(Unsettled::Undo(create())));
        assert_eq!(found(Some(create()), 6), Some(Unsettled::Note(create())));
        assert_eq!(found(Some(delete()), 5), Some(Unsettled::Again(delete())));
        assert_eq!(found(Some(delete()), 6), Some(Unsettled::Note(delete())));
    }

    #[test]
    fn what_we_have_not_done_somebody_else_has() {
        for (pending, id) in [(None, 4), (None, 6), (Some(create()), 7), (Some(delete()), 4)] {
            let error = records(pending).unsettled(id).expect_err("it is not ours").to_string();
            assert!(error.contains("somebody else"), "{error}");
            assert!(error.contains(&format!("is {id}")), "{error}");
        }
    }

    #[test]
    fn a_completed_change_is_counted() {
        let mut records = records(Some(create()));
        records.complete(create());
        assert_eq!((records.transaction, &records.pending), (6, &None));
        assert_eq!(records.device("a").expect("it is there"), &thin(7));
        assert_eq!(records.free_id().expect("there are some"), 8);
        records.complete(delete());
        assert_eq!(records.transaction, 7);
        records.device("a").expect_err("it is gone");
    }
}
