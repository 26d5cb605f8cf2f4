//! Charts as SVG: bars for throughputs and latencies, lines for what grows.
//!
//! Plain shapes and the reader's own fonts. Colours are chosen so that text reads on a light page and on a dark one.

use super::figures::Spread;
use super::table::{add, whole};

const WIDTH: f64 = 840.0;
const MARGIN: f64 = 24.0;

/// Above the plot: the title and the legend.
const HEAD: f64 = 74.0;

/// A bar, the gap to the next, and the gap to the next group, top to bottom.
const BAR: f64 = 15.0;
const GAP: f64 = 3.0;
const GROUP: f64 = 14.0;

/// Where bars begin: to the left stand their names.
const NAMES: f64 = 296.0;

/// Room right of the longest bar for its figure.
const FIGURES: f64 = 110.0;

/// The height of a plot with lines, and the room for what stands to its left and below.
const PLOT: f64 = 260.0;
const LEFT: f64 = 72.0;
const BELOW: f64 = 58.0;

/// In the order that series come: blue, grey, orange, green.
const COLOURS: [&str; 4] = ["#3b76c4", "#9aa5b1", "#e08a3c", "#4f9d69"];

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2933}\
.title{font-size:17px;font-weight:600}.small{font-size:11.5px;fill:#616e7c}\
.grid{stroke:#d9dee4;stroke-width:1}.axis{stroke:#7b8794;stroke-width:1}.spread{stroke:#323f4b;stroke-width:1.2}\
.page{fill:#ffffff}\
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.small{fill:#9aa5b1}.grid{stroke:#3e4c59}.page{fill:#1b2129}\
.spread{stroke:#cbd2d9}}";

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chart {
    /// A group of bars for each thing measured.
    Bars {
        /// The file's, without its ending.
        name: String,
        title: String,
        unit: &'static str,
        /// What the bars of a group stand for.
        series: Vec<String>,
        groups: Vec<Group>,
    },
    /// A line for each database over something that grows by powers of ten.
    Lines {
        /// The file's, without its ending.
        name: String,
        title: String,
        across: String,
        lines: Vec<Line>,
    },
}

/// The bars of one thing, one for each series; `None`: not measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Option<Spread>>,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// From left to right.
    pub(super) points: Vec<(f64, Spread)>,
}

impl Chart {
    /// The file's name.
    pub(super) fn file(&self) -> String {
        let (Self::Bars { name, .. } | Self::Lines { name, .. }) = self;
        format!("{name}.svg")
    }

    /// What it shows.
    pub(super) fn title(&self) -> &str {
        let (Self::Bars { title, .. } | Self::Lines { title, .. }) = self;
        title
    }

    /// Whether there is anything to show.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Bars { groups, .. } => groups.is_empty(),
            Self::Lines { lines, .. } => lines.iter().all(|line| line.points.len() < 2),
        }
    }

    /// The picture.
    pub(super) fn svg(&self) -> String {
        match self {
            Self::Bars {
                title,
                unit,
                series,
                groups,
                ..
            } => bars(title, unit, series, groups),
            Self::Lines {
                title, across, lines, ..
            } => plot(title, across, lines),
        }
    }
}

/// A text that may hold anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// The beginning of a picture: its size, its title, and what the colours stand for.
fn head(height: f64, title: &str, legend: &[String]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{label}\"><style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"34\">{label}</text>\n",
        label = escaped(title)
    );
    let mut x = MARGIN;
    for (place, name) in legend.iter().enumerate() {
        add(
            &mut svg,
            format_args!(
                "<rect x=\"{x:.0}\" y=\"47\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{}\"/><text class=\"small\" \
                 x=\"{:.0}\" y=\"57\">{}</text>\n",
                colour(place),
                x + 18.0,
                escaped(name)
            ),
        );
        // Letters of this size are about so wide.
        x += 44.0 + 6.4 * letters(name);
    }
    svg
}

fn letters(text: &str) -> f64 {
    u32::try_from(text.chars().count()).map_or(0.0, f64::from)
}

/// A round figure not below the one given, and steps that divide it.
fn scale(most: f64) -> (f64, f64) {
    if most <= 0.0 {
        return (1.0, 1.0);
    }
    let decade = 10_f64.powf(most.log10().floor());
    let (step, times) = [
        (0.25, 4.0),
        (0.25, 5.0),
        (0.25, 6.0),
        (0.5, 4.0),
        (0.5, 5.0),
        (0.5, 6.0),
        (1.0, 4.0),
        (1.0, 5.0),
        (1.0, 6.0),
        (2.0, 4.0),
    ]
    .into_iter()
    .find(|(step, times)| step * times * decade >= most)
    .unwrap_or((2.0, 5.0));
    (step * times * decade, step * decade)
}

/// A figure as short as it can be read.
fn short(figure: f64) -> String {
    if figure == 0.0 {
        "0".to_owned()
    } else if figure < 10.0 {
        format!("{figure:.1}")
    } else {
        whole(figure)
    }
}

fn bars(title: &str, unit: &str, series: &[String], groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.bars.iter().flatten().count()).sum();
    let bottom = HEAD + count(rows) * (BAR + GAP) + count(groups.len()) * GROUP;
    let mut svg = head(bottom + 44.0, title, series);
    let all = || groups.iter().flat_map(|group| group.bars.iter().flatten());
    let (most, step) = scale(all().map(|bar| bar.most).fold(0.0, f64::max));
    let wide = WIDTH - NAMES - FIGURES;
    let at = |figure: f64| NAMES + wide * figure / most;
    let mut tick = 0.0;
    while tick <= most * 1.001 {
        let x = at(tick);
        add(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                HEAD - 4.0,
                bottom + 18.0,
                short(tick)
            ),
        );
        tick += step;
    }
    let mut y = HEAD + GROUP / 2.0;
    for group in groups {
        let shown: Vec<(usize, Spread)> = group
            .bars
            .iter()
            .enumerate()
            .filter_map(|(place, bar)| Some((place, (*bar)?)))
            .collect();
        let middle = y + count(shown.len()) * (BAR + GAP) / 2.0 + 3.0;
        add(
            &mut svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\n",
                NAMES - 12.0,
                escaped(&group.name)
            ),
        );
        for (place, bar) in shown {
            let (from, to, centre) = (at(bar.least), at(bar.most), y + BAR / 2.0);
            add(
                &mut svg,
                format_args!(
                    "<rect x=\"{NAMES:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR:.1}\" rx=\"2\" fill=\"{}\"/>\
                     <line class=\"spread\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{centre:.1}\" y2=\"{centre:.1}\"/>\
                     <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                    (at(bar.median) - NAMES).max(1.0),
                    colour(place),
                    to.max(at(bar.median)) + 6.0,
                    y + BAR - 3.5,
                    format_args!("{}{unit}", short(bar.median)),
                ),
            );
            y += BAR + GAP;
        }
        y += GROUP;
    }
    svg.push_str("</svg>\n");
    svg
}

