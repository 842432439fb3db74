//! Where the programs under test are: named by the environment, else built beside this test.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the root")
}

/// The module: `LCT_MODULE`, else the one in this build's target folder.
pub fn module() -> PathBuf {
    find("LCT_MODULE", "liblct_module.so")
}

/// The module with a command that panics (`--features panic-command`), where `LCT_PANIC_MODULE` names one.
pub fn panic_module() -> Option<PathBuf> {
    std::env::var_os("LCT_PANIC_MODULE").map(PathBuf::from)
}

/// A program of this workspace, `lct-gateway`, `lct-load` or `lct-demo`: `LCT_GATEWAY`, `LCT_LOAD` or `LCT_DEMO`, else from this build's target folder.
pub fn binary(name: &str) -> PathBuf {
    find(&name.to_uppercase().replace('-', "_"), name)
}

fn find(variable: &str, file: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(
            path.exists(),
            "{variable} names {}, which does not exist",
            path.display()
        );
        return path.canonicalize().expect("an absolute path");
    }
    // This program is <target>/<profile>/deps/<test>.
    let exe = std::env::current_exe().expect("a path of this program");
    let target = exe.ancestors().nth(3).expect("a target folder");
    let found = ["release", "debug"]
        .map(|profile| target.join(profile).join(file))
        .into_iter()
        .find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!(
            "{file} is not built in {}: run `cargo build --release -p lct-module -p lct-gateway -p lct-tools`, or let {variable} name it",
            target.display()
        )
    })
}
