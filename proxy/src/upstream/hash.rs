//! A hash that is the same in every vordr, of every version: clients are kept at their servers by it.

/// FNV-1a, stirred (the finisher of SplitMix64), as its high bits alone are not spread well enough.
pub(super) fn of(bytes: &[u8]) -> u64 {
    stir(
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        }),
    )
}

/// One hash of two.
pub(super) fn both(one: u64, other: u64) -> u64 {
    stir(one ^ other.rotate_left(32))
}

fn stir(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        assert_eq!(of(b""), 0xc381_7c01_6ba4_ff30);
        assert_eq!(of(b"127.0.0.1:8000"), of(b"127.0.0.1:8000"));
        assert_ne!(of(b"127.0.0.1:8000"), of(b"127.0.0.1:8001"));
        assert_ne!(both(1, 2), both(2, 1));
    }
}
