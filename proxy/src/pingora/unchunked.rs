//! Answers without chunks, for clients of HTTP/1.0, which know none (RFC 9112, section 6.1).

use async_trait::async_trait;
use http::header::TRANSFER_ENCODING;
use pingora_core::Result;
use pingora_core::modules::http::{HttpModule, HttpModuleBuilder, HttpModules, Module};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::any::Any;

/// Has the present answer sent without chunks: the end of the connection ends its body. This holds behind all hooks, after
/// which Pingora itself asks for chunks where the upstream speaks HTTP/2.
pub(super) fn send(session: &mut Session) {
    let mut modules = HttpModules::new();
    modules.add_module(Box::new(Unchunked));
    session.downstream_modules_ctx = modules.build_ctx();
}

/// The last that sees the answer's head.
struct Unchunked;

impl HttpModuleBuilder for Unchunked {
    fn init(&self) -> Module {
        Box::new(Self)
    }
}

#[async_trait]
impl HttpModule for Unchunked {
    async fn response_header_filter(&mut self, response: &mut ResponseHeader, _: bool) -> Result<()> {
        response.remove_header(&TRANSFER_ENCODING);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
