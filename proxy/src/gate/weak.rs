//! `{SHA}`, `{SSHA}` and `{PLAIN}`: how nginx lets a password stand in an htpasswd file, too.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whether a text is one of these.
pub(super) fn is_known(text: &str) -> bool {
    text.starts_with("{PLAIN}") || digest(text).is_some()
}

/// Whether it is this password's.
pub(super) fn is_of(text: &str, password: &[u8]) -> bool {
    if let Some(plain) = text.strip_prefix("{PLAIN}") {
        return verify_slices_are_equal(plain.as_bytes(), password).is_ok();
    }
    let Some((wanted, salt)) = digest(text) else { return false };
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(password);
    context.update(&salt);
    verify_slices_are_equal(context.finish().as_ref(), &wanted).is_ok()
}

/// The digest, and the salt that stands behind it.
fn digest(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let salted = text.strip_prefix("{SSHA}");
    let mut digest = STANDARD.decode(salted.or_else(|| text.strip_prefix("{SHA}"))?).ok()?;
    if digest.len() < SHA1_OUTPUT_LEN || (salted.is_none() && digest.len() > SHA1_OUTPUT_LEN) {
        return None;
    }
    let salt = digest.split_off(SHA1_OUTPUT_LEN);
    Some((digest, salt))
}
