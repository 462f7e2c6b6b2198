//! Gateways: how an application is called. Each is a guest of [`uswgi_serve::gateway`].
//!
//! * [`wsgi`]: PEP 3333. * [`gevent`]: the same in greenlets. * [`asgi`]: ASGI 3 in tasks. * [`cooperate`]: waits of a lane that shares its thread.

pub(crate) mod asgi;
pub(crate) mod cooperate;
pub(crate) mod gevent;
pub(crate) mod wsgi;
