//! What the kernel has said of a socket that is watched edge-triggered: whether it may be asked, until it says no.

/// See above.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// It will send no more: a short read does not mean that there is no end behind it.
    pub(crate) hung_up: bool,
}

impl Ready {
    /// The kernel says so.
    pub(crate) fn hear(&mut self, readable: bool, writable: bool, hung_up: bool) {
        self.readable |= readable || hung_up;
        self.writable |= writable || hung_up;
        self.hung_up |= hung_up;
    }

    /// A look has emptied it, or not.
    pub(crate) fn emptied(&mut self, empty: bool) {
        self.readable &= !empty || self.hung_up;
    }
}
