//! Files for the workflow room, which opens none itself: those beside a workflow file, and those of the examples.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use shiftgate_workflow::{Files, Source};

use crate::exit::Exit;
use crate::failure::Failure;

/// The largest workflow file that is read, in bytes; the workflow room has a smaller limit and words for it.
const LARGEST: u64 = 4 << 20;

/// Files on disk; relative paths start at the workflow file's directory.
pub(crate) struct Disk {
    base: PathBuf,
}

impl Disk {
    /// Files beside `workflow`.
    pub(crate) fn beside(workflow: &Path) -> Self {
        let base = workflow.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Self { base: std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf()) }
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        read_text(&self.base.join(path))
    }

    fn resolve(&self, path: &str) -> String {
        self.base.join(path).display().to_string()
    }
}

/// Files that the program carries.
pub(crate) struct Embedded(pub(crate) &'static [(&'static str, &'static str)]);

impl Files for Embedded {
    fn read(&self, path: &str) -> Result<String, String> {
        let name = path.strip_prefix("./").unwrap_or(path);
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file in the examples".to_owned())
    }

    fn resolve(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// The workflow file as typed; `-` is standard input.
pub(crate) fn workflow(path: &Path) -> Result<Source, Failure> {
    let refused = |why: String| {
        Failure::new(Exit::InvalidWorkflow, format!("cannot read the workflow file `{}`: {why}", path.display()))
            .hint("`shiftgate init --strategy canary` writes one to start from")
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(|error| refused(reason(&error)))?;
        return Ok(Source { name: "<stdin>".to_owned(), text });
    }
    Ok(Source { name: path.display().to_string(), text: read_text(path).map_err(refused)? })
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| reason(&error))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err("it is a directory".to_owned());
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| reason(&error))?;
    Ok(text)
}

/// Why a file cannot be used, without the number of the operating system.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_workflow_file() {
        assert_eq!(Disk::beside(Path::new("/etc/deploy/web.yaml")).resolve("./group.json"), "/etc/deploy/./group.json");
        assert_eq!(Disk::beside(Path::new("/etc/deploy/web.yaml")).resolve("/a/b"), "/a/b");
        assert!(Disk::beside(Path::new("web.yaml")).resolve("x").starts_with('/'));
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why() {
        assert_eq!(read_text(Path::new("/nonexistent/x")), Err("no such file".to_owned()));
        assert_eq!(read_text(Path::new("/")), Err("it is a directory".to_owned()));
        assert_eq!(workflow(Path::new("/nonexistent/x")).err().map(|failure| failure.exit()), Some(Exit::InvalidWorkflow));
    }
}
