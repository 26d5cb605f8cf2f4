//! Charts as SVG. The text uses the reader's own sans-serif font: drawing needs no fonts.

use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use xtask::Failure;

use crate::measure::stats::Spread;
use crate::report::figures::whole;

const WIDTH: u32 = 840;

/// The font of all text, and the sizes of titles and labels; SVG text is drawn a fifth smaller.
const FONT: &str = "sans-serif";
const TITLE: i32 = 21;
const SMALL: i32 = 16;

/// The height of the title and the legend, and of a plot of lines.
const HEAD: u32 = 64;
const PLOT: u32 = 320;

/// The height of a bar's slot, of the bar in it, of the gap between two groups, and of the axis.
const SLOT: u32 = 18;
const BAR: i32 = 15;
const GROUP_GAP: u32 = 14;
const AXIS: u32 = 44;

/// The width of the group names.
const NAMES: u32 = 290;

/// The distance of two points of a line on the axis of its parameter, and of the first and last from its ends.
const STEP: i32 = 10;
const INSET: i32 = 3;

/// How much longer the axes are than the greatest value, so that there is room for its label.
const HEADROOM: f64 = 1.15;

/// Blue, grey, orange, green: for the first to the fourth series.
const COLOURS: [RGBColor; 4] = [
    RGBColor(59, 118, 196),
    RGBColor(154, 165, 177),
    RGBColor(224, 138, 60),
    RGBColor(79, 157, 105),
];
const TEXT: RGBColor = RGBColor(31, 41, 51);
const GRID: RGBColor = RGBColor(217, 222, 228);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A chart with a title, in a file of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// The file's name without its extension.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) plot: Plot,
}

/// A line's name, and its points in ascending order of the parameter.
pub(crate) type Line = (String, Vec<(f64, Spread)>);

/// What a chart shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plot {
    /// Groups of horizontal bars.
    Bars {
        unit: &'static str,
        /// What the bars of each group stand for.
        series: Vec<String>,
        /// Each group's name, and its bars in the order of the series.
        groups: Vec<(String, Vec<Spread>)>,
    },
    /// Lines over the values of one parameter.
    Lines { parameter: String, lines: Vec<Line> },
}

impl Chart {
    /// The file's name.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.svg", self.name)
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.plot {
            Plot::Bars { groups, .. } => groups.is_empty(),
            Plot::Lines { lines, .. } => lines.iter().all(|(_, points)| points.len() < 2),
        }
    }

    /// Draws it.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        match &self.plot {
            Plot::Bars { unit, series, groups } => {
                let bars: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
                let height = HEAD + AXIS + SLOT * u32::try_from(bars)? + GROUP_GAP * u32::try_from(groups.len())?;
                let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
                draw_bars(&head(&root, &self.title, series)?, unit, groups)?;
                root.present()?;
            }
            Plot::Lines { parameter, lines } => {
                let names: Vec<String> = lines.iter().map(|(name, _)| name.clone()).collect();
                let root = SVGBackend::with_string(&mut svg, (WIDTH, HEAD + PLOT)).into_drawing_area();
                draw_lines(&head(&root, &self.title, &names)?, parameter, lines)?;
                root.present()?;
            }
        }
        Ok(svg)
    }
}

fn colour(series: usize) -> RGBColor {
    COLOURS[series % COLOURS.len()]
}

/// The greatest of all measurements, at least 1.
fn greatest<'a>(spreads: impl Iterator<Item = &'a Spread>) -> f64 {
    spreads.map(|spread| spread.most).fold(1.0, f64::max)
}

/// A value on an axis or at a bar.
fn label(value: f64) -> String {
    if value > 0.0 && value < 10.0 {
        format!("{value:.1}")
    } else {
        whole(value)
    }
}

/// Draws the title and the legend. Returns the area below.
fn head<'a>(root: &Area<'a>, title: &str, legend: &[String]) -> Result<Area<'a>, Failure> {
    root.fill(&WHITE)?;
    let (head, plot) = root.split_vertically(HEAD);
    head.draw_text(title, &(FONT, TITLE).into_text_style(&head).color(&TEXT), (20, 12))?;
    let style = (FONT, SMALL).into_text_style(&head).color(&TEXT);
    let mut x = 20;
    for (series, name) in legend.iter().enumerate() {
        head.draw(&Rectangle::new([(x, 42), (x + 11, 53)], colour(series).filled()))?;
        head.draw_text(name, &style, (x + 17, 41))?;
        let (width, _) = head.estimate_text_size(name, &style)?;
        x += i32::try_from(width)? + 44;
    }
    Ok(plot)
}

