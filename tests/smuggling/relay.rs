//! A proxy that reads nothing: what comes is handed on.

use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Starts one; it ends with the test.
pub(super) async fn to(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(upstream).await.expect("the upstream");
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}
