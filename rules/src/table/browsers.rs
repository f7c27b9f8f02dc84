//! Browsers that are treated otherwise than others.

/// The browsers whose connections are closed where others' are kept (`keepalive … except=`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Browsers {
    /// MSIE 4 to 6, behind a POST.
    pub msie6: bool,
    /// Safari, and whatever else says that it is Safari on a Mac or an iPhone.
    pub safari: bool,
}

impl Browsers {
    /// As they are written.
    pub const NAMES: [&'static str; 2] = ["msie6", "safari"];

    /// Those of that name besides; `None` where there is no such name.
    pub fn with(self, name: &str) -> Option<Self> {
        match name {
            "msie6" => Some(Self { msie6: true, ..self }),
            "safari" => Some(Self { safari: true, ..self }),
            _ => None,
        }
    }

    /// Their names, as they are written; nobody is `off`.
    pub fn names(self) -> &'static str {
        match (self.msie6, self.safari) {
            (false, false) => "off",
            (true, false) => "msie6",
            (false, true) => "safari",
            (true, true) => "msie6 safari",
        }
    }
}
