#!/usr/bin/env bash
# cargo 1.95.0: two workspaces that have a package of one name and version at the same place, built into one target
# folder. The second workspace has older files.
# Expected: each program is built of the files of its own workspace.
# Seen: the second build finds nothing to do, and its program is the first one's.
# Source: https://github.com/rust-lang/cargo/issues/12516 (open).
# Exits with 1 once cargo does as expected.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

make_workspace() {
    mkdir -p "$folder/$1/app/src" "$folder/$1/words/src"
    printf '[workspace]\nresolver = "3"\nmembers = ["app", "words"]\n' > "$folder/$1/Cargo.toml"
    printf '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2024"\n' > "$folder/$1/words/Cargo.toml"
    printf 'pub const WORD: &str = "%s";\n' "$1" > "$folder/$1/words/src/lib.rs"
    printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nwords = { path = "../words" }\n' \
        > "$folder/$1/app/Cargo.toml"
    printf 'fn main() { println!("{}", words::WORD); }\n' > "$folder/$1/app/src/main.rs"
}

export CARGO_TARGET_DIR="$folder/target" CARGO_TERM_COLOR=never
cargo --version
make_workspace second
make_workspace first
sleep 2
(cd "$folder/first" && cargo build --quiet --offline)
first=$("$CARGO_TARGET_DIR/debug/app")
(cd "$folder/second" && cargo build --quiet --offline)
second=$("$CARGO_TARGET_DIR/debug/app")
echo "the program of the first workspace prints:  $first"
echo "the program of the second workspace prints: $second"
[ "$first" = first ] && [ "$second" = first ]
