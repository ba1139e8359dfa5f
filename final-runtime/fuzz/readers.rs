//! What reads bytes that others have made: one function for each sort of them. An error is as good
//! as none. A panic is not, nor is it if anything but what was asked for has changed.

#![allow(dead_code)] // a fuzz target uses one of these

use std::{
    env,
    fs::{self, File},
    io::Cursor,
    path::{Path, PathBuf},
    process,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use final_runtime::{
    archive::{self, Expected, Limits, Options, Owners, Whiteouts, decode, unpack},
    check_layers, device_rules,
    image::{
        Images, config::ImageConfig, digest::Digest, manifest::Document, platform::Platform,
        reference::Reference,
    },
    seccomp::Filter,
    spec,
    storage::{Choice, Drivers, Key},
};
use step07::{Marks, step06::device_program::assemble};

/// A reader of bytes.
pub type Reader = fn(&[u8]) -> Result<()>;

/// All of them, by the name of the folder with the corpus.
pub const ALL: [(&str, Reader); 9] = [
    ("layer", layer),
    ("blob", blob),
    ("manifest", manifest),
    ("config", config),
    ("words", words),
    ("load", load),
    ("bundle", bundle),
    ("seccomp", seccomp),
    ("devices", devices),
];

/// An archive, unpacked: nothing beside the directory changes.
pub fn layer(bytes: &[u8]) -> Result<()> {
    let place = Place::new()?;
    for whiteouts in [Whiteouts::Apply, Whiteouts::Overlay { marks: Marks::User, below: &[] }] {
        let root = place.directory("root")?;
        let unpacked = unpack(bytes, File::open(&root)?, &options(whiteouts));
        place.is_untouched();
        unpacked?;
    }
    Ok(())
}

/// What a layer is compressed by.
pub fn blob(bytes: &[u8]) -> Result<()> {
    decode(bytes, &Expected::default(), &limits(), |_| Ok(())).map(drop)
}

/// A manifest or an index. What is read is written and read again, and is then the same.
pub fn manifest(bytes: &[u8]) -> Result<()> {
    const TYPES: [&str; 4] = [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ];
    let mut read = None;
    for media_type in TYPES {
        match Document::parse(bytes, media_type) {
            Ok(Document::Manifest(manifest)) => {
                let text = serde_json::to_vec(&manifest)?;
                let again = Document::parse(&text, media_type).expect("it was written by us");
                let Document::Manifest(again) = again else { panic!("it has become an index") };
                assert_eq!(serde_json::to_vec(&again)?, text, "it is not what was written");
                read = Some(());
            }
            Ok(Document::Index(_)) => read = Some(()),
            Err(_) => {}
        }
    }
    // One document must not be a manifest to one and an index to another.
    read.context("it is neither a manifest nor an index")
}

/// A configuration.
pub fn config(bytes: &[u8]) -> Result<()> {
    let layers = (0..4).find_map(|layers| ImageConfig::parse(bytes, layers).ok());
    let config = layers.context("it is no configuration of an image of up to three layers")?;
    let chain = config.chain();
    assert_eq!(chain.len(), config.rootfs.diff_ids.len());
    // Chain ids become names of snapshots.
    chain.iter().for_each(|id| drop(id.hex().parse::<Key>().expect("a chain id is a name")));
    Ok(())
}

/// Names, digests, platforms, keys. What is said of one leads to the same one.
pub fn words(bytes: &[u8]) -> Result<()> {
    let text = str::from_utf8(bytes)?;
    let reference = text.parse::<Reference>().inspect(|reference| {
        let again: Reference = reference.familiar().parse().expect("it was written by us");
        assert_eq!(again, *reference, "{text:?}");
    });
    let digest = text.parse::<Digest>().inspect(|digest| {
        assert_eq!(digest.to_string(), text);
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()), "{text:?}");
    });
    let key = text.parse::<Key>().inspect(|key| {
        assert!(!key.as_str().contains(['/', '.', '\0']), "{text:?}");
    });
    let platform = text.parse::<Platform>();
    let sha256 = text.parse::<archive::Sha256>();
    let any = reference.is_ok() || digest.is_ok() || key.is_ok() || platform.is_ok();
    (any || sha256.is_ok()).then_some(()).context("nothing is called so")
}

