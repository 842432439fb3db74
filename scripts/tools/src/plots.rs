//! Draws what the benches left in their folder: how long questions take beside the alternatives, and what a visit and a
//! contact cost as the graph grows. SVG on white, so that it reads on any page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use charts_rs::{AxisScale, Color, HorizontalBarChart, LineChart, Series, YAxisConfig};
use serde_json::Value;

use crate::Error;

const WIDTH: f32 = 960.0;
/// Common on every system; the last stands for whatever there is.
const FONTS: &str = "Helvetica, Arial, sans-serif";

/// The systems compared, as files and readers call them, each with a colour that the colour-blind can tell from the
/// others (by Okabe and Ito).
const PEERS: [(&str, &str, &str); 5] = [
    ("lct", "LCT", "#d55e00"),
    ("zset-lua", "Redis ZSETs + Lua", "#0072b2"),
    ("postgresql", "PostgreSQL", "#56b4e9"),
    ("duckdb", "DuckDB", "#009e73"),
    ("falkordb", "FalkorDB", "#cc79a7"),
];

const QUESTIONS: [&str; 3] = [
    "first order, 48 hours",
    "first order, 14 days",
    "second order, 48 hours",
];

/// Draws everything that has been measured, from the newest files of a folder; the drawings' paths.
///
/// # Errors
/// A file cannot be read or written.
pub fn draw(from: &Path, to: &Path) -> Result<Vec<PathBuf>, Error> {
    let modules = newest_first(from, "module-")?;
    let peers = newest_first(from, "peers-")?;
    let drawings = [
        ("latency.svg", latency(&peers, &modules)?),
        ("growth.svg", modules.iter().find_map(growth).transpose()?),
    ];
    let mut paths = vec![];
    for (name, drawing) in drawings {
        if let Some(drawing) = drawing {
            std::fs::create_dir_all(to)?;
            paths.push(to.join(name));
            std::fs::write(to.join(name), drawing)?;
        }
    }
    Ok(paths)
}

/// Their names end in the second they were written.
fn newest_first(folder: &Path, prefix: &str) -> Result<Vec<Value>, Error> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let second = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(".json"));
        if let Some(second) = second.and_then(|second| second.parse::<u64>().ok()) {
            files.push((second, path));
        }
    }
    files.sort_unstable();
    let read = |(_, path): &(u64, PathBuf)| Ok(serde_json::from_slice(&std::fs::read(path)?)?);
    files.iter().rev().map(read).collect()
}

/// Median times by size, question and peer.
type Latencies = BTreeMap<(u64, usize), BTreeMap<String, f64>>;

fn latency(peers: &[Value], modules: &[Value]) -> Result<Option<String>, Error> {
    let mut times = Latencies::new();
    let mut add = |visits: &Value, row: &Value, peer: &Value, time: &Value| {
        let question = QUESTIONS
            .iter()
            .position(|&question| row["question"] == question);
        let (Some(question), Some(visits)) = (question, visits.as_f64()) else {
            return;
        };
        if let (Some(peer), Some(time)) = (peer.as_str(), time.as_f64()) {
            let group = times.entry((nominal(visits), question)).or_default();
            group.entry(peer.to_owned()).or_insert(time);
        }
    };
    // What was measured beside the others goes first: times of one run compare.
    for size in peers.iter().take(1).flat_map(|file| list(&file["sizes"])) {
        for row in list(&size["rows"]) {
            add(&size["visits"], row, &row["peer"], &row["p50_us"]);
        }
    }
    for row in modules.iter().flat_map(|file| list(&file["rows"])) {
        let numbers = &row["numbers"];
        if numbers["with_times"] == false && numbers["stadium"] == false {
            add(
                &numbers["visits"],
                numbers,
                &"lct".into(),
                &numbers["asked"]["p50_us"],
            );
        }
    }
    if times.is_empty() {
        return Ok(None);
    }

    // From the top down; the library begins at the bottom.
    let groups = || times.iter().rev();
    // With blanks at the end: in some fonts letters are wider than the library reckons with.
    let names = groups().map(|((visits, question), _)| {
        format!(
            "{} · {}{}",
            QUESTIONS[*question],
            size(*visits),
            "\u{a0}".repeat(7)
        )
    });
    let measured = PEERS
        .iter()
        .filter(|(peer, ..)| groups().any(|(_, group)| group.contains_key(*peer)));
    let mut series = vec![];
    let mut colors: Vec<Color> = vec![];
    for (peer, name, color) in measured {
        let times = groups().map(|(_, group)| group.get(*peer).map(|&time| time as f32));
        series.push(labelled(name, times.collect()));
        colors.push((*color).into());
    }
    let height = 130.0 + 19.0 * ((series.len() + 1) * times.len()) as f32;
    let mut chart = HorizontalBarChart::new(series, names.collect());
    chart.width = WIDTH;
    chart.height = height;
    chart.font_family = FONTS.into();
    chart.title.text = "Who was exposed? Median time until the whole answer is there".into();
    chart.sub_title.text =
        "order, look-back and visits in the graph; one question at a time; each line is ten times the one before".into();
    chart.margin.right = 24.0;
    chart.x_axis.title = "microseconds, logarithmic".into();
    chart.series.colors = colors;
    chart.series.label.formatter = "{t}".into();
    chart.series.label.font.size = 11.0;
    let most = groups().flat_map(|(_, group)| group.values().copied());
    let decades = most.fold(100.0, f64::max).log10().ceil() - 1.0;
    let axis = axis(&mut chart.y_axis_configs);
    axis.scale = AxisScale::Log(10.0);
    axis.min = Some(10.0);
    axis.max = Some(10.0_f32.powf(1.0 + decades as f32));
    axis.split_number = decades as usize; // a line for each
    Ok(Some(chart.svg()?))
}

