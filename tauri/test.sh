#!/usr/bin/env bash
# Tests everything in this folder with the engine that `make bundle` has built: the client in a real browser, the
# plugin with real processes, the example app in a real window and as a package. What it needs is in
# docs/development.md. `bash tauri/test.sh client plugin` does these parts alone; all are: packages client plugin app.
set -euo pipefail
cd "$(dirname "$0")"
parts=" ${*:-packages client plugin app} "

step() { printf '\n--- %s (%s s)\n' "$1" "$SECONDS"; }
wanted() { [[ $parts == *" $1 "* ]]; }

engine=$PWD/../dist/qwen-tts/qwen-tts
single=$(ls -d "$PWD"/../dist/qwen-tts-*-*)

if wanted packages; then
    step "npm packages"
    npm ci
    npm run build
    npm run check
    for package in client plugin; do
        packed=$(npm pack --dry-run --json --workspace "$package")
        for file in LICENSE README.md package.json dist/index.js dist/index.d.ts; do
            grep -q "\"path\": \"$file\"" <<<"$packed" || { echo "$package: $file is not in its package"; exit 1; }
        done
    done
fi

if wanted client; then
    step "client: types, units"
    npm run check-schema --workspace q3tts-client
    npm test --workspace q3tts-client
    step "client: in a browser, with the bundled engine"
    Q3TTS_ENGINE=$engine npm run test-browser --workspace q3tts-client
fi

if wanted plugin; then
    step "plugin: its page's side"
    npm test --workspace tauri-plugin-qwen-tts-api
    step "plugin: style"
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    step "plugin: with the oldest Rust that Cargo.toml declares"
    cargo metadata --format-version 1 | node oldest-rust.js
    oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if rustup toolchain install "$oldest" --profile minimal --no-self-update; then
        cargo "+$oldest" check --workspace --all-targets --target-dir target/oldest
    else
        echo "Rust $oldest cannot be had here: it was only seen that no crate says that it needs a newer one."
    fi
    step "plugin: with a scripted engine, and with the bundled one"
    export QWEN_TTS_TEST_REQUIRED=1
    QWEN_TTS_TEST_BINARY=$engine cargo test -p tauri-plugin-qwen-tts
    QWEN_TTS_TEST_BINARY=$single cargo test -p tauri-plugin-qwen-tts --test real_engine --test death
    step "plugin: as a package, built from what is in it"
    # With the workspace's profile, which a packaged crate does not have: what others have written is built already.
    cargo package -p tauri-plugin-qwen-tts --allow-dirty --config 'profile.dev.debug="line-tables-only"' \
        --config 'profile.dev.package."*".debug=false'
fi

if wanted app; then
    if [ "$(uname)" != Linux ]; then
        echo "The window is tested on Linux only: no other system has a WebDriver for its webview."
        exit 0
    fi
    export CI=true  # Tauri's command line takes no other word for it, not even 1
    packages=$PWD/target/debug/bundle/deb
    step "app: built as a package"
    rm -rf "$packages"
    (cd example && npx tauri build --debug --bundles deb)
    step "app: in its window, and from its package"
    E2E_BUILD=no E2E_DEB=$(ls "$packages"/*.deb) npm run e2e --workspace q3tts-example
    step "app: with the engine as a single file"
    rm -rf "$packages"
    (cd example && npm run engine && npx tauri build --debug --bundles deb --config src-tauri/tauri.externalbin.conf.json)
    E2E_BUILD=no E2E_DEB=$(ls "$packages"/*.deb) npm run e2e --workspace q3tts-example -- package
    echo "pictures of every page are in tauri/example/e2e/screenshots"
fi
step "done"
