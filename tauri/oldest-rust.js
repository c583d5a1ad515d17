// Whether the Rust that Cargo.toml declares is new enough for every crate, by what they say themselves:
// `cargo metadata --format-version 1 | node oldest-rust.js`.
import { text } from "node:stream/consumers";

const { packages, workspace_members: members } = JSON.parse(await text(process.stdin));
const number = (version) =>
  version.split(".").reduce((sum, part, place) => sum + Number(part) * 1000 ** (2 - place), 0);

const declared = packages.find(({ id }) => members.includes(id)).rust_version;
const newer = packages.filter(({ rust_version: asked }) => asked && number(asked) > number(declared));
for (const { name, version, rust_version: asked } of newer) {
  console.error(`${name} ${version} needs Rust ${asked}, and Cargo.toml declares ${declared}`);
}
process.exitCode = newer.length ? 1 : 0;