/// `None` where a run did not measure it.
fn growth(file: &Value) -> Option<Result<String, Error>> {
    let costs = list(&file["rows"]).find_map(|row| row["numbers"]["costs"].as_array())?;
    let line = |name: &str, cost: &str| {
        let costs = costs
            .iter()
            .map(|costs| costs[cost].as_f64().map(|cost| cost.round() as f32));
        labelled(name, costs.collect())
    };
    let sizes = costs
        .iter()
        .map(|costs| size(nominal(costs["visits"].as_f64().unwrap_or_default())));
    let lines = vec![
        line("LCT.VISIT, a visit", "visit_ns"),
        line("SET, a key", "set_ns"),
        line("LCT.EXPOSED, a contact", "contact_ns"),
    ];
    let mut chart = LineChart::new(lines, sizes.collect());
    chart.width = WIDTH;
    chart.height = 420.0;
    chart.font_family = FONTS.into();
    chart.title.text = "What it costs as the graph grows".into();
    chart.sub_title.text = "beside SET over as many keys as there are visitors".into();
    chart.x_axis.title = "visits in the graph".into();
    chart.series.colors = ["#d55e00", "#0072b2", "#009e73"].map(Color::from).to_vec();
    chart.series.label.formatter = "{t}".into();
    let axis = axis(&mut chart.y_axis_configs);
    axis.scale = AxisScale::Log(10.0);
    axis.title = Some("ns of server CPU each, logarithmic".into());
    Some(chart.svg().map_err(Error::from))
}

fn axis(axes: &mut Vec<YAxisConfig>) -> &mut YAxisConfig {
    if axes.is_empty() {
        axes.push(YAxisConfig::default());
    }
    &mut axes[0]
}

fn labelled(name: &str, values: Vec<Option<f32>>) -> Series {
    let mut series = Series::from((name, values));
    series.label_show = true;
    series
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// How many visits a city was to have, from how many it has: two digits of it.
fn nominal(visits: f64) -> u64 {
    let digits = 10f64.powf(visits.max(1.0).log10().floor() - 1.0);
    ((visits / digits).round() * digits) as u64
}

fn size(visits: u64) -> String {
    if visits >= 1_000_000 {
        format!("{} M", visits as f64 / 1e6)
    } else {
        format!("{} k", visits as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn draws_what_there_is_from_the_newest_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, value: Value| {
            std::fs::write(folder.path().join(name), value.to_string()).unwrap()
        };
        assert!(draw(folder.path(), folder.path()).unwrap().is_empty());

        let asked = |p50| {
            json!({ "numbers": {
                "visits": 999_836, "question": "first order, 14 days", "with_times": false, "stadium": false, "asked": { "p50_us": p50 },
            } })
        };
        let grown = json!({ "numbers": { "costs": [
            { "visits": 1_000_000, "set_ns": 700.4, "visit_ns": 1_000.0, "contact_ns": 60.0 },
            { "visits": 10_000_000, "set_ns": 900.0, "visit_ns": 1_300.0, "contact_ns": 70.0 },
        ] } });
        write("module-9.json", json!({ "rows": [asked(171.0), grown] }));
        write("module-10.json", json!({ "rows": [asked(172.0)] }));
        let peer =
            |peer, p50| json!({ "peer": peer, "question": "first order, 14 days", "p50_us": p50 });
        write(
            "peers-7.json",
            json!({ "sizes": [{ "visits": 1_000_000, "rows": [peer("postgresql", 3_200.0), peer("duckdb", 11_500.0)] }] }),
        );

        let drawn = draw(folder.path(), &folder.path().join("drawn")).unwrap();
        let texts: Vec<String> = drawn
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let has = |drawing: usize, text: &str| assert!(texts[drawing].contains(text), "{text}");
        for text in [
            "172",
            "3,200",
            "11,500",
            "PostgreSQL",
            "first order, 14 days · 1 M",
        ] {
            has(0, text);
        }
        assert!(!texts[0].contains("FalkorDB"));
        for text in ["700", "1,300", "10 M", "visits in the graph"] {
            has(1, text);
        }
    }
}
