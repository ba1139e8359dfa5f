//! Archives made by hand, block by block, so that they can be as wrong as one likes.

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tar(Vec<u8>);

/// A header's fields, as they are written.
pub struct Fields {
    pub type_: u8,
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub mode: u32,
    pub size: usize,
    pub device: (u32, u32),
}

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    /// A header with these fields, and a content that need not be as long as it says.
    pub fn entry(mut self, fields: &Fields, content: &[u8]) -> Self {
        self.0.extend(header(fields));
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn simple(self, type_: u8, name: &str, link: &str, content: &[u8]) -> Self {
        let mode = if type_ == b'5' { 0o755 } else { 0o644 };
        let (name, link) = (name.as_bytes().to_vec(), link.as_bytes().to_vec());
        let size = content.len();
        self.entry(&Fields { type_, name, link, mode, size, device: (0, 0) }, content)
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        self.simple(b'0', name, "", content.as_bytes())
    }

    pub fn directory(self, name: &str) -> Self {
        self.simple(b'5', name, "", b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.simple(b'2', name, target, b"")
    }

    pub fn link(self, name: &str, target: &str) -> Self {
        self.simple(b'1', name, target, b"")
    }

    pub fn fifo(self, name: &str) -> Self {
        self.simple(b'6', name, "", b"")
    }

    pub fn device(self, name: &str, device: (u32, u32)) -> Self {
        let name = name.as_bytes().to_vec();
        self.entry(
            &Fields { type_: b'3', name, link: Vec::new(), mode: 0o666, size: 0, device },
            b"",
        )
    }

    /// GNU's way to a long name.
    pub fn long_name(self, name: &[u8]) -> Self {
        self.simple(b'L', "././@LongLink", "", &[name, b"\0"].concat())
    }

    /// POSIX's extended header of the next entry.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let content: Vec<u8> =
            records.iter().flat_map(|(name, value)| record(name, value)).collect();
        self.simple(b'x', "PaxHeaders/0", "", &content)
    }

    /// Anything.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// With the mark of the end.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }

    /// Without it.
    pub fn open(self) -> Vec<u8> {
        self.0
    }
}

/// A record of an extended header.
pub fn record(name: &str, value: &[u8]) -> Vec<u8> {
    let rest = name.len() + value.len() + 3;
    let digits = (1..).find(|digits| (rest + digits).to_string().len() == *digits);
    let length = rest + digits.expect("some number of digits fits");
    [format!("{length} {name}=").as_bytes(), value, b"\n"].concat()
}

fn header(fields: &Fields) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &fields.name[..fields.name.len().min(100)]);
    put(100, format!("{:07o}\0{:07o}\0{:07o}\0", fields.mode, 0, 0).as_bytes());
    put(124, format!("{:011o}\0{:011o}\0        ", fields.size, 1_600_000_000).as_bytes());
    put(156, &[fields.type_]);
    put(157, &fields.link[..fields.link.len().min(100)]);
    put(257, b"ustar\x0000");
    put(329, format!("{:07o}\0{:07o}\0", fields.device.0, fields.device.1).as_bytes());
    seal(&mut block);
    block
}

/// Makes a header's checksum right.
pub fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
