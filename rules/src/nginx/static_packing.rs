//! `gzip_static`: files that are packed already.

use super::Nginx;
use super::scope::Scope;

impl Nginx<'_, '_> {
    /// `gzip_static`
    pub(super) fn read_static_packing(&mut self, scope: &Scope<'_>) -> bool {
        let Some(directive) = scope.find("gzip_static") else { return false };
        match directive.first() {
            "off" => false,
            "on" => true,
            "always" => {
                let message = "what is packed goes to clients that take it, never \"always\"";
                self.refuse(directive.span_of(0), message, "write `on`");
                false
            }
            _ => {
                self.invalid(directive, 0);
                false
            }
        }
    }
}
