//! The folder that an engine keeps everything in and runs in: it has to be there and open before there is a process.

use std::path::Path;
use std::{fs, io};

use crate::error::SidecarError;
use crate::failure;

/// Make the folder if need be, and see that an engine can run in it.
pub(super) fn prepare(folder: &Path) -> Result<(), SidecarError> {
    make_folder(folder).map_err(|error| failure::no_data_folder(folder, &error))?;
    enter_and_read(folder).map_err(|error| failure::closed_data_folder(folder, &error))
}

/// Make the data folder as the engine would: only its user can open it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The engine is started in this folder. If that fails, the system says the same as of a file that may not be executed;
/// so it is asked before.
fn enter_and_read(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder)?;
    // To look at what is in it is to enter it.
    fs::metadata(folder.join(".")).map(drop)
}