/// An image in an archive, as `load` gets it: nothing beside the store changes.
pub fn load(bytes: &[u8]) -> Result<()> {
    let place = Place::new()?;
    let root = place.directory("root")?;
    let drivers = Drivers::open(&root, Some("vfs".parse::<Choice>()?))?;
    let images = Images::open(&root, Rc::new(drivers))?;
    let amd64 = "linux/amd64".parse()?;
    let loaded = images.load_from(Cursor::new(bytes), None, &amd64);
    place.is_untouched();
    let (all, damaged) = images.all()?;
    assert!(damaged.is_empty(), "what was loaded cannot be read: {damaged:?}");
    assert!(loaded.is_ok() || all.is_empty(), "it was half loaded");
    loaded.map(drop)
}

/// The `config.json` of a bundle, and the layers that it asks for. What is read is written and read
/// again, and asks for the same.
pub fn bundle(bytes: &[u8]) -> Result<()> {
    let bundle = Path::new("/nonexistent");
    let config = spec::load_config(bytes, "config.json")?;
    check_layers(&config, bundle)?;
    let text = serde_json::to_vec(&config)?;
    let again = spec::load_config(&text[..], "config.json").expect("it was written by us");
    check_layers(&again, bundle).expect("it is the same");
    Ok(())
}

/// A `linux.seccomp`, compiled: as the kernel checks it, no jump leads outside of the program, which
/// ends with an answer.
pub fn seccomp(bytes: &[u8]) -> Result<()> {
    const JUMPS: u16 = 5; // BPF_JMP, in the lowest three bits
    const ALWAYS: u16 = 5; // BPF_JMP | BPF_JA
    const RETURN: u16 = 6; // BPF_RET | BPF_K
    let program = Filter::compile(&serde_json::from_slice(bytes)?)?.program;
    for (at, one) in program.iter().enumerate().filter(|(_, one)| one.code & 7 == JUMPS) {
        let far = if one.code == ALWAYS { one.k as usize } else { one.jt.max(one.jf).into() };
        assert!(at + 1 + far < program.len(), "instruction {at} of {} leads on", program.len());
    }
    assert_eq!(program.last().map(|last| last.code), Some(RETURN), "it does not end");
    Ok(())
}

/// A `linux.resources` with rules for devices, as the program that cgroup v2 takes: no jump leads
/// outside of it.
pub fn devices(bytes: &[u8]) -> Result<()> {
    const JUMPS: [u8; 2] = [0x15, 0x55]; // BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JNE | BPF_K
    const EXIT: u8 = 0x95; // BPF_JMP | BPF_EXIT
    let rules = device_rules(&spec::load_resources(bytes, "resources")?.devices)?;
    let program = assemble(&rules);
    for (at, one) in program.iter().enumerate().filter(|(_, one)| JUMPS.contains(&one.code)) {
        let target = at + 1 + usize::try_from(one.offset).expect("it leads forward");
        assert!(target < program.len(), "instruction {at} of {} leads on", program.len());
    }
    assert_eq!(program.last().map(|last| last.code), Some(EXIT), "it does not end");
    Ok(())
}

/// A directory to write to, and a file beside it.
struct Place(PathBuf);

const BESIDE: &str = "as it was";

impl Place {
    fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("final-runtime-fuzz-{}-{number}", process::id());
        let dir = env::temp_dir().join(name);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("beside"), BESIDE)?;
        Ok(Self(dir))
    }

    /// A new one of this name.
    fn directory(&self, name: &str) -> Result<PathBuf> {
        let dir = self.0.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    fn is_untouched(&self) {
        let names = fs::read_dir(&self.0).expect("it is there").count();
        assert_eq!(names, 2, "something is beside the directory");
        let text = fs::read_to_string(self.0.join("beside")).expect("it is there");
        assert_eq!(text, BESIDE, "what is beside the directory has changed");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As for anybody: no devices, and nobody else's files.
fn options(whiteouts: Whiteouts) -> Options {
    Options { owners: Owners::Ours, limits: limits(), ..Options::rootless(whiteouts) }
}

fn limits() -> Limits {
    Limits { entries: 1000, bytes: 4 << 20, file: 1 << 20, header: 1 << 14, ..Limits::default() }
}
