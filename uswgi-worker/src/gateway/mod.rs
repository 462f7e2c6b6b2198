//! Gateways: how an application is called. Each is a guest of [`uswgi_serve::gateway`].
//!
//! * [`wsgi`]: PEP 3333. * [`gevent`]: the same in greenlets. * [`cooperate`]: waits of a lane that shares its thread.

pub(crate) mod cooperate;
pub(crate) mod gevent;
pub(crate) mod wsgi;
