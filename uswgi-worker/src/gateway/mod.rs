//! Gateways: how an application is called. Each is a guest of [`uswgi_serve::gateway`].
//!
//! * [`wsgi`]: PEP 3333.

pub(crate) mod wsgi;