fn draw_bars(area: &Area<'_>, unit: &str, groups: &[(String, Vec<Spread>)]) -> Result<(), Failure> {
    let (slot, gap) = (i32::try_from(SLOT)?, i32::try_from(GROUP_GAP)?);
    // In pixels from the top; the axis points downwards.
    let mut tops = Vec::new();
    let mut height = gap / 2;
    for (_, bars) in groups {
        tops.push(height);
        height += slot * i32::try_from(bars.len())? + gap;
    }
    let middles: Vec<i32> = groups
        .iter()
        .zip(&tops)
        .map(|((_, bars), top)| top + slot * i32::try_from(bars.len()).unwrap_or(0) / 2)
        .collect();
    let name = |y: &i32| {
        let group = middles.iter().position(|middle| middle == y);
        group.map(|group| groups[group].0.clone()).unwrap_or_default()
    };
    let most = greatest(groups.iter().flat_map(|(_, bars)| bars)) * HEADROOM;
    let mut chart = ChartBuilder::on(area)
        .margin_right(20)
        .x_label_area_size(AXIS)
        .y_label_area_size(NAMES)
        .build_cartesian_2d(0.0..most, (height - gap / 2..0).with_key_points(middles.clone()))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(6)
        .y_labels(groups.len())
        .x_label_formatter(&|x| label(*x))
        .y_label_formatter(&name)
        .label_style((FONT, SMALL).into_font().color(&TEXT))
        .draw()?;
    let values = (FONT, SMALL).into_font().color(&TEXT);
    let values = values.pos(Pos::new(HPos::Left, VPos::Center));
    for ((_, bars), top) in groups.iter().zip(&tops) {
        for (series, bar) in bars.iter().enumerate() {
            let upper = top + slot * i32::try_from(series)?;
            let (lower, middle) = (upper + BAR, upper + BAR / 2);
            let filled = colour(series).filled();
            chart.draw_series([Rectangle::new([(0.0, upper), (bar.median, lower)], filled)])?;
            chart.draw_series([PathElement::new([(bar.least, middle), (bar.most, middle)], TEXT)])?;
            let text = Text::new(format!("{}{unit}", label(bar.median)), (6, 0), values.clone());
            chart.draw_series([EmptyElement::at((bar.most, middle)) + text])?;
        }
    }
    Ok(())
}

fn draw_lines(area: &Area<'_>, parameter: &str, lines: &[Line]) -> Result<(), Failure> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let mut stops: Vec<f64> = points().map(|(x, _)| *x).collect();
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    // The stops are powers of ten, and perhaps zero: they are drawn at equal distances.
    let places: Vec<i32> = (0..).step_by(STEP.unsigned_abs() as usize).take(stops.len()).collect();
    let place = |x: f64| {
        stops
            .iter()
            .position(|stop| stop.total_cmp(&x).is_eq())
            .map_or(0, |stop| places[stop])
    };
    let stop = |place: &i32| {
        let found = places.iter().position(|known| known == place);
        found.map(|found| whole(stops[found])).unwrap_or_default()
    };
    let right = places.last().copied().unwrap_or_default() + INSET;
    let most = greatest(points().map(|(_, spread)| spread)) * HEADROOM;
    let mut chart = ChartBuilder::on(area)
        .margin_right(30)
        .x_label_area_size(AXIS)
        .y_label_area_size(70)
        .build_cartesian_2d((-INSET..right).with_key_points(places.clone()), 0.0..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_desc(parameter)
        .x_labels(stops.len())
        .y_labels(6)
        .x_label_formatter(&stop)
        .y_label_formatter(&|y| label(*y))
        .label_style((FONT, SMALL).into_font().color(&TEXT))
        .draw()?;
    for (series, (_, points)) in lines.iter().enumerate() {
        let colour = colour(series);
        let medians = points.iter().map(|(x, spread)| (place(*x), spread.median));
        chart.draw_series([PathElement::new(
            medians.clone().collect::<Vec<_>>(),
            colour.stroke_width(2),
        )])?;
        chart.draw_series(medians.map(|point| Circle::new(point, 4, colour.filled())))?;
        chart.draw_series(points.iter().map(|(x, spread)| {
            let x = place(*x);
            PathElement::new([(x, spread.least), (x, spread.most)], colour)
        }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(figure: f64) -> Spread {
        Spread::of([figure * 0.9, figure, figure * 1.1])
    }

    #[test]
    fn bars_show_names_and_values_and_escape_markup() {
        let chart = Chart {
            name: "throughput".to_owned(),
            title: "Allocations <a second>".to_owned(),
            plot: Plot::Bars {
                unit: "/s",
                series: vec!["Earmark".to_owned(), "Yardstick".to_owned()],
                groups: vec![
                    ("1,000 SKUs & more".to_owned(), vec![spread(12_000.0), spread(34_000.0)]),
                    ("one hot SKU".to_owned(), vec![spread(11_000.0)]),
                ],
            },
        };
        let svg = chart.svg().expect("a chart");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        for text in [
            "12,000/s",
            "1,000 SKUs &amp; more",
            "one hot SKU",
            "Allocations &lt;a second&gt;",
            "Yardstick",
        ] {
            assert!(svg.contains(text), "{text} is missing: {svg}");
        }
        assert_eq!(
            (chart.file_name().as_str(), chart.is_empty()),
            ("throughput.svg", false)
        );
    }

    #[test]
    fn a_line_has_all_of_its_points() {
        let points = vec![(0.0, spread(10.0)), (100.0, spread(9.0)), (10_000.0, spread(8.0))];
        let chart = Chart {
            name: "curve".to_owned(),
            title: "Growth".to_owned(),
            plot: Plot::Lines {
                parameter: "waiting lines".to_owned(),
                lines: vec![("PostgreSQL".to_owned(), points)],
            },
        };
        let svg = chart.svg().expect("a chart");
        assert_eq!(svg.matches("<circle").count(), 3);
        for text in ["10,000", "waiting lines", "PostgreSQL"] {
            assert!(svg.contains(text), "{text} is missing: {svg}");
        }
        assert!(!chart.is_empty());
    }
}
