//! The encrypted stream: the handshake, then bytes both ways, then the good-bye.
//!
//! The stream below may be non-blocking: whatever would block can be called again, and goes on where it was. It may not wait, and
//! not decide whom to trust (`verify.rs`). `read` never writes, and `write` reports bytes only when all of them are with the
//! stream below: sqlx waits for just what it called, and calls `flush` on nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use rustls::ClientConnection;

use crate::error::{Error, HandshakeError, Reason};
use crate::material::Certificate;

/// A stream that is encrypted, after a handshake that went well.
#[derive(Debug)]
pub struct TlsStream<S> {
    // Boxed, as the stream is moved through errors during the handshake.
    tls: Box<ClientConnection>,
    stream: S,
    /// Bytes of the caller that are encrypted already and whose `write` has to come back, as the stream would block.
    owed: usize,
    /// Whether the stream below was given bytes since it was last flushed.
    unflushed: bool,
    said_goodbye: bool,
}

impl<S> TlsStream<S> {
    pub(crate) fn new(tls: ClientConnection, stream: S) -> Self {
        Self { tls: Box::new(tls), stream, owed: 0, unflushed: false, said_goodbye: false }
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below. What is written to it directly breaks the encryption.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> TlsStream<S> {
    /// The certificate that the server showed as its own.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peer_certificate(&self) -> crate::Result<Option<Certificate>> {
        self.tls.peer_certificates().and_then(|chain| chain.first()).map(Certificate::shown).transpose()
    }

    /// The protocol that the server chose of those that [`crate::TlsConnectorBuilder::request_alpns`] named, if it chose one.
    ///
    /// # Errors
    /// Never: it is native-tls's signature.
    pub fn negotiated_alpn(&self) -> crate::Result<Option<Vec<u8>>> {
        Ok(self.tls.alpn_protocol().map(<[u8]>::to_vec))
    }

    /// Goes on with the handshake until it is over or the stream would block.
    pub(crate) fn shake_hands(mut self) -> Result<Self, HandshakeError<S>> {
        loop {
            match self.step() {
                Ok(true) => return Ok(self),
                Ok(false) => {}
                Err(Reason::Connection(error)) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(HandshakeError::WouldBlock(MidHandshakeTlsStream(self)));
                }
                Err(reason) => return Err(HandshakeError::Failure(reason.into())),
            }
        }
    }

    /// One flight of the handshake; true when it was the last.
    fn step(&mut self) -> Result<bool, Reason> {
        self.settle().map_err(Reason::Connection)?;
        if !self.tls.is_handshaking() {
            return Ok(true);
        }
        if self.pull().map_err(Reason::Connection)? == 0 {
            return Err(Reason::Ended);
        }
        self.digest()?;
        Ok(false)
    }

    /// Hands everything that is encrypted to the stream below.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => self.unflushed = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The same, and sees them on their way. The stream below is not flushed for nothing: that might block, too.
    fn settle(&mut self) -> io::Result<()> {
        self.push()?;
        if self.unflushed {
            self.stream.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Takes some bytes from the stream below; 0 when it has ended.
    fn pull(&mut self) -> io::Result<usize> {
        loop {
            match self.tls.read_tls(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                pulled => return pulled,
            }
        }
    }

    /// Decrypts what was pulled. If it is refused, the server is told so, as far as that can be done without waiting.
    fn digest(&mut self) -> Result<(), Reason> {
        self.tls.process_new_packets().map(drop).map_err(|found| {
            let _ = self.push();
            found.into()
        })
    }

    /// Tells the server that nothing more will come, and does not wait for its answer. A server that has gone needs no telling.
    ///
    /// # Errors
    /// `WouldBlock`, after which this is to be called again; otherwise when the stream below fails.
    pub fn shutdown(&mut self) -> io::Result<()> {
        if !self.said_goodbye {
            self.tls.send_close_notify();
            self.said_goodbye = true;
        }
        match self.settle() {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            told => told,
        }
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    /// Reads what the server sent; 0 after its good-bye.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet; `UnexpectedEof` when the stream below ended without a good-bye, as then somebody
    /// may have cut it; `InvalidData` with an [`Error`] when what came is not what the server sent, or the server refuses us.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.pull()?;
            self.digest().map_err(|reason| io::Error::new(ErrorKind::InvalidData, Error(reason)))?;
        }
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    /// Encrypts and sends some of `buffer`.
    ///
    /// # Errors
    /// `WouldBlock` when the stream below cannot take it all: the bytes are encrypted by then, so the call has to be made again
    /// with the same bytes (more may follow them), as with OpenSSL. `InvalidInput` when it is made with fewer. `BrokenPipe` after
    /// [`TlsStream::shutdown`].
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.len() < self.owed {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "a write that would block has to be made again with the same bytes",
            ));
        }
        if self.owed == 0 {
            if self.said_goodbye {
                return Err(ErrorKind::BrokenPipe.into());
            }
            // Answers to the server, such as new keys, may wait from a `read`.
            self.push()?;
            self.owed = self.tls.writer().write(buffer)?;
        }
        self.push()?;
        Ok(mem::take(&mut self.owed))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.settle()
    }
}

/// A handshake that waits for its stream.
#[derive(Debug)]
pub struct MidHandshakeTlsStream<S>(TlsStream<S>);

impl<S> MidHandshakeTlsStream<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// The stream below, to wait for.
    pub fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }
}

impl<S: Read + Write> MidHandshakeTlsStream<S> {
    /// Goes on with the handshake.
    ///
    /// # Errors
    /// As [`crate::TlsConnector::connect`].
    pub fn handshake(self) -> Result<TlsStream<S>, HandshakeError<S>> {
        self.0.shake_hands()
    }
}
