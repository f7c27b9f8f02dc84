//! An origin that costs as little as it can: `origin LISTEN`. `/small` is 100 bytes, `/64k` and `/1m` what they say.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let listen = std::env::args().nth(1).expect("origin LISTEN");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        let answers: &'static [Vec<u8>; 3] = Box::leak(Box::new([answer(100), answer(64 << 10), answer(1 << 20)]));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream, answers));
        }
    })
}

fn answer(length: usize) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + length, b'x');
    bytes
}

/// One request after another; none has a body, and none is sent ahead.
async fn serve(mut stream: TcpStream, answers: &'static [Vec<u8>; 3]) {
    let mut head = Vec::with_capacity(4096);
    while let Ok(1..) = stream.read_buf(&mut head).await {
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let answer = match &head {
            head if head.starts_with(b"GET /64k") => &answers[1],
            head if head.starts_with(b"GET /1m") => &answers[2],
            _ => &answers[0],
        };
        if stream.write_all(answer).await.is_err() {
            return;
        }
        head.clear();
    }
}
