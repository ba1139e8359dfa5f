//! Netlink: how a program asks the kernel's network to change, without the `ip` and `nft` commands.
//!
//! A request is a message on a socket, and the kernel acts on it before send(2) returns. See
//! netlink(7). What stands in the messages is for `rtnetlink.rs` and `nftables.rs` to say.

use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::{
    ErrorBuffer, NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket},
};

/// A netlink socket. Its peer is the kernel, for the network namespace that it was opened in.
pub(crate) struct Netlink(OwnedFd);

/// What a request's flags add to `NLM_F_REQUEST`, beside its message.
pub(crate) type Request<M> = (u16, M);

impl Netlink {
    /// Speaks `protocol`, as in `NETLINK_ROUTE`.
    pub fn open(protocol: SockProtocol) -> nix::Result<Self> {
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).map(Self)
    }

    /// Sends requests in one go. The error is that of the first that failed.
    pub fn request<M: NetlinkSerializable>(
        &self,
        requests: impl IntoIterator<Item = Request<M>>,
    ) -> nix::Result<()> {
        self.exchange(requests).map(drop)
    }

    /// Asks for a thing, or with `NLM_F_DUMP` for all that there are of its kind.
    pub fn ask<M>(&self, question: Request<M>) -> nix::Result<Vec<M>>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        // What the library cannot parse is of a kind that is not looked for here.
        let thing = |message: &[u8]| match NetlinkMessage::deserialize(message).ok()?.into_parts() {
            (_, NetlinkPayload::InnerMessage(thing)) => Some(thing),
            _ => None,
        };
        let answers = self.exchange([question])?;
        Ok(answers.iter().flat_map(|answer| each(answer)).filter_map(thing).collect())
    }

    /// Sends requests, and reads what the kernel has to say, which it has said by then: errors,
    /// and what was asked for. Success is silent, as no request asks to be acknowledged.
    fn exchange<M: NetlinkSerializable>(
        &self,
        requests: impl IntoIterator<Item = Request<M>>,
    ) -> nix::Result<Vec<Vec<u8>>> {
        let packets = requests.into_iter().flat_map(|(flags, message)| packet(flags, message));
        send(self.0.as_raw_fd(), &packets.collect::<Vec<u8>>(), MsgFlags::empty())?;
        // All is read, also after an error: nothing is left for the next request to trip over.
        let (mut answers, mut result) = (Vec::new(), Ok(()));
        loop {
            let length = match recv(self.0.as_raw_fd(), &mut [], LENGTH) {
                Ok(length) => length,
                Err(Errno::EAGAIN) => return result.map(|()| answers),
                Err(errno) => return Err(errno),
            };
            let mut answer = vec![0; length];
            recv(self.0.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
            result = result.and(each(&answer).try_for_each(error_in));
            answers.push(answer);
        }
    }
}

/// How long the next answer is, if there is one, is told without taking it.
const LENGTH: MsgFlags =
    MsgFlags::MSG_PEEK.union(MsgFlags::MSG_TRUNC).union(MsgFlags::MSG_DONTWAIT);

/// One message as bytes, padded so that another may follow.
fn packet<M: NetlinkSerializable>(flags: u16, message: M) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The messages of one datagram.
fn each(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = NetlinkBuffer::new_checked(datagram).ok()?.length() as usize;
        let (message, _) = datagram.split_at(length);
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn error_in(message: &[u8]) -> nix::Result<()> {
    let message = NetlinkBuffer::new(message);
    if message.message_type() != NLMSG_ERROR {
        return Ok(());
    }
    let code = ErrorBuffer::new_checked(message.payload()).map_err(|_| Errno::EBADMSG)?.code();
    code.map_or(Ok(()), |code| Err(Errno::from_raw(-code.get())))
}
