//! `static-map` and its like: files served without Python and without the GIL.
//!
//! Finds and opens the file; what to answer is decided in `uswgi_proto::files`. A file must stand below its
//! directory; everything else falls through to the application.

#![forbid(unsafe_code)]

use crate::asker::Asker;
use crate::dates::{coarse_seconds, push_http_date};
use crate::exchange::Exchange;
use crate::request::{Need, refuse};
use crate::response::AppHead;
use crate::{answer, say, sys};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use uswgi_proto::files::encoding::accepts_gzip;
use uswgi_proto::files::mime::Types;
use uswgi_proto::files::rules::About;
use uswgi_proto::files::{Preconditions, Rules, StaticRules, Verdict, decide, etag, if_there};
use uswgi_proto::settings::{StaticMap, WorkerSettings};

/// What the options say, ready for use.
pub struct StaticFiles {
    maps: Vec<StaticMap>,
    settings: StaticRules,
    rules: Rules,
    safe: Vec<PathBuf>,
    types: OnceLock<Types>,
}

/// A file to send, or an answer without one.
pub struct FileAnswer {
    pub head: AppHead,
    /// Descriptor, first byte, number of bytes.
    pub file: Option<(OwnedFd, i64, u64)>,
}

impl Asker for Exchange<'_> {
    fn method(&self) -> &[u8] {
        Exchange::method(self)
    }

    fn path(&self) -> &[u8] {
        Exchange::path(self)
    }

    fn uri(&self) -> &[u8] {
        Exchange::uri(self)
    }

    fn header(&self, name: &str) -> Vec<u8> {
        Exchange::header(self, name)
    }
}

/// A plain file that is open.
struct Opened {
    file: File,
    meta: Metadata,
    /// Its name, for the type.
    name: Vec<u8>,
    /// Where it stands; empty when no rule asks.
    path: Vec<u8>,
}

impl StaticFiles {
    /// None: there is nothing to serve.
    pub fn new(settings: &WorkerSettings) -> Option<StaticFiles> {
        // Rules of routing name files, too.
        if settings.static_files.maps.is_empty() && settings.routes.is_empty() {
            return None;
        }
        // The configuration was checked; without the rules, files are still served.
        let rules = Rules::compile(&settings.static_files.rules).unwrap_or_else(|e| {
            say!("static files are served without any rule: {e}");
            Rules::none()
        });
        Some(StaticFiles {
            maps: settings.static_files.maps.clone(),
            safe: settings
                .static_files
                .rules
                .safe
                .iter()
                .filter_map(|s| Path::new(s).canonicalize().ok())
                .collect(),
            settings: settings.static_files.rules.clone(),
            rules,
            types: OnceLock::new(),
        })
    }

    /// The file that a request asks for, if there is one. An error: nobody can tell, the request is to be refused.
    pub fn find(&self, exchange: &Exchange<'_>) -> io::Result<Option<FileAnswer>> {
        if !matches!(exchange.method(), b"GET" | b"HEAD") {
            return Ok(None);
        }
        let path = exchange.path();
        for (root, relative) in self.maps.iter().filter_map(|map| below(map, path)) {
            if let Some(opened) = self.open(root, relative)? {
                return Ok(Some(self.answer(exchange, path, opened)));
            }
        }
        Ok(None)
    }

    /// The file of this path.
    pub(crate) fn at(&self, asker: &impl Asker, path: &Path) -> io::Result<Option<FileAnswer>> {
        let opened = self.open(path, Path::new(""))?;
        Ok(opened.map(|opened| self.answer(asker, asker.path(), opened)))
    }

    /// The type of a file of this name.
    pub(crate) fn kind(&self, path: &[u8]) -> &str {
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        self.types().of(name).unwrap_or_default()
    }

    fn open(&self, root_path: &Path, relative: &Path) -> io::Result<Option<(Opened, Option<Opened>)>> {
        let Some(root) = if_there(sys::open_path(root_path))? else { return Ok(None) };
        let open = |relative: &Path| -> io::Result<Option<(File, Metadata)>> {
            let Some(fd) = if_there(sys::open_beneath(&root, root_path, relative, &self.safe))? else {
                return Ok(None);
            };
            let file = File::from(fd);
            Ok(if_there(file.metadata())?.map(|meta| (file, meta)))
        };
        let mut relative = relative.to_path_buf();
        let Some(mut found) = open(&relative)? else { return Ok(None) };
        if found.1.is_dir() {
            let Some(index) = self.index(&relative, open)? else { return Ok(None) };
            (relative, found) = index;
        }
        let name = relative.file_name().or(root_path.file_name()).unwrap_or_default().as_bytes().to_vec();
        let Some(opened) = self.checked(found, name)? else { return Ok(None) };
        if relative.as_os_str().is_empty() || !self.rules.compresses(&opened.path) {
            return Ok(Some((opened, None)));
        }
        let mut beside = relative.into_os_string();
        beside.push(".gz");
        let compressed = match open(Path::new(&beside))? {
            Some(found) => self.checked(found, opened.name.clone())?,
            None => None,
        };
        Ok(Some((opened, compressed)))
    }

    /// The first index of a directory that is there.
    fn index(
        &self,
        directory: &Path,
        open: impl Fn(&Path) -> io::Result<Option<(File, Metadata)>>,
    ) -> io::Result<Option<(PathBuf, (File, Metadata))>> {
        for index in &self.settings.index {
            let inside = directory.join(index);
            if let Some(found) = open(&inside)?.filter(|(_, meta)| meta.is_file()) {
                return Ok(Some((inside, found)));
            }
        }
        Ok(None)
    }

