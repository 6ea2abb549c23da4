//! `[[fault]]`s of disks, and DeleteRecords (D-6).

use super::error::ScenarioError;
use super::fault::{Names, later, partition_id, process, same};
use super::table::Table;
use crate::ids::Offset;
use crate::scenario::{Action, DiskDeed, Intervention, Target};
use crate::session::has_disk;
use crate::time::{SimDuration, SimTime};

/// What these faults are called.
pub(super) const ACTIONS: &[&str] = &["wipe", "disk-failure", "slow-disk", "delete-records"];

/// One fault, as one, two or three interventions.
pub(super) fn fault(
    table: &Table,
    what: &str,
    at: SimTime,
    names: &Names,
    list: &mut Vec<Intervention>,
) -> Result<(), ScenarioError> {
    let index = u32::try_from(list.len()).expect("at most three a fault");
    let mut add = |at, action| list.push(Intervention { at, action });
    if what == "delete-records" {
        table.known(&["at", "delete-records", "before"])?;
        let partition =
            table.parsed("delete-records", |text| partition_id(text, names))?.ok_or_else(|| table.missing("delete-records"))?;
        let before = table.integer("before", 0, i64::MAX.unsigned_abs())?.map(|n| Offset(n.cast_signed()));
        add(at, Action::DeleteRecords { partition, before });
        return Ok(());
    }
    let target = process(table, what, names)?;
    if !has_disk(&target) {
        return Err(table.error(table.need(what)?.span(), "only brokers have disks"));
    }
    let undone = same(&target, index);
    match what {
        "wipe" => {
            table.known(&["at", "wipe", "restart"])?;
            add(at, Action::Disk { target, deed: DiskDeed::Wipe });
        }
        "disk-failure" => {
            table.known(&["at", "disk-failure", "until", "restart"])?;
            add(at, Action::Disk { target, deed: DiskDeed::Fail });
            if let Some(until) = later(table, "until", at)? {
                add(until, Action::Disk { target: undone, deed: DiskDeed::Mend });
            }
        }
        _ => {
            table.known(&["at", "slow-disk", "extra", "until"])?;
            let extra = table.need_duration("extra", SimDuration(1), SimDuration::from_secs(3_600))?.1;
            add(at, Action::Disk { target, deed: DiskDeed::Slow(extra) });
            if let Some(until) = later(table, "until", at)? {
                add(until, Action::Disk { target: undone, deed: DiskDeed::Slow(SimDuration::ZERO) });
            }
        }
    }
    if let Some(restart) = later(table, "restart", at)? {
        add(restart, Action::Restart { target: Target::SameAs(index) });
    }
    Ok(())
}
