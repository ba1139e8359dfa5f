//! Netlink: how a program asks the kernel's network to change, without the `ip` and `nft` commands.
//!
//! A request is a message on a socket, and the kernel acts on it before send(2) returns. See
//! netlink(7). What stands in the messages is for `rtnetlink.rs` and `nftables.rs` to say.

use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::{
    ErrorBuffer, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
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
        let packets = requests.into_iter().flat_map(|(flags, message)| packet(flags, message));
        send(self.0.as_raw_fd(), &packets.collect::<Vec<u8>>(), MsgFlags::empty())?;
        // Success is silent, since no request asks to be acknowledged; failure is in the socket by
        // now. All of it is read, so that nothing is left for the next request to trip over.
        let mut result = Ok(());
        loop {
            match self.receive(MsgFlags::MSG_DONTWAIT) {
                Ok(answer) => result = result.and(each(&answer).try_for_each(error_in)),
                Err(Errno::EAGAIN) => return result,
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Asks for all that there is of a kind of thing.
    pub fn dump<M>(&self, request: M) -> nix::Result<Vec<M>>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        send(self.0.as_raw_fd(), &packet(NLM_F_DUMP, request), MsgFlags::empty())?;
        let mut things = Vec::new();
        loop {
            let answer = self.receive(MsgFlags::empty())?;
            for message in each(&answer) {
                error_in(message)?;
                if NetlinkBuffer::new(message).message_type() == NLMSG_DONE {
                    return Ok(things);
                }
                // What this library cannot parse is of a kind that is not looked for here.
                let message = NetlinkMessage::deserialize(message).map(NetlinkMessage::into_parts);
                if let Ok((_, NetlinkPayload::InnerMessage(thing))) = message {
                    things.push(thing);
                }
            }
        }
    }

    fn receive(&self, flags: MsgFlags) -> nix::Result<Vec<u8>> {
        let mut buffer = vec![0; 64 << 10]; // the kernel sends no more than 32 KiB at a time
        let length = recv(self.0.as_raw_fd(), &mut buffer, flags)?;
        buffer.truncate(length);
        Ok(buffer)
    }
}

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
