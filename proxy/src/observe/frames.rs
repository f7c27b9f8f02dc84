//! Records one behind another, each with its length before it: what is in them may hold any byte.

/// How long a record's length is.
const LENGTH: usize = size_of::<usize>();

/// Appends what `write` writes as one record; none where that is nothing.
pub(super) fn push(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    // On its own, so that a panic leaves no length without its record.
    let mut record = Vec::new();
    write(&mut record);
    if !record.is_empty() {
        bytes.extend_from_slice(&record.len().to_le_bytes());
        bytes.append(&mut record);
    }
}

/// The records, in their order.
pub(super) fn all(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
        let (record, rest) = rest.split_at_checked(usize::from_le_bytes(*length))?;
        bytes = rest;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_went_in_whatever_it_holds() {
        let mut bytes = Vec::new();
        let records: [&[u8]; 3] = [b"one\n\0two\n", &[0; 20], b"\n"];
        records.iter().for_each(|record| push(&mut bytes, |bytes| bytes.extend_from_slice(record)));
        push(&mut bytes, |_| {});
        assert!(all(&bytes).eq(records));
    }
}
