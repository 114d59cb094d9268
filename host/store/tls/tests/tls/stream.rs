//! How bytes move: over streams that would block, in large messages, and to the good-bye.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use native_tls::{HandshakeError, TlsConnector, TlsStream};
use rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::server::{Seen, Server, Setup, connect, connector, message};

/// Would block at every second call, and takes and gives only a few bytes at the others.
struct Stutter {
    tcp: TcpStream,
    most: usize,
    calls: usize,
    blocked: usize,
}

impl Stutter {
    fn turn(&mut self, wanted: usize) -> io::Result<usize> {
        self.calls += 1;
        if self.calls % 2 == 1 {
            self.blocked += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(wanted.min(self.most))
    }
}

impl Read for Stutter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.turn(buffer.len())?;
        self.tcp.read(&mut buffer[..most])
    }
}

impl Write for Stutter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let most = self.turn(buffer.len())?;
        self.tcp.write(&buffer[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.turn(0).map(drop)
    }
}

fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

fn shake_hands_patiently(connector: &TlsConnector, stream: Stutter) -> TlsStream<Stutter> {
    let mut end = connector.connect("db.example", stream);
    loop {
        end = match end {
            Ok(stream) => return stream,
            Err(HandshakeError::WouldBlock(mut waiting)) => {
                assert!(waiting.get_mut().blocked > 0);
                waiting.handshake()
            }
            Err(HandshakeError::Failure(error)) => panic!("{error}"),
        };
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| u8::try_from(place * 31 % 251).expect("a byte")).collect()
}

#[test]
fn a_stream_that_would_block_at_every_second_call_gets_through() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    for (versions, most) in [(&[&TLS12], 7), (&[&TLS13], 7), (&[&TLS13], 5_000)] {
        let server = Server::with(Setup { issued: &issued, signs_with: &issued, versions, clients_of: None });
        let stutter = Stutter { tcp: server.tcp(), most, calls: 0, blocked: 0 };
        let mut stream = shake_hands_patiently(&connector(&ours.pem(), |_| {}), stutter);
        let payload = bytes(100_000);
        let sent = message(&payload);
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let written = patiently(|| stream.write(rest)).expect("sent");
            rest = &rest[written..];
        }
        let mut back = Vec::new();
        while back.len() < payload.len() {
            let mut buffer = [0; 3_000];
            let read = patiently(|| stream.read(&mut buffer)).expect("received");
            back.extend_from_slice(&buffer[..read]);
        }
        assert!(back == payload, "every byte, once, in order");
        patiently(|| stream.shutdown()).expect("a good-bye");
        assert!(stream.get_mut().blocked > 20, "it did stutter");
        drop(stream);
        assert!(server.seen().expect("content").goodbye);
    }
}

#[test]
fn a_write_that_would_block_wants_the_same_bytes_again() {
    let ours = Authority::new("ours");
    let server = Server::start(&ours.server(&["db.example"]));
    let stutter = Stutter { tcp: server.tcp(), most: 5_000, calls: 0, blocked: 0 };
    let mut stream = shake_hands_patiently(&connector(&ours.pem(), |_| {}), stutter);
    let sent = message(b"hello");
    assert_eq!(patiently(|| stream.write(&[])).expect("nothing to do"), 0);
    stream.get_mut().calls = 0;
    assert_eq!(stream.write(&sent).expect_err("not yet").kind(), ErrorKind::WouldBlock);
    assert_eq!(stream.write(&sent[..3]).expect_err("fewer").kind(), ErrorKind::InvalidInput);
    let more = [&sent[..], b"and more"].concat();
    assert_eq!(patiently(|| stream.write(&more)).expect("sent"), sent.len(), "only what was encrypted the first time");
    let mut back = [0; 5];
    assert_eq!(patiently(|| stream.read(&mut back)).expect("received"), 5);
    assert_eq!(&back, b"hello");
    patiently(|| stream.shutdown()).expect("a good-bye");
    drop(stream);
    assert!(server.seen().expect("content").goodbye);
}

#[test]
fn large_messages_come_back_whole() {
    let ours = Authority::new("ours");
    let server = Server::start(&ours.server(&["db.example"]));
    let mut stream = connect(&connector(&ours.pem(), |_| {}), "db.example", server.tcp()).expect("connected");
    for length in [0, 1, 16_384, 16_385, 8 << 20] {
        let payload = bytes(length);
        stream.write_all(&message(&payload)).expect("sent");
        stream.flush().expect("sent");
        let mut back = vec![0; length];
        stream.read_exact(&mut back).expect("received");
        assert!(back == payload, "{length} bytes");
    }
    stream.shutdown().expect("a good-bye");
    assert!(server.seen().expect("content").goodbye);
}

#[test]
fn each_side_hears_the_others_goodbye_and_knows_a_cut_from_it() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    let connector = connector(&ours.pem(), |_| {});

    let server = Server::start(&issued);
    let mut stream = connect(&connector, "db.example", server.tcp()).expect("connected");
    stream.shutdown().expect("a good-bye");
    stream.shutdown().expect("saying it twice does no harm");
    assert_eq!(stream.write(b"more").expect_err("too late").kind(), ErrorKind::BrokenPipe);
    assert!(server.seen().expect("content").goodbye);
    stream.shutdown().expect("nobody is left to be told");

    let server = Server::start(&issued);
    let stream = connect(&connector, "db.example", server.tcp()).expect("connected");
    drop(stream);
    assert!(!server.seen().expect("content").goodbye, "it just went");

    // The last connection of a server in this test: what it does is written out.
    for says_goodbye in [true, false] {
        let config = Setup { issued: &issued, signs_with: &issued, versions: rustls::ALL_VERSIONS, clients_of: None }.config();
        let server = Server::raw(move |mut tcp| {
            let mut tls = rustls::ServerConnection::new(config.into()).expect("a connection");
            while tls.is_handshaking() {
                tls.complete_io(&mut tcp)?;
            }
            tls.writer().write_all(b"last words")?;
            if says_goodbye {
                tls.send_close_notify();
            }
            while tls.wants_write() {
                tls.write_tls(&mut tcp)?;
            }
            tcp.shutdown(Shutdown::Write)?;
            // Closed only after the client is, or what was not read yet would be lost with a reset.
            let _ = io::copy(&mut tcp, &mut io::sink());
            Ok(Seen { sni: None, client: None, goodbye: true })
        });
        let mut stream = connect(&connector, "db.example", server.tcp()).expect("connected");
        let mut heard = Vec::new();
        let end = stream.read_to_end(&mut heard).map_err(|error| error.kind());
        assert_eq!(heard, b"last words");
        assert_eq!(end, if says_goodbye { Ok(heard.len()) } else { Err(ErrorKind::UnexpectedEof) });
        drop(stream);
        server.seen().expect("content");
    }
}

#[test]
fn what_is_no_tls_is_told_apart() {
    let ours = Authority::new("ours");
    for (answer, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "the server breaks the rules of TLS"),
        (b"", "the server ended the connection during the TLS handshake"),
    ] {
        let server = Server::raw(move |mut tcp| {
            tcp.write_all(answer)?;
            tcp.shutdown(Shutdown::Write)?;
            let _ = io::copy(&mut tcp, &mut io::sink());
            Ok(Seen { sni: None, client: None, goodbye: false })
        });
        let refused = connect(&connector(&ours.pem(), |_| {}), "db.example", server.tcp()).map(drop).expect_err("no TLS");
        assert!(refused.to_string().contains(words), "{refused}");
    }
}
