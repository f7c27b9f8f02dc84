//! `$apr1$`: Apache's own password hash, a thousand rounds of MD5, which `htpasswd -m` writes; and `$1$`, of which it is made.

use md5::{Digest, Md5};

/// How hashes of Apache's begin.
pub(super) const APACHE: &str = "$apr1$";
/// How hashes of crypt(3) by MD5 begin.
pub(super) const CRYPT: &str = "$1$";
const ROUNDS: usize = 1000;
/// Six bits a letter, lowest first.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Which bytes of the digest make four letters together.
const GROUPS: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// The hash of a password with a salt of at most eight bytes: the 22 letters after the salt's `$`.
pub(super) fn hash(password: &[u8], salt: &[u8], prefix: &str) -> Vec<u8> {
    let inner: [u8; 16] =
        Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut first = Md5::new().chain_update(password).chain_update(prefix).chain_update(salt);
    for part in password.chunks(16) {
        first.update(inner.get(..part.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut digest: [u8; 16] = first.finalize().into();
    for round in 0..ROUNDS {
        digest = again(round, &digest, password, salt);
    }
    letters(&digest)
}

fn again(round: usize, digest: &[u8; 16], password: &[u8], salt: &[u8]) -> [u8; 16] {
    let (head, tail): (&[u8], &[u8]) = if round % 2 == 1 { (password, digest) } else { (digest, password) };
    let mut next = Md5::new().chain_update(head);
    if !round.is_multiple_of(3) {
        next.update(salt);
    }
    if !round.is_multiple_of(7) {
        next.update(password);
    }
    next.chain_update(tail).finalize().into()
}

fn letters(digest: &[u8; 16]) -> Vec<u8> {
    let byte = |at: usize| u32::from(digest.get(at).copied().unwrap_or_default());
    let mut text = Vec::with_capacity(22);
    let mut write = |mut bits: u32, count: usize| {
        for _ in 0..count {
            text.extend(LETTERS.get((bits & 63) as usize));
            bits >>= 6;
        }
    };
    for [high, middle, low] in GROUPS {
        write(byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    write(byte(11), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_openssl_passwd() {
        for (password, salt, expected) in VECTORS {
            let found = hash(password.as_bytes(), salt.as_bytes(), APACHE);
            assert_eq!(String::from_utf8_lossy(&found), expected, "{password}");
        }
    }

    #[test]
    fn crypts_own_differ_by_their_prefix() {
        assert_eq!(hash(b"password", b"saltsalt", CRYPT), b"qjXMvbEw8oaL.CzflDtaK/");
    }

    const VECTORS: [(&str, &str, &str); 4] = [
        ("secret", "saltsalt", "LrttParrLPdxvgutaSXWJ0"),
        ("correct horse battery staple", "ab", "FH/wrh1FLRfeI48WT8Ifu1"),
        ("x", "12345678", "zbBEMgfXu4mAHPrplrtNt."),
        ("sixteen letters!", "./AZaz09", "OUNGzKzUfU7A7VimwtZJF/"),
    ];
}
