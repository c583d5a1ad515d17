//! Whether a file is a program of this system and processor, by its first bytes. It is asked after a program has
//! failed, not before: what looks foreign may still run, by an emulator.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Whether the file was made for another system or processor. The C library gives such a file to the shell, which then
/// fails with some exit code of its own.
pub(crate) fn is_foreign(file: &Path) -> bool {
    let mut head = Vec::new();
    match File::open(file).and_then(|file| file.take(20).read_to_end(&mut head)) {
        Ok(_) => is_foreign_head(&head, std::env::consts::OS, std::env::consts::ARCH),
        Err(_) => false,
    }
}

fn is_foreign_head(head: &[u8], os: &str, arch: &str) -> bool {
    if head.starts_with(b"#!") {
        return false;
    }
    match os {
        "linux" => {
            // The machine is at offset 18, in the byte order of the machine.
            let machine = match arch {
                "x86_64" => [62, 0],
                "aarch64" => [183, 0],
                _ => return !head.starts_with(b"\x7fELF"),
            };
            !head.starts_with(b"\x7fELF") || head.get(18..20) != Some(&machine)
        }
        "macos" => {
            // Thin and fat Mach-O. The processor is the system's to judge: it says so with an error of its own.
            let magics = [
                [0xcf, 0xfa, 0xed, 0xfe],
                [0xca, 0xfe, 0xba, 0xbe],
                [0xca, 0xfe, 0xba, 0xbf],
            ];
            !magics.iter().any(|magic| head.starts_with(magic))
        }
        // Windows says so when it is to start the file.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u8) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(20, 0);
        head[18] = machine;
        head
    }

    #[test]
    fn programs_of_other_processors_and_systems_are_foreign() {
        assert!(!is_foreign_head(&elf(62), "linux", "x86_64"));
        assert!(is_foreign_head(&elf(183), "linux", "x86_64"));
        assert!(!is_foreign_head(&elf(183), "linux", "aarch64"));
        assert!(is_foreign_head(b"MZ", "linux", "x86_64"));
        assert!(is_foreign_head(&elf(62), "macos", "aarch64"));
        assert!(!is_foreign_head(
            &[0xcf, 0xfa, 0xed, 0xfe],
            "macos",
            "aarch64"
        ));
        assert!(!is_foreign_head(b"#!/bin/sh", "linux", "x86_64"));
        assert!(is_foreign_head(b"", "linux", "x86_64"));
    }

    #[test]
    fn this_program_is_not_foreign() {
        assert!(!is_foreign(&std::env::current_exe().unwrap()));
    }
}
