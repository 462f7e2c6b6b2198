//! Measures what the system alone takes for a task that is a file, and for a message between two processes: the floor of
//! `bench/tasks.py`.
//!
//!     task_floor FOLDER COUNT
//!
//! Microseconds each: a file that is made and written (as uWSGI makes a task), one that is written under another name and
//! renamed (whole or not there), the same brought to disk with its directory, a file that is opened, read, removed and
//! closed (as who runs it must), and a datagram of seven bytes through a pair of sockets.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Instant;

const TASK: &[u8] = b"\x11\x06\0\0\x01\0k\x01\0v";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(folder), Some(count)) = (arguments.get(1), arguments.get(2).and_then(|c| c.parse().ok())) else {
        eprintln!("usage: task_floor FOLDER COUNT");
        std::process::exit(2);
    };
    let root = Path::new(folder).join(format!("task-floor-{}", std::process::id()));
    for (what, sync, rename) in
        [("written", false, false), ("written and renamed", false, true), ("renamed and on disk", true, true)]
    {
        fs::create_dir(&root)?;
        let result = files(&root, count, sync, rename).and_then(|took| {
            println!("{what:24} {took:8.1}");
            let took = run(&root, count)?;
            println!("{:24} {took:8.1}", "  read and removed");
            Ok(())
        });
        fs::remove_dir_all(&root)?;
        result?;
    }
    println!("{:24} {:8.2}", "message", messages(count * 100)?);
    Ok(())
}

fn name(root: &Path, n: usize) -> PathBuf {
    root.join(format!("uwsgi_spoolfile_on_host_1234_{n}_1234567890_1796064695_{n}"))
}

fn files(root: &Path, count: usize, sync: bool, rename: bool) -> io::Result<f64> {
    let began = Instant::now();
    for n in 0..count {
        let path = name(root, n);
        let first = if rename { root.join(format!(".new-{n}")) } else { path.clone() };
        let mut file = OpenOptions::new().write(true).create_new(true).open(&first)?;
        file.write_all(TASK)?;
        if sync {
            file.sync_data()?;
        }
        drop(file);
        if rename {
            fs::rename(&first, &path)?;
        }
        if sync {
            File::open(root)?.sync_all()?;
        }
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / count as f64)
}

fn run(root: &Path, count: usize) -> io::Result<f64> {
    let began = Instant::now();
    let mut bytes = [0; 64];
    for n in 0..count {
        let path = name(root, n);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        assert_eq!(file.read(&mut bytes)?, TASK.len());
        fs::remove_file(&path)?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / count as f64)
}

fn messages(count: usize) -> io::Result<f64> {
    let (to, from) = UnixDatagram::pair()?;
    let began = Instant::now();
    let reader = std::thread::spawn(move || -> io::Result<()> {
        let mut bytes = [0; 64];
        (0..count).try_for_each(|_| from.recv(&mut bytes).map(drop))
    });
    for _ in 0..count {
        to.send(b"message")?;
    }
    reader.join().map_err(|_| io::Error::other("the reader has ended"))??;
    Ok(began.elapsed().as_secs_f64() * 1e6 / count as f64)
}
