//! A static server for one folder, on 127.0.0.1 only, with no dependencies: what `cargo xtask serve`, the browser tests and the
//! benchmark share. It knows the types of the files that the page consists of, refuses paths that leave the folder, and lets
//! nothing be cached, so that a reload always shows the last build.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

/// Where the page asks whether a newer build exists (only when [`Site::live_reload`] is set).
const VERSION_PATH: &str = "/__version";

/// A request line or header longer than this is not from a browser that shows our page.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// What the reloading page runs: it asks for the version once a second, and reloads when it changes.
const RELOAD_SCRIPT: &str = r#"<script type="module">
let seen = null;
setInterval(async () => {
  try {
    const now = await (await fetch("/__version", { cache: "no-store" })).text();
    if (seen !== null && now !== seen) location.reload();
    seen = now;
  } catch { /* the server stopped: keep the page as it is */ }
}, 1000);
</script>"#;

/// A folder to serve.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder; it need not exist yet.
    pub folder: PathBuf,
    /// Add a script to `index.html` that reloads the page after each build.
    pub live_reload: bool,
}

/// A server that listens. It serves until the process ends: it holds one port and a thread that sleeps.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Listens on 127.0.0.1 at this port (0: any that is free) and serves the folder from a thread of its own.
    ///
    /// # Errors
    /// When the port cannot be had, usually because another program listens there.
    pub fn start(site: Site, port: u16) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let site = Arc::new(site);
        thread::Builder::new().name("site-server".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                // One short thread a connection: a page asks for four files.
                thread::spawn(move || {
                    // A browser that hangs up half-way is no error of ours.
                    let _ = answer(&site, stream);
                });
            }
        })?;
        Ok(Server { address })
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// One answer, ready to be written.
struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn text(status: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

fn answer(site: &Site, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new((&stream).take(HEADER_BYTES_MAX));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    // The headers say nothing that we need, but must be read before the answer.
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let answer = match method {
        "GET" | "HEAD" => get(site, target),
        _ => Answer::text("405 Method Not Allowed", "only GET and HEAD are answered here\n"),
    };
    write!(
        stream,
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        answer.status,
        answer.content_type,
        answer.body.len()
    )?;
    if method == "GET" {
        stream.write_all(&answer.body)?;
    }
    stream.flush()
}

fn get(site: &Site, target: &str) -> Answer {
    let path = target.split(['?', '#']).next().unwrap_or("/");
    if site.live_reload && path == VERSION_PATH {
        return Answer::text("200 OK", version(&site.folder));
    }
    let Some(file) = file_of(&site.folder, path) else {
        return Answer::text("400 Bad Request", "this path leaves the folder\n");
    };
    match fs::read(&file) {
        Ok(mut body) => {
            if site.live_reload && file.file_name().is_some_and(|name| name == "index.html") {
                body.extend_from_slice(RELOAD_SCRIPT.as_bytes());
            }
            Answer { status: "200 OK", content_type: content_type(&file), body }
        }
        // A browser asks for an icon whether the page has one or not; an error in its console would hide real ones.
        Err(_) if path == "/favicon.ico" => Answer::text("204 No Content", ""),
        Err(_) if site.live_reload && path == "/" => Answer {
            status: "200 OK",
            content_type: "text/html; charset=utf-8",
            body: format!("<!doctype html><title>brokerscope</title><p>Not built yet: see the terminal.</p>{RELOAD_SCRIPT}")
                .into(),
        },
        Err(error) => Answer::text("404 Not Found", format!("{path}: {error}\n")),
    }
}

/// The file that a path of a request means, or nothing when the path would leave the folder.
fn file_of(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    // Nothing in the site has an escaped name, so a `%` finds no file.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let file = folder.join(relative);
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

/// Changes when a file of the site does: the newest time of change among them.
fn version(folder: &Path) -> String {
    let newest = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok())
        .max();
    newest.unwrap_or_default().as_nanos().to_string()
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "toml" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_file(path: &str, expected: Option<&str>) {
        let folder = Path::new("/nowhere/site");
        assert_eq!(file_of(folder, path), expected.map(|name| folder.join(name)), "{path}");
    }

    #[test]
    fn paths_stay_inside_the_folder() {
        check_file("/app.js", Some("app.js"));
        check_file("/", Some(""));
        check_file("/fonts/a.woff2", Some("fonts/a.woff2"));
        check_file("/../secret", None);
        check_file("/a/../../secret", None);
        check_file("//etc/passwd", Some("etc/passwd"));
    }

    #[test]
    fn a_browser_compiles_wasm_only_under_its_own_type() {
        assert_eq!(content_type(Path::new("app_bg.wasm")), "application/wasm");
        assert_eq!(content_type(Path::new("app.js")), "text/javascript; charset=utf-8");
    }

    #[test]
    fn answers_over_the_loopback_only() {
        let folder = std::env::temp_dir().join(format!("site-server-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        fs::write(folder.join("index.html"), "<p>hello</p>").expect("a page for the test");
        let server = Server::start(Site { folder: folder.clone(), live_reload: false }, 0).expect("a free port");
        let address = server.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        let mut stream = TcpStream::connect(&address).expect("the server listens");
        stream.write_all(b"GET /?seed=7 HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("<p>hello</p>"), "{text}");
        fs::remove_dir_all(folder).expect("the folder goes");
    }
}
