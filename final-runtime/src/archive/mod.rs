//! Layers as archives: what is in an image, and how it becomes files and is made of files.
//!
//! A layer is a tar archive, nearly always compressed. Whoever made it is not to be trusted: what
//! is here follows no symbolic link that a layer has made, writes nothing outside of the directory
//! that it is given, and takes no more than [`Limits`] says. See the OCI image specification,
//! layer.md, and POSIX's pax(1).
//!
//! ```text
//!   blob ──▶ decode ──▶ unpack ──▶ a directory ──▶ pack ──▶ blob
//!            a thread that         for a union,
//!            decompresses and      or with the parent's
//!            checks digests        files in it
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | `compression.rs` | gzip and zstd |
//! | `decode.rs` | reading a blob, with its digests |
//! | `digesting.rs`, `sha256.rs` | digests |
//! | `limits.rs` | how much a layer may take |
//! | `pack/` | changes, or a whole tree, as an archive |
//! | `tar/` | the format |
//! | `unpack/` | an archive as files |

mod compression;
mod decode;
mod digesting;
mod limits;
mod pack;
mod sha256;
mod tar;
mod unpack;

pub use compression::Compression;
pub use decode::{Decoded, Expected, Stream, decode};
pub use limits::Limits;
pub use pack::{Compress, Packed, Source, pack};
pub use sha256::Sha256;
pub use unpack::{Attributes, Devices, Options, Owners, Unpacked, Whiteouts, unpack};
