//! Media types: what a piece of content is. See image-spec, media-types.md, and the same of
//! Docker's, which many registries still have.

/// A manifest: one image for one platform.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The same, as Docker had it first.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// An index: the same image for several platforms.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The same, as Docker had it first.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// An image's configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The same, as Docker had it first.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer: an archive as tar(1) makes it.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer, compressed by gzip(1).
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer, compressed by zstd(1).
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The other names that layers have. Those that were not to be distributed are layers like any
/// other, if whoever has them hands them out.
const OTHER_LAYERS: [&str; 8] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
];

/// Whether it is a manifest, be it the Open Container Initiative's or Docker's.
pub fn is_manifest(media_type: &str) -> bool {
    [MANIFEST, DOCKER_MANIFEST].contains(&media_type)
}

/// Whether it is an index.
pub fn is_index(media_type: &str) -> bool {
    [INDEX, DOCKER_LIST].contains(&media_type)
}

/// Whether it is the configuration of an image, and not of something else that is kept in
/// registries.
pub fn is_config(media_type: &str) -> bool {
    [CONFIG, DOCKER_CONFIG].contains(&media_type)
}

/// Whether it is a layer that we can read. How it is compressed is seen from its first bytes: the
/// names are not always true.
pub fn is_layer(media_type: &str) -> bool {
    [LAYER, LAYER_GZIP, LAYER_ZSTD].contains(&media_type) || OTHER_LAYERS.contains(&media_type)
}
