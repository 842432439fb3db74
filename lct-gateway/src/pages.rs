//! The pages that the gateway serves from its own binary: `web/<page>` with what pages share, `web/common` and
//! `web/vendor`. No build step: what is in the folder is what the browser gets, but for lines that only comment.
//!
//! Everything is answered from memory, compressed once, when it is first asked for, and checked again by the browser each
//! time (`ETag`): files that belong together are never mixed from two versions, because a service worker keeps them as one.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use brotli::CompressorWriter;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Method, StatusCode};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use warp::Rejection;
use warp::filters::path::FullPath;
use warp::reply::Response;
use warp::{Filter, reject};

/// Everything under `web/`. A build with debug assertions reads the folder when it starts instead.
#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// What a page may do: load its own files, and talk to the gateway that served it. No markup becomes a script, whoever
/// wrote it; the one script address that is made at run time is the service worker's, by the policy `lct`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types lct",
);

/// What a page has no use for.
const NO_CAMERA: HeaderValue = HeaderValue::from_static(
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), bluetooth=(), browsing-topics=()",
);

/// The same, for a page that reads codes.
const CAMERA: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), bluetooth=(), browsing-topics=()",
);

/// The service worker, before which the list of files is put.
const WORKER: &str = "sw.js";

/// A file, ready to be sent.
struct File {
    kind: &'static str,
    tag: HeaderValue,
    plain: Bytes,
    /// Compressed, where that makes it smaller: made when somebody first asks, since brotli takes its time.
    brotli: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
}

/// The forms in which a file can be sent, the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Plain,
}

/// What visitors see: made when the first of them comes. `/c` is where the QR codes of places lead.
pub static VISITORS: LazyLock<Site> = LazyLock::new(|| Site::new("visitor", &["/c"], CAMERA));

/// What operators see.
pub static OPERATORS: LazyLock<Site> = LazyLock::new(|| Site::new("operator", &[], NO_CAMERA));

/// The files of one page, by path, and what the page may use.
pub struct Site {
    files: BTreeMap<String, File>,
    permissions: HeaderValue,
}

impl Site {
    /// The page in `web/<page>`: its `index.html` is `/` and every path in `also`, its other files lie beside that, and
    /// what it needs of what pages share under `/common/` and `/vendor/`. `permissions` is its
    /// `Permissions-Policy`.
    pub fn new(page: &str, also: &[&str], permissions: HeaderValue) -> Self {
        let (mut texts, mut shared) = (BTreeMap::new(), BTreeMap::new());
        for name in Files::iter() {
            let Some(file) = Files::get(&name) else {
                continue;
            };
            match name.split_once('/') {
                Some((folder, rest)) if folder == page => {
                    texts.insert(format!("/{rest}"), without_comments(rest, &file.data));
                }
                Some(("common", _)) => {
                    let path = format!("/{name}");
                    shared.insert(path, without_comments(&name, &file.data));
                }
                Some(("vendor", _)) => {
                    shared.insert(format!("/{name}"), file.data.into_owned());
                }
                _ => {}
            }
        }
        add_needed(&mut texts, shared);
        let worker = format!("/{WORKER}");
        if let Some(text) = texts.get(&worker) {
            let list = shell(&texts);
            let text = [list.as_bytes(), text].concat();
            texts.insert(worker, text);
        }
        if let Some(index) = texts.remove("/index.html") {
            for path in also {
                texts.insert((*path).to_owned(), index.clone());
            }
            texts.insert("/".to_owned(), index);
        }
        let files = texts.into_iter().filter_map(|(path, text)| {
            let file = File::new(&path, text)?;
            Some((path, file))
        });
        Self {
            files: files.collect(),
            permissions,
        }
    }

    fn answer(&self, method: &Method, path: &str, asked: &HeaderMap) -> Option<Response> {
        let file = self.files.get(path)?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = Response::new("method: must be GET or HEAD\n".into());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allow);
            return Some(response);
        }
        let mut response = file.response(asked);
        // For documents alone, and a tenth of what the other files cost.
        if file.kind == HTML {
            let permissions = HeaderName::from_static("permissions-policy");
            response
                .headers_mut()
                .insert(permissions, self.permissions.clone());
        }
        Some(response)
    }
}