fn count(many: usize) -> f64 {
    u32::try_from(many).map_or(0.0, f64::from)
}

fn plot(title: &str, across: &str, lines: &[Line]) -> String {
    let bottom = HEAD + PLOT;
    let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
    let mut svg = head(bottom + BELOW, title, &names);
    let points = || lines.iter().flat_map(|line| &line.points);
    let (most, step) = scale(points().map(|(_, spread)| spread.most).fold(0.0, f64::max));
    let (left, right) = (LEFT, WIDTH - MARGIN - 20.0);
    let mut stops: Vec<f64> = points().map(|(place, _)| *place).collect();
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    // Stops stand as far apart as each other: they grow by powers of ten, and the first may be none at all.
    let across_at = |place: f64| {
        let number = stops.iter().position(|stop| (stop - place).abs() < 0.5).unwrap_or(0);
        left + 30.0 + (right - left - 60.0) * count(number) / count(stops.len().saturating_sub(1).max(1))
    };
    let up = |figure: f64| bottom - PLOT * figure / most;
    let mut tick = 0.0;
    while tick <= most * 1.001 {
        let y = up(tick);
        add(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                left - 8.0,
                y + 4.0,
                short(tick)
            ),
        );
        tick += step;
    }
    for stop in &stops {
        add(
            &mut svg,
            format_args!(
                "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                across_at(*stop),
                bottom + 20.0,
                whole(*stop)
            ),
        );
    }
    add(
        &mut svg,
        format_args!(
            "<line class=\"axis\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            f64::midpoint(left, right),
            bottom + 42.0,
            escaped(across)
        ),
    );
    for (place, line) in lines.iter().enumerate() {
        let colour = colour(place);
        let corners: Vec<String> = line
            .points
            .iter()
            .map(|(x, spread)| format!("{:.1},{:.1}", across_at(*x), up(spread.median)))
            .collect();
        add(
            &mut svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\" \
                 stroke-linejoin=\"round\"/>\n",
                corners.join(" ")
            ),
        );
        for (x, spread) in &line.points {
            let x = across_at(*x);
            add(
                &mut svg,
                format_args!(
                    "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
                     stroke-width=\"1.2\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>\n",
                    up(spread.least),
                    up(spread.most),
                    up(spread.median)
                ),
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(figure: f64) -> Spread {
        Spread {
            least: figure * 0.9,
            median: figure,
            most: figure * 1.1,
        }
    }

    #[test]
    fn a_scale_ends_at_a_round_figure_not_far_above_the_most() {
        for most in [0.3, 1.0, 7.0, 42.0, 999.0, 12_345.0, 98_000.0] {
            let (end, step) = scale(most);
            assert!(end >= most && end <= most * 2.1, "{most}: {end}");
            assert!((end / step).fract().abs() < 1e-9, "{most}: {end} by {step}");
        }
    }

    #[test]
    fn bars_tell_their_names_and_figures_and_escape_what_is_no_letter() {
        let chart = Chart::Bars {
            name: "throughput".to_owned(),
            title: "Allocations <a second>".to_owned(),
            unit: "/s",
            series: vec!["Earmark".to_owned(), "Yardstick".to_owned()],
            groups: vec![Group {
                name: "1,000 SKUs & more".to_owned(),
                bars: vec![Some(spread(12_000.0)), None],
            }],
        };
        let svg = chart.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("12,000/s") && svg.contains("1,000 SKUs &amp; more"));
        assert!(svg.contains("Allocations &lt;a second&gt;"));
        assert_eq!(chart.file(), "throughput.svg");
    }

    #[test]
    fn a_line_goes_through_all_of_its_points() {
        let line = Line {
            name: "PostgreSQL".to_owned(),
            points: vec![(0.0, spread(10.0)), (100.0, spread(9.0)), (10_000.0, spread(8.0))],
        };
        let chart = Chart::Lines {
            name: "curve".to_owned(),
            title: "Growth".to_owned(),
            across: "waiting lines".to_owned(),
            lines: vec![line],
        };
        let svg = chart.svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains(">10,000</text>") && !chart.is_empty());
    }
}
