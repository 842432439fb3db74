//! The pages in `web/` are part of the binary: a file that is new there is a reason to build it anew.

fn main() {
    println!("cargo:rerun-if-changed=web");
}