/// A module without the text of the lines that only comment: a tenth of the page, and of use to nobody's browser. The lines
/// stay, so that an error names the line it has in the folder. No template of ours may have a line that begins with `//`.
fn without_comments(name: &str, text: &[u8]) -> Vec<u8> {
    if !name.ends_with(".js") {
        return text.to_vec();
    }
    let comment = |line: &&[u8]| line.trim_ascii_start().starts_with(b"//");
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| if comment(&line) { &[] } else { line });
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// Adds what is shared and named in these texts, by its whole path, or in what that adds; licences with what they are
/// for. So a page that draws no charts does not bring the library for them to every phone.
fn add_needed(texts: &mut BTreeMap<String, Vec<u8>>, mut shared: BTreeMap<String, Vec<u8>>) {
    loop {
        let named = |path: &str| {
            let path = path.strip_suffix("LICENSE").unwrap_or(path);
            let names = |text: &Vec<u8>| text.windows(path.len()).any(|at| at == path.as_bytes());
            texts.values().any(names)
        };
        let (found, rest): (BTreeMap<_, _>, _) =
            shared.into_iter().partition(|(path, _)| named(path));
        if found.is_empty() {
            return;
        }
        texts.extend(found);
        shared = rest;
    }
}

/// The routes to a page's files; what is not there is left to others.
pub fn routes(
    site: &'static LazyLock<Site>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and_then(move |method: Method, path: FullPath, headers: HeaderMap| {
            let answer = site.answer(&method, path.as_str(), &headers);
            std::future::ready(answer.ok_or_else(reject::not_found))
        })
}

/// The line that tells the service worker which files make the page, and which version that is. What is only for practice is not
/// kept on every phone.
fn shell(texts: &BTreeMap<String, Vec<u8>>) -> String {
    let mut version = Sha256::new();
    let mut paths = vec!["/"];
    for (path, text) in texts {
        version.update((path.len() as u64).to_be_bytes());
        version.update(path);
        version.update((text.len() as u64).to_be_bytes());
        version.update(text);
        if path != "/index.html"
            && !path.starts_with("/practice/")
            && kind(path).is_some_and(|kind| kind != LICENCE)
        {
            paths.push(path);
        }
    }
    paths.retain(|path| *path != format!("/{WORKER}"));
    let version = HEXLOWER.encode(&version.finalize()[..8]);
    let shell = serde_json::json!({ "version": version, "paths": paths });
    format!("const SHELL = {shell};\n")
}

const HTML: &str = "text/html; charset=utf-8";

/// The type of the texts that say whose the vendored files are; nobody needs them to see the page.
const LICENCE: &str = "text/plain; charset=utf-8";

/// What a file is, by its name; `None` for what is not to be served.
fn kind(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    Some(match name.rsplit_once('.').map(|(_, end)| end) {
        _ if name == "LICENSE" => LICENCE,
        None if !name.is_empty() && name != "c" => return None,
        None | Some("html") => HTML,
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some(_) => return None,
    })
}

impl File {
    fn new(path: &str, text: Vec<u8>) -> Option<Self> {
        let kind = kind(path)?;
        let hash = HEXLOWER.encode(&Sha256::digest(&text)[..12]);
        // Weak, because it is that of all forms.
        let tag = HeaderValue::from_str(&format!("W/\"{hash}\"")).ok()?;
        Some(Self {
            kind,
            tag,
            plain: text.into(),
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        })
    }

    /// The file in a form, if that is smaller than the plain one.
    fn compressed(&self, coding: Coding) -> Option<&Bytes> {
        let smaller = |bytes: Option<Vec<u8>>| {
            let smaller = bytes.filter(|bytes| bytes.len() < self.plain.len());
            smaller.map(Bytes::from)
        };
        match coding {
            Coding::Brotli => self.brotli.get_or_init(|| smaller(brotli(&self.plain))),
            Coding::Gzip => self.gzip.get_or_init(|| smaller(gzip(&self.plain))),
            Coding::Plain => &None,
        }
        .as_ref()
    }

    fn response(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(IF_NONE_MATCH).iter().any(|tags| {
            let tags = tags.to_str().unwrap_or_default().split(',');
            tags.map(str::trim).any(|tag| tag == "*" || self.tag == tag)
        });
        let mut response = Response::default();
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let coding = Coding::wanted(asked);
            let bytes = self.compressed(coding);
            if let Some(name) = bytes.and(coding.name()) {
                let name = HeaderValue::from_static(name);
                response.headers_mut().insert(CONTENT_ENCODING, name);
            }
            *response.body_mut() = bytes.unwrap_or(&self.plain).clone().into();
        }
        let headers = response.headers_mut();
        for (name, value) in [
            (ETAG, self.tag.clone()),
            (VARY, HeaderValue::from_static("accept-encoding")),
            // Kept, and asked about each time.
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (CONTENT_SECURITY_POLICY, POLICY),
        ] {
            headers.insert(name, value);
        }
        response
    }
}