    fn checked(&self, (file, meta): (File, Metadata), name: Vec<u8>) -> io::Result<Option<Opened>> {
        if !meta.is_file() {
            return Ok(None);
        }
        let mut opened = Opened { file, meta, name, path: Vec::new() };
        if self.rules.needs_path() {
            let fd = OwnedFd::from(opened.file);
            let Some(path) = if_there(sys::path_of(&fd))? else { return Ok(None) };
            opened.path = path.into_vec();
            opened.file = fd.into();
        }
        Ok((!self.rules.skips(&opened.path)).then_some(opened))
    }

    fn answer(
        &self,
        asker: &impl Asker,
        path_info: &[u8],
        (plain, compressed): (Opened, Option<Opened>),
    ) -> FileAnswer {
        let field = |name: &str| asker.header(name);
        let varies = self.rules.compresses(&plain.path);
        let about_path = plain.path.clone();
        let (chosen, variant) = match compressed {
            Some(gz) if accepts_gzip(&field("accept-encoding")) => (gz, "-gz"),
            _ => (plain, ""),
        };
        let (meta, size) = (&chosen.meta, chosen.meta.len());
        let modified = meta.mtime().max(0) as u64;
        let tag = etag(meta.mtime(), meta.mtime_nsec(), size, variant);
        let get = asker.method() == b"GET";
        let asked = Preconditions {
            get,
            if_match: field("if-match"),
            if_unmodified_since: field("if-unmodified-since"),
            if_none_match: field("if-none-match"),
            if_modified_since: field("if-modified-since"),
            if_range: field("if-range"),
            range: if get && self.settings.ranges { field("range") } else { Vec::new() },
        };
        let verdict = decide(&asked, &tag, modified, size);
        let (status, first, length) = match verdict {
            Verdict::Whole => (200, 0, Some(size)),
            Verdict::Part { first, last } => (206, first, Some(last - first + 1)),
            Verdict::NotModified => (304, 0, None),
            Verdict::Failed => (412, 0, None),
            Verdict::Unsatisfiable => (416, 0, None),
        };
        let mut head = AppHead {
            status,
            status_text: format!("{status} {}", answer::reason(status)).into_bytes(),
            ..AppHead::default()
        };
        let kind = self.types().of(&chosen.name).unwrap_or_default();
        let about = About { path: &about_path, path_info, uri: asker.uri(), kind, modified };
        let expires = self.rules.expires(&about, coarse_seconds());
        if status < 400 {
            let mut date = Vec::new();
            if let Some(at) = expires {
                push_http_date(at.min(LAST_DATE), &mut date);
                line(&mut head, "Expires", &date);
            }
            date.clear();
            // A date that is still to come is replaced by that of the answer (RFC 9110 section 8.8.2.1).
            push_http_date(modified.min(coarse_seconds()), &mut date);
            line(&mut head, "Last-Modified", &date);
            line(&mut head, "ETag", tag.as_bytes());
            if varies {
                line(&mut head, "Vary", b"Accept-Encoding");
            }
        }
        match verdict {
            Verdict::Part { first, last } => {
                line(&mut head, "Content-Range", format!("bytes {first}-{last}/{size}").as_bytes());
            }
            Verdict::Unsatisfiable => {
                line(&mut head, "Content-Range", format!("bytes */{size}").as_bytes());
            }
            _ => {}
        }
        let Some(length) = length else { return FileAnswer { head, file: None } };
        if self.settings.ranges {
            line(&mut head, "Accept-Ranges", b"bytes");
        }
        if !kind.is_empty() {
            line(&mut head, "Content-Type", kind.as_bytes());
        }
        if !variant.is_empty() {
            line(&mut head, "Content-Encoding", b"gzip");
        }
        line(&mut head, "Content-Length", length.to_string().as_bytes());
        head.content_length = Some(length);
        FileAnswer { head, file: Some((chosen.file.into(), first as i64, length)) }
    }

    fn types(&self) -> &Types {
        self.types.get_or_init(|| {
            let mut types = Types::common();
            let system = ["/etc/mime.types".to_string()];
            let given = &self.settings.mime_files;
            for name in if given.is_empty() { &system[..] } else { &given[..] } {
                match std::fs::read(name) {
                    Ok(text) => types.add(&String::from_utf8_lossy(&text)),
                    Err(_) if given.is_empty() => {}
                    Err(e) => say!("mime-file = {name}: {e}"),
                }
            }
            types
        })
    }
}

/// What to answer when nobody can tell whether there is a file.
pub(crate) fn no_answer(e: &io::Error) -> Need {
    refuse(503, format!("a static file cannot be opened: {e}"))
}

/// 9999-12-31: the last year that an HTTP date can name.
const LAST_DATE: u64 = 253_402_300_799;

fn line(head: &mut AppHead, name: &str, value: &[u8]) {
    // Writing to a Vec cannot fail.
    let _ = write!(head.lines, "{name}: ");
    head.lines.extend_from_slice(value);
    head.lines.extend_from_slice(b"\r\n");
    head.count += 1;
}

/// Root and path below it for a path under a map; a prefix matches at a path boundary only. A web server resolves
/// `..` before it asks; a path that still has it is the application's.
fn below<'a>(map: &'a StaticMap, path: &'a [u8]) -> Option<(&'a Path, &'a Path)> {
    let prefix = map.prefix.as_bytes();
    let rest = path.strip_prefix(prefix)?;
    let odd = rest.contains(&0) || rest.split(|&b| b == b'/').any(|segment| segment == b"..");
    if !(rest.is_empty() || rest[0] == b'/' || prefix.ends_with(b"/")) || odd {
        return None;
    }
    let relative = if map.keep_prefix { path } else { rest };
    let trimmed = relative.iter().position(|&b| b != b'/').map_or(&[][..], |i| &relative[i..]);
    Some((Path::new(&map.target), Path::new(OsStr::from_bytes(trimmed))))
}
