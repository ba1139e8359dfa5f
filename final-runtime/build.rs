//! Tells the linker where the program begins: see `src/early_start.rs`, which is for x86-64 alone.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        println!("cargo::rustc-link-arg-bins=-Wl,--entry=early_start");
    }
}