/// The best that brotli has: its quality is 0 to 11, its window two to the 24th at most.
fn brotli(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = CompressorWriter::new(Vec::new(), 4096, 11, 24);
    encoder.write_all(text).ok()?;
    Some(encoder.into_inner())
}

fn gzip(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}

impl Coding {
    /// As `Accept-Encoding` and `Content-Encoding` have it; `None` for the plain form, which the latter does not name.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }

    /// The form that the browser would rather have; of those it likes alike, the smallest.
    fn wanted(asked: &HeaderMap) -> Self {
        let mut best = (Self::Plain, weight(asked, "identity", false));
        for coding in [Self::Gzip, Self::Brotli] {
            let weight = weight(asked, coding.name().unwrap_or_default(), true);
            if weight > 0.0 && weight >= best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }
}

/// How much the browser wants a coding, from 0, which is not at all, to 1: what `Accept-Encoding` says of it, else of `others`
/// (`*`).
fn weight(asked: &HeaderMap, coding: &str, others: bool) -> f32 {
    let of = |wanted: &str| {
        let lists = asked.get_all(ACCEPT_ENCODING).iter();
        let codings = lists.flat_map(|list| list.to_str().unwrap_or_default().split(','));
        codings
            .map(|coding| coding.split_once(';').unwrap_or((coding, "q=1")))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, weight)| {
                let number = weight.trim().strip_prefix(['q', 'Q']);
                let number = number.and_then(|rest| rest.strip_prefix('=')?.parse().ok());
                number
                    .filter(|number| (0.0..=1.0).contains(number))
                    .unwrap_or_default()
            })
    };
    of(coding)
        .or_else(|| of("*").filter(|_| others))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors() -> &'static Site {
        &VISITORS
    }

    fn get(site: &Site, path: &str, headers: &[(HeaderName, &'static str)]) -> Option<Response> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        site.answer(&Method::GET, path, &headers.collect())
    }

    #[test]
    fn the_page_is_whole() {
        let site = visitors();
        for path in [
            "/",
            "/c",
            "/sw.js",
            "/vendor/preact/preact.mjs",
            "/vendor/preact/LICENSE",
            "/common/bytes.js",
        ] {
            assert!(get(site, path, &[]).is_some(), "{path}");
        }
        // Neither by another name nor from another folder.
        for path in [
            "",
            "/index.html",
            "/visitor/",
            "/vendor/",
            "/vendor/MANIFEST",
            "/vendor/uplot/uPlot.esm.js", // nothing here needs it
            "/../Cargo.toml",
            "//",
        ] {
            assert!(get(site, path, &[]).is_none(), "{path}");
        }
        // Every import of every module is there.
        for (path, file) in &site.files {
            let text = String::from_utf8_lossy(&file.plain);
            if path.starts_with("/vendor/") || !file.kind.starts_with("text/javascript") {
                continue;
            }
            for line in text
                .lines()
                .filter(|line| line.starts_with("import ") || line.starts_with("} from "))
            {
                let wanted = line.split('\'').nth(1).expect(line);
                assert!(
                    wanted.starts_with('/') && site.files.contains_key(wanted),
                    "{path}: {line}"
                );
            }
        }
    }

    #[test]
    fn files_of_others_are_what_the_manifest_says() {
        let manifest = std::fs::read_to_string("web/vendor/MANIFEST").expect("a manifest");
        let mut listed = Vec::new();
        for line in manifest.lines() {
            let (hash, rest) = line.split_once("  ").expect("a hash");
            let name = rest.split("  ").next().expect("a name");
            let file = Files::get(&format!("vendor/{name}")).expect(name);
            let found = HEXLOWER.encode(&Sha256::digest(&file.data));
            assert_eq!(found, hash, "{name}");
            listed.push(format!("vendor/{name}"));
        }
        for name in Files::iter().filter(|name| name.starts_with("vendor/")) {
            assert!(
                name == "vendor/MANIFEST"
                    || name == "vendor/README.md"
                    || listed.iter().any(|listed| *listed == *name),
                "{name}: is not in the manifest"
            );
        }
    }

    #[test]
    fn comments_stay_in_the_folder() {
        let text = b"// What this is for.\n\nconst a = 1; // one\n  // two\nconst b = 'http://';\n";
        let sent = without_comments("views/x.js", text);
        assert_eq!(sent, b"\n\nconst a = 1; // one\n\nconst b = 'http://';\n");
        assert_eq!(without_comments("strings/x.json", text), text);
        for (path, file) in &visitors().files {
            let text = String::from_utf8_lossy(&file.plain);
            let comment = text.lines().any(|line| line.starts_with("//"));
            assert!(!path.ends_with(".js") || !comment, "{path}");
        }
    }

    #[test]
    fn a_browser_that_has_it_is_told_so() {
        let site = visitors();
        let first = get(site, "/", &[]).expect("a page");
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        assert!(first.headers().get(CONTENT_ENCODING).is_none());
        let tag = first.headers()[ETAG].clone();
        let asked = HeaderMap::from_iter([(IF_NONE_MATCH, tag)]);
        let again = site.answer(&Method::GET, "/", &asked).expect("a page");
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = get(site, "/", &[(IF_NONE_MATCH, "W/\"0\"")]).expect("a page");
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn each_browser_gets_the_form_it_likes_best() {
        let site = visitors();
        for (codings, form) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip, deflate, br, zstd", Some("br")),
            ("BR;Q=1.0, gzip;q=0.8", Some("br")),
            ("gzip ; q=1.0, br; q=0.5", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("*", Some("br")),
            ("*, br;q=0", Some("gzip")),
            ("gzip;q=0, *;q=0.1", Some("br")),
            ("identity, br;q=0.9", None),
            ("identity;q=0.5, *", Some("br")),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("br;q=2", None),
            ("br;q=NaN", None),
            ("gzip;level=9", None),
            ("deflate", None),
            ("identity", None),
            ("*;q=0", None),
            ("", None),
        ] {
            let page = get(site, "/", &[(ACCEPT_ENCODING, codings)]).expect("a page");
            let found = page.headers().get(CONTENT_ENCODING);
            let found = found.map(|name| name.to_str().expect("text"));
            assert_eq!(found, form, "{codings}");
            assert_eq!(page.headers()[VARY], "accept-encoding");
        }
    }

    #[test]
    fn every_form_is_the_same_file() {
        let mut sizes = [0; 3];
        for file in visitors().files.values() {
            let mut plain = Vec::new();
            let brotli = file.compressed(Coding::Brotli);
            if let Some(bytes) = brotli {
                brotli::BrotliDecompress(&mut bytes.as_ref(), &mut plain).expect("brotli");
                assert_eq!(plain, file.plain);
            }
            let gzip = file.compressed(Coding::Gzip);
            if let Some(bytes) = gzip {
                plain.clear();
                let mut decoder = flate2::read::GzDecoder::new(bytes.as_ref());
                std::io::Read::read_to_end(&mut decoder, &mut plain).expect("gzip");
                assert_eq!(plain, file.plain);
            }
            for (size, form) in sizes.iter_mut().zip([brotli, gzip, None]) {
                *size += form.unwrap_or(&file.plain).len();
            }
        }
        let [brotli, gzip, plain] = sizes;
        assert!(brotli < gzip && gzip < plain / 2, "{sizes:?}");
    }

    #[test]
    fn what_is_only_for_practice_is_not_kept_on_every_phone() {
        let worker = String::from_utf8_lossy(&visitors().files["/sw.js"].plain).into_owned();
        let list = worker.lines().next().expect("a list");
        assert!(list.contains("\"/model.js\"") && !list.contains("/practice/"));
        assert!(get(visitors(), "/practice/sample.js", &[]).is_some());
    }

    #[test]
    fn pages_are_read_and_nothing_else() {
        let site = visitors();
        let post = site
            .answer(&Method::POST, "/", &HeaderMap::new())
            .expect("an answer");
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(post.headers()[ALLOW], "GET, HEAD");
        assert!(
            site.answer(&Method::POST, "/nothing", &HeaderMap::new())
                .is_none()
        );
    }

    #[test]
    fn no_page_may_run_what_is_not_a_file_of_its_own() {
        let site = visitors();
        let page = get(site, "/c", &[]).expect("a page");
        let policy = page.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        let html = String::from_utf8_lossy(&site.files["/"].plain).into_owned();
        assert!(!html.contains("<style") && !html.contains(" on") && !html.contains("style="));
    }

    #[test]
    fn the_camera_is_for_visitors_alone() {
        for (site, camera) in [
            (&*VISITORS, "camera=(self), "),
            (&*OPERATORS, "camera=(), "),
        ] {
            for (path, _) in site.files.iter().filter(|(_, file)| file.kind == HTML) {
                let page = get(site, path, &[]).expect("a page");
                let policy = page.headers()["permissions-policy"].to_str().expect("text");
                assert!(policy.starts_with(camera), "{path}: {policy}");
                assert!(policy.contains("microphone=()"), "{path}: {policy}");
            }
        }
    }
}
