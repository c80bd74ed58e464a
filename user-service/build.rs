//! Migrations are compiled into the service: build again when one is added.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/user");
}
