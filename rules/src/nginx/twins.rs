//! Locations that nothing comes to, as another one has all that they would have.

use super::Nginx;
use super::location::split_modifier;
use super::scope::Scope;
use super::tree::Directive;

impl Nginx<'_, '_> {
    /// Whether another location has all that this one would have; that has been told.
    pub(super) fn is_never_reached(&mut self, location: &Directive, around: &Scope<'_>) -> bool {
        let (modifier, path) = modifier_and_path(location);
        let beside = around.innermost();
        let is_beside = |other: &Directive| beside.iter().any(|one| std::ptr::eq(one, other));
        let twin = match modifier {
            // Regexes are asked in the order written.
            "~" | "~*" => beside
                .iter()
                .take_while(|other| !std::ptr::eq(*other, location))
                .filter(|other| other.name.value == "location")
                .find(|other| modifier_and_path(other) == (modifier, path)),
            // The search goes inwards only where nothing longer stands outside.
            _ if around.locations().next().is_some() => around
                .every("location")
                .filter(|other| !is_beside(other))
                .find(|other| is_alike(modifier_and_path(other), (modifier, path))),
            _ => None,
        };
        let Some(twin) = twin else { return false };
        let place = self.reading.sources.place(twin.name.span);
        let message =
            format!("nothing comes to this location: that at {}:{} has its path", place.file, place.line);
        self.trap(location.name.span, message, "leave one out");
        true
    }
}

/// Whether both are prefixes, or both whole paths, and the same.
fn is_alike((one, path): (&str, &str), (other, same): (&str, &str)) -> bool {
    let is_prefix = |modifier: &str| matches!(modifier, "" | "^~");
    path == same && ((is_prefix(one) && is_prefix(other)) || (one == "=" && other == "="))
}

/// What stands before a location's path, and the path.
pub(super) fn modifier_and_path(location: &Directive) -> (&str, &str) {
    match location.arguments.len() {
        1 => split_modifier(location.first()).unwrap_or(("", location.first())),
        _ => (location.first(), location.argument(1)),
    }
}
