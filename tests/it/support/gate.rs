//! A way to a server that can be shut: what is sent to it then waits until it is opened again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Open at first, and when dropped.
pub struct Gate {
    address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// To the server at this address of HTTP, which has no path.
    pub fn to(server: &str) -> Self {
        let server: SocketAddr = server.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, way) = (listener.local_addr().unwrap(), Arc::new(Way::default()));
        let shared = way.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = shared.clone();
                thread::spawn(move || connect(&way, client, server));
            }
        });
        Self { address, way }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn shut(&self) {
        self.set(true);
    }

    pub fn open(&self) {
        self.set(false);
    }

    fn set(&self, is_shut: bool) {
        *self.way.is_shut.lock().unwrap() = is_shut;
        self.way.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

fn connect(way: &Arc<Way>, client: TcpStream, server: SocketAddr) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else { return };
    thread::spawn(move || pass(from_server, to_client, || {}));
    pass(client, server, || {
        let shut = way.is_shut.lock().unwrap();
        drop(way.changed.wait_while(shut, |is_shut| *is_shut).unwrap());
    });
}

/// Passes on what comes, each time after `wait`.
fn pass(mut from: TcpStream, mut to: TcpStream, wait: impl Fn()) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        wait();
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Whoever waits for more learns that there is none.
    let _ = to.shutdown(Shutdown::Write);
}
