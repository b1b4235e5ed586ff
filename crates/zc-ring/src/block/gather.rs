//! Gathering: one column of rows → numbers in logical form, end to end.

use crate::rows::{ColumnType, Field, Rows};

use super::stats::is_signed;

/// The numbers of a column, one for each row. Where a row has no value, whatever stands there.
pub(super) fn numbers(rows: &Rows<'_>, field: &Field, column_type: ColumnType, out: &mut [u64]) {
    match rows.copies {
        Some(_) => {
            for (row, number) in out.iter_mut().enumerate() {
                *number = rows.number(row, *field);
            }
        }
        None => runs(rows, field, out),
    }
    extend(column_type, out);
}

/// Run by run: what kind of column it is is asked once a run, not once a row.
fn runs(rows: &Rows<'_>, field: &Field, out: &mut [u64]) {
    let (mut at, mut rest) = (0, out);
    while !rest.is_empty() {
        let run = rows.store.run(rows.sequence(at), rest.len(), field);
        let (now, later) = rest.split_at_mut(run.len());
        at += now.len();
        let mut places = now.iter_mut();
        run.fold((), |(), number| {
            if let Some(place) = places.next() {
                *place = number;
            }
        });
        rest = later;
    }
}

/// Narrow numbers come without their sign, and with what stands beside them in their word.
fn extend(column_type: ColumnType, numbers: &mut [u64]) {
    let unused = 64 - 8 * column_type.bytes() as u32;
    if unused == 0 {
        return;
    }
    if is_signed(column_type) {
        for number in numbers {
            *number = ((*number << unused) as i64 >> unused) as u64;
        }
    } else {
        for number in numbers {
            *number = *number << unused >> unused;
        }
    }
}
